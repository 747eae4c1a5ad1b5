"""The three graphs of the picture decoder as single ONNX files: python -m training.image.export CHECKPOINT.

latent-encoder.onnx, latent-decoder.onnx, transformer.onnx with 8-bit weights, and transformer-4bit.onnx whose blocks have 4-bit weights. They are
expanded by Cast, Mul and Reshape nodes, which ONNX Runtime folds when a session opens: any execution provider can run them, in float32.
"""
import argparse
import datetime
import json
import time

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from training.conditioning import TOKEN_SCALE, conditioning_tokens
from training.export.onnx_graph import without_traces
from training.image.sample import EDITS, PROMPTS, load_autoencoder, load_transformer, sample, sigmas_of
from training.image.sheet import save_sheet
from training.paths import work

GROUP = 64


class Encode(torch.nn.Module):
    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, pixels):
        return self.autoencoder.encode(pixels)


class Decode(torch.nn.Module):
    def __init__(self, autoencoder):
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, latents):
        return self.autoencoder.decode(latents)


class Denoise(torch.nn.Module):
    """The transformer without the logits of its moves."""

    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    def forward(self, latents, source, mask, timestep, tokens):
        return self.transformer(latents, source, mask, timestep, tokens)[:2]


def export(module, inputs: dict[str, torch.Tensor], outputs: list[str], path) -> onnx.ModelProto:
    """The module as ONNX with a free first axis, weights inside."""
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.onnx.export(module.eval(), tuple(inputs.values()), str(path), input_names=list(inputs), output_names=outputs, opset_version=18, dynamo=True,
                      dynamic_shapes=tuple({0: batch} for _ in inputs), external_data=False, verbose=False)
    return onnx.load(path)


def replaced(graph: onnx.GraphProto, name: str, stored: list[onnx.TensorProto], nodes: list[onnx.NodeProto]) -> None:
    """Takes the initialiser `name` out; nodes that compute it come first in the graph."""
    old = next(i for i in graph.initializer if i.name == name)
    graph.initializer.remove(old)
    graph.initializer.extend(stored)
    for node in reversed(nodes):
        graph.node.insert(0, node)


def to_half(model: onnx.ModelProto, smallest: int = 256) -> None:
    """Float32 weights of at least `smallest` elements stored as float16."""
    for tensor in list(model.graph.initializer):
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= smallest:
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name + ".half")
            replaced(model.graph, tensor.name, [half], [helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT, name=tensor.name + ".cast")])


def groups_of(tensor: onnx.TensorProto, size: int) -> np.ndarray:
    """Weights as rows that share a scale: `size` neighbours of a matrix, or the filters of one output channel of a convolution."""
    values = numpy_helper.to_array(tensor)
    return values.reshape(values.shape[0], -1) if values.ndim == 4 else values.reshape(-1, size)


def to_bytes(model: onnx.ModelProto, smallest: int = 4096) -> None:
    """Float32 weights of at least `smallest` elements stored as int8 rows with float16 scales; the rest as float16."""
    for tensor in list(model.graph.initializer):
        size = int(np.prod(tensor.dims))
        if tensor.data_type != TensorProto.FLOAT or size < smallest or len(tensor.dims) not in (2, 4) or size % GROUP:
            continue
        rows, name = groups_of(tensor, GROUP), tensor.name
        scale = np.maximum((np.abs(rows).max(1, keepdims=True) / 127).astype(np.float16), np.float16(6e-8))
        whole = np.clip(np.rint(rows / scale.astype(np.float32)), -127, 127).astype(np.int8)
        stored = [numpy_helper.from_array(whole, name + ".whole"), numpy_helper.from_array(scale, name + ".scale"), numpy_helper.from_array(np.array(tensor.dims, np.int64), name + ".shape")]
        nodes = [helper.make_node("Cast", [name + ".whole"], [name + ".float"], to=TensorProto.FLOAT), helper.make_node("Cast", [name + ".scale"], [name + ".scales"], to=TensorProto.FLOAT),
                 helper.make_node("Mul", [name + ".float", name + ".scales"], [name + ".groups"]), helper.make_node("Reshape", [name + ".groups", name + ".shape"], [name])]
        replaced(model.graph, name, stored, nodes)
    to_half(model)


def best_scale(rows: np.ndarray) -> np.ndarray:
    """The float16 scale of each row, out of several clippings, that makes the squared error of 4-bit rounding least."""
    largest = np.abs(rows).max(1, keepdims=True)
    best, least = None, None
    for clip in (1.0, 0.94, 0.88, 0.82, 0.76):
        scale = np.maximum((largest * clip / 7.5).astype(np.float16), np.float16(6e-8)).astype(np.float32)
        error = ((np.clip(np.rint(rows / scale), -8, 7) * scale - rows) ** 2).sum(1, keepdims=True)
        best = scale if best is None else np.where(error < least, scale, best)
        least = error if least is None else np.minimum(error, least)
    return best.astype(np.float16)


def to_nibbles(model: onnx.ModelProto, smallest: int = 140_000, group: int = 32) -> None:
    """The blocks' matrices stored as 4-bit integers, two a byte, in groups of 32 with float16 scales; the rest by to_bytes.

    Unpacked by arithmetic (Floor, Sub, Concat), so that no provider needs a 4-bit type.
    """
    graph = model.graph
    graph.initializer.extend([numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("nibble.sixteenth", 1 / 16), ("nibble.sixteen", 16), ("nibble.eight", 8))])
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2 or np.prod(tensor.dims) < smallest or max(tensor.dims) == 6 * min(tensor.dims):
            continue  # the shared modulation, six times as tall as wide, stays at 8 bits: its errors reach every block
        rows, name = groups_of(tensor, group), tensor.name
        scale = best_scale(rows)
        whole = (np.clip(np.rint(rows / scale.astype(np.float32)), -8, 7) + 8).astype(np.uint8)
        packed = whole[:, : group // 2] * 16 + whole[:, group // 2 :]
        stored = [numpy_helper.from_array(packed, name + ".packed"), numpy_helper.from_array(scale, name + ".scale"), numpy_helper.from_array(np.array(tensor.dims, np.int64), name + ".shape")]
        make = helper.make_node
        nodes = [make("Cast", [name + ".packed"], [name + ".bytes"], to=TensorProto.FLOAT), make("Mul", [name + ".bytes", "nibble.sixteenth"], [name + ".a"]), make("Floor", [name + ".a"], [name + ".high"]),
                 make("Mul", [name + ".high", "nibble.sixteen"], [name + ".b"]), make("Sub", [name + ".bytes", name + ".b"], [name + ".low"]), make("Concat", [name + ".high", name + ".low"], [name + ".c"], axis=1),
                 make("Sub", [name + ".c", "nibble.eight"], [name + ".whole"]), make("Cast", [name + ".scale"], [name + ".scales"], to=TensorProto.FLOAT),
                 make("Mul", [name + ".whole", name + ".scales"], [name + ".groups"]), make("Reshape", [name + ".groups", name + ".shape"], [name])]
        replaced(graph, name, stored, nodes)
    to_bytes(model)


def run(path, inputs: dict[str, torch.Tensor]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, {k: v.numpy() for k, v in inputs.items()})[0]


class OnnxTransformer:
    """The exported graph behind the call of the torch module, for the sampler."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, latents, source, mask, timestep, tokens):
        values = dict(latents=latents, source=source, mask=mask, timestep=timestep, tokens=tokens)
        return [torch.from_numpy(part) for part in self.session.run(None, {k: v.float().numpy() for k, v in values.items()})]


def compare(transformer, autoencoder, folder, options) -> dict:
    """Mean absolute difference in grey levels between pictures of the torch model and of each shipped graph, and seconds a picture."""
    tokens = torch.from_numpy(conditioning_tokens(PROMPTS[:8]))
    zeros, ones, sigmas = torch.zeros(8, 4, 16, 16), torch.ones(8, 1, 16, 16), sigmas_of(options.steps, options.shift)
    found, reference, rows = {}, None, []
    for name, model in (("torch", transformer), ("transformer", OnnxTransformer(folder / "transformer.onnx")), ("transformer-4bit", OnnxTransformer(folder / "transformer-4bit.onnx"))):
        start = time.time()
        with torch.inference_mode():
            drawn = autoencoder.decode(sample(model, tokens, zeros, ones, sigmas, options.guidance)).clamp(-1, 1)
        rows.append(drawn)
        reference = drawn if reference is None else reference
        found[name] = {"greyLevels": (drawn - reference).abs().mean().item() * 127.5, "secondsPerPicture": (time.time() - start) / 8}
    print(found, flush=True)
    save_sheet(torch.cat(rows), work("sheets", "export.png"), columns=8)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("checkpoint")
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--guidance", type=float, default=3.5)
    arguments.add_argument("--shift", type=float, default=1.5)
    arguments.add_argument("--quick", action="store_true", help="without drawing pictures to compare")
    options = arguments.parse_args()
    torch.set_num_threads(2)
    transformer, autoencoder = load_transformer(options.checkpoint), load_autoencoder().to(memory_format=torch.contiguous_format)
    folder = work("export", "image", "handover.json").parent
    torch.manual_seed(1)
    latents, pixels = torch.randn(2, 4, 16, 16), torch.rand(2, 3, 128, 128) * 2 - 1
    tokens = torch.from_numpy(conditioning_tokens(["a red apple", "make it green"]))
    graphs = {
        "latent-encoder": (Encode(autoencoder), {"pixels": pixels}, ["latents"], [to_bytes]),
        "latent-decoder": (Decode(autoencoder), {"latents": latents}, ["pixels"], [to_bytes]),
        "transformer": (Denoise(transformer), {"latents": latents, "source": torch.randn(2, 4, 16, 16), "mask": torch.ones(2, 1, 16, 16), "timestep": torch.tensor([0.9, 0.3]), "tokens": tokens}, ["velocity", "copied"], [to_bytes, to_nibbles]),
    }
    report = {}
    for graph, (module, inputs, outputs, ways) in graphs.items():
        part = folder / f"{graph}.part"
        with torch.no_grad():
            expected = module(*inputs.values())
            expected = (expected[0] if isinstance(expected, tuple) else expected).numpy()
            export(module, inputs, outputs, part)
        exact = np.abs(run(part, inputs) - expected).max()
        whole = part.read_bytes()
        for shrink in ways:
            name = graph + ("-4bit" if shrink is to_nibbles else "")
            model = onnx.load_from_string(whole)
            shrink(model)
            model.producer_name = "anymodal"
            onnx.checker.check_model(without_traces(model))
            onnx.save(model, part)
            small = run(part, inputs)
            one = run(part, {k: v[:1] for k, v in inputs.items()})
            path = folder / f"{name}.onnx"
            part.replace(path)
            report[name] = {"parameters": sum(p.numel() for p in module.parameters()), "bytes": path.stat().st_size, "maxErrorFloat32": float(exact), "maxErrorShipped": float(np.abs(small - expected).max()),
                            "meanErrorShipped": float(np.abs(small - expected).mean()), "outputStd": float(expected.std()), "batchOneError": float(np.abs(one - small[:1]).max())}
            print(name, report[name], flush=True)
    difference = None if options.quick else compare(transformer, autoencoder, folder, options)
    saved = torch.load(options.checkpoint)
    (folder / "handover.json").write_text(json.dumps({
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "tokenScale": TOKEN_SCALE, "sentenceScale": 384**0.5, "nullTokens": "all zeros",
        "latentStats": {"mean": autoencoder.mean.flatten().tolist(), "std": autoencoder.std.flatten().tolist(), "note": "inside the graphs; latents outside are normalised"},
        "defaults": {"steps": options.steps, "guidance": options.guidance, "shift": options.shift, "sigmas": sigmas_of(options.steps, options.shift).tolist()},
        "copied": "how far a place of the velocity is a copy of the source, 0..1: no guidance there",
        "mask": "1 may change, 0 is kept. Generation and instructions: all ones. Inpainting: multiply the source latents by (1 - mask).",
        "edits": [list(e) for e in EDITS], "autoencoder": json.loads(work("checkpoints", "autoencoder.json").read_text()),
        "transformer": {"samples": saved["step"] * saved["batch"], "loss": saved["loss"], "editLoss": saved["editLoss"], **saved["shape"]},
        "pictureDifference": difference, "graphs": report}, indent=2))


if __name__ == "__main__":
    main()
