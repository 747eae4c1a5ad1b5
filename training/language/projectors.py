"""The two bridges of nano's language model: encoder tokens into its embedding space, signal states out to the decoders' conditioning.
Modules and their export; knows no data and no training loop."""
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ..export.onnx_graph import without_traces

#: Matrices smaller than this stay float32.
LARGE = 4096


class InputProjector(nn.Module):
    """The nine encoder tokens of a medium [9 k, 384] to its nine embeddings [9 k, 576] (NExT-GPT's grouping into concept tokens, taken at its
    word): every field of the medium is the nearest of the words that it may be, and its places are those words' rows of the language model's own
    table; places that no field has are filled by a two-layer GELU mlp from an encoder token of their own. `fields`: by name the places, the encoder
    tokens read, query [384 t, 384], bias, keys [words, 384] and ids [words, places]; `free`: encoder token by place; `start`: id at the first place."""

    def __init__(self, fields: dict, free: dict[int, int], start: int, table: torch.Tensor, inner: int = 192, source: int = 384):
        super().__init__()
        self.fields, self.free, width = list(fields), dict(free), table.shape[1]
        self.places = {name: list(field["at"]) for name, field in fields.items()}
        self.read = {name: list(field["places"]) for name, field in fields.items()}
        used = sorted({start, *(int(token) for field in fields.values() for token in field["ids"].flatten())})
        self.register_buffer("rows", table[used].float().clone())
        spot = {token: index for index, token in enumerate(used)}
        self.register_buffer("start", torch.tensor([spot[start]]))
        for name, field in fields.items():
            self.register_buffer(f"{name}_query", field["weight"].T.contiguous())
            self.register_buffer(f"{name}_bias", field["bias"])
            self.register_buffer(f"{name}_keys", field["keys"].T.contiguous())
            self.register_buffer(f"{name}_pieces", torch.tensor([[spot[int(token)] for token in row] for row in field["ids"]]))
        self.first, self.second = nn.Linear(source, inner), nn.Linear(inner, width)

    def take(self, saved: dict) -> None:
        """The mlp of a tuning state; what the heads choose is not tuned with the language model"""
        self.load_state_dict({name: value for name, value in saved.items() if name.startswith(("first.", "second."))}, strict=False)

    def filled(self, tokens: torch.Tensor) -> torch.Tensor:
        """What stands at the free places, from their encoder tokens [..., 384]"""
        return self.second(nn.functional.gelu(self.first(tokens)))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        media = tokens.reshape(-1, 9, tokens.shape[-1])
        found: dict[int, torch.Tensor] = {0: self.rows[self.start].expand(media.shape[0], -1)}
        for name in self.fields:
            query = media[:, self.read[name]].flatten(1) @ getattr(self, f"{name}_query") + getattr(self, f"{name}_bias")
            chosen = getattr(self, f"{name}_pieces")[(query @ getattr(self, f"{name}_keys")).argmax(-1)]
            for index, place in enumerate(self.places[name]):
                found[place] = self.rows[chosen[:, index]]
        for place, token in self.free.items():
            found[place] = self.filled(media[:, token])
        return torch.stack([found[place] for place in range(9)], 1).reshape(-1, self.rows.shape[1])


class OutputProjector(nn.Module):
    """NExT-GPT's `TextFcLayer` in transformer mode (NExT-GPT-Lagacy/code/model/layers.py): hidden + embedded [b, 4, 576] to conditioning
    tokens [b, 16, 384]; learned queries, no positions, no masks."""

    def __init__(self, width: int = 576, inner: int = 224, outputs: int = 16, target: int = 384, layers: int = 2, feed_forward: int = 320):
        super().__init__()
        self.enter, self.leave = nn.Linear(width, inner), nn.Linear(inner, target)
        self.transformer = nn.Transformer(inner, 4, layers, layers, feed_forward, dropout=0.0, norm_first=True, batch_first=True)
        self.queries = nn.Parameter(torch.randn(1, outputs, inner))

    def forward(self, hidden: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
        source = self.enter(hidden + embedded)
        return self.leave(self.transformer(source, self.queries.expand(len(source), -1, -1)))


class ShippedProjector(nn.Module):
    """The transformer with a linear reading of the four signal states mixed into its tokens: into the first `told` of them, by one share for the
    sentence token, which is then given its length (sqrt(384), as the sentence encoder's), and one for the word pieces. Closed-form regression
    finds the caption among 2,000 where few states are known (training/log.md)."""

    def __init__(self, transformer: OutputProjector, rank: int, told: int = 1, width: int = 576, target: int = 384):
        super().__init__()
        self.transformer, self.told = transformer, told
        self.read, self.say = nn.Linear(4 * width, rank, bias=False), nn.Linear(rank, told * target)
        self.share = nn.Parameter(torch.tensor(0.5))
        if told > 1:
            self.share_pieces = nn.Parameter(torch.tensor(0.5))

    def forward(self, hidden: torch.Tensor, embedded: torch.Tensor, blurred: torch.Tensor | None = None) -> torch.Tensor:
        """`blurred` states, in training, are what the transformer sees"""
        tokens = self.transformer(hidden if blurred is None else blurred, embedded)
        linear = self.say(self.read((hidden + embedded).flatten(1))).unflatten(1, (self.told, -1))
        sentence = self.share * linear[:, 0] + (1 - self.share) * tokens[:, 0]
        sentence = sentence * (sentence.shape[-1] ** 0.5 / sentence.norm(dim=-1, keepdim=True))
        rest = tokens[:, 1:] if self.told == 1 else self.share_pieces * linear[:, 1:] + (1 - self.share_pieces) * tokens[:, 1:]
        return torch.cat([sentence[:, None], rest], 1)


def output_module(saved: dict | None) -> nn.Module:
    """The module of a state: with the linear reading where the state has one"""
    module = OutputProjector()
    if saved and "read.weight" in saved:
        module = ShippedProjector(module, len(saved["read.weight"]), len(saved["say.weight"]) // 384)
    if saved:
        module.load_state_dict(saved)
    return module


def conditioning_loss(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Squared error, the sentence token (index 0) weighing as much as the fifteen word pieces together, plus its cosine distance."""
    error = (predicted - target).square().mean(-1)
    cosine = nn.functional.cosine_similarity(predicted[:, 0], target[:, 0], dim=-1)
    return error[:, 0].mean() + error[:, 1:].mean() + (1 - cosine).mean()


def export(module: nn.Module, path: Path, inputs: dict[str, torch.Tensor], output: str, dynamic: dict, bits: int) -> float:
    """Writes the module with its matrices at 16 or 8 bits (per column of the stored matrix) and returns the largest relative error on
    the inputs. The matrices become float32 again when a session opens them."""
    import onnxruntime

    torch.backends.mha.set_fastpath_enabled(False)
    module = module.eval().float()
    part = path.with_suffix(".part")
    torch.onnx.export(module, tuple(inputs.values()), part, input_names=list(inputs), output_names=[output], dynamic_axes=dynamic, opset_version=17, dynamo=False)
    model = onnx.load(part)
    shrink(model, bits)
    part.write_bytes(without_traces(model).SerializeToString())
    part.replace(path)
    with torch.no_grad():
        expected = module(*inputs.values()).numpy()
    got = onnxruntime.InferenceSession(str(path)).run(None, {name: value.numpy() for name, value in inputs.items()})[0]
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def shrink(model: onnx.ModelProto, bits: int) -> None:
    """Stores every large float32 initialiser as float16, or as int8 with one float32 scale a column, and restores it by nodes."""
    nodes, kept = [], []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < LARGE or array.ndim < 2:
            kept.append(tensor)
        elif bits == 16:
            kept.append(numpy_helper.from_array(array.astype(np.float16), f"{tensor.name}.half"))
            nodes.append(helper.make_node("Cast", [f"{tensor.name}.half"], [tensor.name], to=TensorProto.FLOAT))
        else:
            scale = np.maximum(np.abs(array).max(-2, keepdims=True), 1e-9).astype(np.float32) / 127
            kept.append(numpy_helper.from_array(np.rint(array / scale).astype(np.int8), f"{tensor.name}.codes"))
            kept.append(numpy_helper.from_array(scale, f"{tensor.name}.scale"))
            nodes.append(helper.make_node("Cast", [f"{tensor.name}.codes"], [f"{tensor.name}.float"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [f"{tensor.name}.float", f"{tensor.name}.scale"], [tensor.name]))
    body = list(model.graph.node)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes + body)


def named(modality: str, name: str) -> str:
    """Name of a modality's file; the image's came first and have none before them"""
    return f"{name}.onnx" if modality == "image" else f"{modality}-{name}.onnx"


def export_input(module: InputProjector, folder: Path, modality: str) -> float:
    return export(module, folder / named(modality, "input-projector"), {"tokens": nn.functional.normalize(torch.randn(18, 384), dim=-1)}, "embeds", {"tokens": {0: "n"}, "embeds": {0: "n"}}, 8)


def export_output(module: nn.Module, folder: Path, output: str) -> float:
    torch.manual_seed(0)
    return export(module, folder / named(output, "output-projector"), {"hidden": torch.randn(1, 4, 576), "embedded": torch.randn(1, 4, 576)}, "tokens", {}, 8)
