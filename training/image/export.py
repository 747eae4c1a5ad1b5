"""The three graphs of the picture decoder as single ONNX files: python -m training.image.export CHECKPOINT.

latent-encoder.onnx, latent-decoder.onnx (float16 weights), transformer.onnx (8-bit weights in groups with float16 scales). The weights are
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
from training.image.sample import EDITS, PROMPTS, load_autoencoder, load_transformer, sample, sigmas_of
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


def export(module, inputs: dict[str, torch.Tensor], output: str, path) -> onnx.ModelProto:
    """The module as ONNX with a free first axis, weights inside."""
    batch = torch.export.Dim("batch", min=1, max=64)
    torch.onnx.export(module.eval(), tuple(inputs.values()), str(path), input_names=list(inputs), output_names=[output], opset_version=18, dynamo=True,
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


def to_bytes(model: onnx.ModelProto, smallest: int = 4096) -> None:
    """Float32 matrices stored as int8 in groups of GROUP neighbours with float16 scales; the rest as float16."""
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < smallest or len(tensor.dims) != 2 or np.prod(tensor.dims) % GROUP:
            continue
        values = numpy_helper.to_array(tensor)
        groups = values.reshape(-1, GROUP)
        scale = (np.abs(groups).max(1, keepdims=True) / 127).astype(np.float16)
        scale = np.maximum(scale, np.float16(6e-8))
        whole = np.clip(np.rint(groups / scale.astype(np.float32)), -127, 127).astype(np.int8)
        name = tensor.name
        stored = [numpy_helper.from_array(whole, name + ".whole"), numpy_helper.from_array(scale, name + ".scale"), numpy_helper.from_array(np.array(values.shape, np.int64), name + ".shape")]
        nodes = [helper.make_node("Cast", [name + ".whole"], [name + ".float"], to=TensorProto.FLOAT), helper.make_node("Cast", [name + ".scale"], [name + ".scales"], to=TensorProto.FLOAT),
                 helper.make_node("Mul", [name + ".float", name + ".scales"], [name + ".groups"]), helper.make_node("Reshape", [name + ".groups", name + ".shape"], [name])]
        replaced(model.graph, name, stored, nodes)
    to_half(model)


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
        return torch.from_numpy(self.session.run(None, {k: v.float().numpy() for k, v in values.items()})[0])


def compare(transformer, autoencoder, folder, options) -> tuple[float, float]:
    """Mean absolute difference in grey levels between pictures of the torch model and of the shipped graph, and seconds a picture."""
    tokens = torch.from_numpy(conditioning_tokens(PROMPTS[:8]))
    zeros, ones, sigmas = torch.zeros(8, 4, 16, 16), torch.ones(8, 1, 16, 16), sigmas_of(options.steps, options.shift)
    drawn = []
    for model in (transformer, OnnxTransformer(folder / "transformer.onnx")):
        start = time.time()
        with torch.inference_mode():
            drawn.append(autoencoder.decode(sample(model, tokens, zeros, ones, sigmas, options.guidance)).clamp(-1, 1))
        seconds = (time.time() - start) / 8
    difference = (drawn[0] - drawn[1]).abs().mean().item() * 127.5
    print(f"pictures differ by {difference:.2f} of 255 on average (torch bf16 against shipped graph), {seconds:.2f} s a picture with ONNX Runtime")
    return difference, seconds


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("checkpoint")
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--guidance", type=float, default=3.0)
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
        "latent-encoder": (Encode(autoencoder), {"pixels": pixels}, "latents", to_half),
        "latent-decoder": (Decode(autoencoder), {"latents": latents}, "pixels", to_half),
        "transformer": (transformer, {"latents": latents, "source": torch.randn(2, 4, 16, 16), "mask": torch.ones(2, 1, 16, 16), "timestep": torch.tensor([0.9, 0.3]), "tokens": tokens}, "velocity", to_bytes),
    }
    report = {}
    for name, (module, inputs, output, shrink) in graphs.items():
        path = folder / f"{name}.onnx"
        part = path.with_suffix(".part")
        with torch.no_grad():
            expected = module(*inputs.values()).numpy()
            model = export(module, inputs, output, part)
        exact = np.abs(run(part, inputs) - expected).max()
        shrink(model)
        model.producer_name = "anymodal"
        onnx.checker.check_model(model)
        onnx.save(model, part)
        small = run(part, inputs)
        one = run(part, {k: v[:1] for k, v in inputs.items()})
        part.replace(path)
        report[name] = {"parameters": sum(p.numel() for p in module.parameters()), "bytes": path.stat().st_size, "maxErrorFloat32": float(exact), "maxErrorShipped": float(np.abs(small - expected).max()),
                        "meanErrorShipped": float(np.abs(small - expected).mean()), "outputStd": float(expected.std()), "batchOneError": float(np.abs(one - small[:1]).max())}
        print(name, report[name], flush=True)
    difference, seconds = compare(transformer, autoencoder, folder, options) if not options.quick else (None, None)
    saved = torch.load(options.checkpoint)
    (folder / "handover.json").write_text(json.dumps({
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "tokenScale": TOKEN_SCALE, "sentenceScale": 384**0.5, "nullTokens": "all zeros",
        "latentStats": {"mean": autoencoder.mean.flatten().tolist(), "std": autoencoder.std.flatten().tolist(), "note": "inside the graphs; latents outside are normalised"},
        "defaults": {"steps": options.steps, "guidance": options.guidance, "shift": options.shift, "sigmas": sigmas.tolist()},
        "mask": "1 may change, 0 is kept. Generation and instructions: all ones. Inpainting: multiply the source latents by (1 - mask).",
        "edits": [list(e) for e in EDITS], "autoencoder": json.loads(work("checkpoints", "autoencoder.json").read_text()),
        "transformer": {"samples": saved["step"] * saved["batch"], "loss": saved["loss"], "editLoss": saved["editLoss"], **saved["shape"]},
        "pictureDifference8Bit": difference, "secondsPerPicture": seconds, "graphs": report}, indent=2))


if __name__ == "__main__":
    main()
