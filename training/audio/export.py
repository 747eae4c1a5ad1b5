"""The five graphs of the audio decoder: python -m training.audio.export [--transformer CHECKPOINT] [--only NAME,...]; what is untrained is exported as it is.

Weights are int8 with float16 scales; the vocoder's Fourier bases are computed when a session opens. Knows no data but a check batch.
"""
import argparse
import datetime
import json
import math
import time

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from training.audio.environment import Environment, load_environment
from training.audio.latents import QUIET, Components, load_components
from training.audio.mel import FLOOR, FRAME, HOP, MELS, RATE
from training.audio.sample import GUIDANCE, SHIFT, STEPS
from training.audio.train_vocoder import load_vocoder, untrained
from training.audio.transformer import AudioTransformer
from training.audio.vocoder import bases
from training.conditioning import TOKEN_SCALE, conditioning_tokens
from training.export.onnx_graph import without_traces
from training.image.export import replaced, to_bytes
from training.image.sample import sigmas_of
from training.paths import work


def load_audio(path) -> AudioTransformer:
    """The averaged weights of a checkpoint in float32."""
    saved = torch.load(path)
    model = AudioTransformer(**saved["shape"])
    model.load_state_dict({name: value.float() for name, value in saved["average"].items()}, strict="plan_in.weight" in saved["average"])
    print(f"{path}: step {saved['step']}, {saved['step'] * saved['batch']} samples, loss {saved['loss']:.4f}")
    return model.eval()


def computed_bases(model: onnx.ModelProto) -> None:
    """Cosine and sine tables out of the graph, computed by nodes instead (folded when a session opens)."""
    make, graph = helper.make_node, model.graph
    tables = dict(zip(("Cos", "Sin"), (t.numpy() for t in bases())))
    nodes = [make("Mul", ["fourier.bins", "fourier.times"], ["fourier.product"]), make("Mod", ["fourier.product", "fourier.frame"], ["fourier.turns"], fmod=1), make("Mul", ["fourier.turns", "fourier.step"], ["fourier.angle"])]
    graph.initializer.extend(numpy_helper.from_array(np.asarray(value, np.float32), "fourier." + name) for name, value in (
        ("bins", np.arange(FRAME // 2 + 1)[:, None]), ("times", np.arange(FRAME)[None]), ("frame", FRAME), ("step", 2 * math.pi / FRAME)))
    for tensor in list(graph.initializer):
        if sorted(tensor.dims) != [FRAME // 2 + 1, FRAME]:
            continue
        value = numpy_helper.to_array(tensor)
        turned = value.shape[0] == FRAME
        for kind, table in tables.items():
            for sign in (1, -1):
                if np.abs(sign * (value.T if turned else value) - table).max() < 1e-5:
                    steps = [make(kind, ["fourier.angle"], [tensor.name + ".a"])] + ([make("Neg", [tensor.name + ".a"], [tensor.name + ".b"])] if sign < 0 else [make("Identity", [tensor.name + ".a"], [tensor.name + ".b"])])
                    nodes += steps + [make("Transpose", [tensor.name + ".b"], [tensor.name], perm=[1, 0]) if turned else make("Identity", [tensor.name + ".b"], [tensor.name])]
                    graph.initializer.remove(tensor)
    for node in reversed(nodes):
        graph.node.insert(0, node)


def run(path, inputs: dict[str, torch.Tensor]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run(None, {k: v.numpy() for k, v in inputs.items()})[0]


def write(name: str, module, inputs: dict[str, torch.Tensor], output: str, shapes, shrink) -> dict:
    """Exports, shrinks and checks one graph; returns what became of it."""
    path = work("export", "audio", f"{name}.onnx")
    part = path.with_suffix(".part")
    with torch.no_grad():
        expected = module(*inputs.values()).numpy()
    torch.onnx.export(module.eval(), tuple(inputs.values()), str(part), input_names=list(inputs), output_names=[output], opset_version=18, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False)
    model = onnx.load(part)
    exact = np.abs(run(part, inputs) - expected).max()
    for step in shrink:
        step(model)
    model.producer_name = "anymodal"
    onnx.checker.check_model(without_traces(model))
    onnx.save(model, part)
    start = time.time()
    small = run(part, inputs)
    seconds = time.time() - start
    part.replace(path)
    report = {"parameters": sum(p.numel() for p in module.parameters()), "bytes": path.stat().st_size, "maxErrorFloat32": float(exact), "meanErrorShipped": float(np.abs(small - expected).mean()),
              "outputStd": float(expected.std()), "secondsWithOpening": seconds, "inputs": [[i.name, list(i.shape)] for i in onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_inputs()]}
    print(name, report, flush=True)
    return report


class Shown(torch.nn.Module):
    """Latents [B, n, 64] to log-mels [B, 128, 4 n], for previews."""

    def __init__(self, components: Components):
        super().__init__()
        self.components = components

    def forward(self, latents):
        return self.components.decode(latents)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--transformer", help="checkpoint; without it the newest, or an untrained one")
    arguments.add_argument("--only", default="melEncoder,melDecoder,environment,transformer,vocoder")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    path = work("export", "audio", "handover.json")
    before = json.loads(path.read_text()) if path.exists() else {"graphs": {}, "trained": {}}
    only, reports, trained = options.only.split(","), before["graphs"], before["trained"]
    batch, n = torch.export.Dim("batch", min=1, max=64), torch.export.Dim("n", min=1, max=1024)
    if "melEncoder" in only:
        reports["mel-encoder"] = write("mel-encoder", load_components(), {"mel": torch.randn(2, MELS, 40) * 2 - 4}, "latents", ({0: batch, 2: 4 * n},), [to_bytes_exactly])
    if "melDecoder" in only:
        reports["mel-decoder"] = write("mel-decoder", Shown(load_components()), {"latents": torch.randn(2, 8, 64)}, "mel", ({0: batch, 1: n},), [to_bytes])
    if "environment" in only:
        trained["environment"] = work("checkpoints", "audio-environment.pt").exists()
        module = load_environment() if trained["environment"] else Environment().eval()
        frames = torch.export.Dim("F", min=2, max=512)
        reports["environment"] = write("environment", module, {"frames": torch.randn(1, 16, 1024), "times": torch.arange(16)[None] / 8}, "motion", ({1: frames}, {1: frames}), [to_bytes])
    if "transformer" in only:
        newest = options.transformer or max((str(p) for p in work("checkpoints", "x").parent.glob("audio-[sdf]*.pt")), key=lambda p: work(p).stat().st_mtime, default=None)
        trained["transformer"] = 0 if newest is None else (saved := torch.load(newest))["step"] * saved["batch"]
        module = load_audio(newest) if newest else AudioTransformer().eval()
        inputs = {"latents": torch.randn(2, 64, 64), "prefix": torch.zeros(2, 64, 64), "mask": torch.zeros(2, 64, 1), "motion": torch.zeros(2, 64, 64), "timestep": torch.tensor([0.9, 0.3]), "tokens": torch.from_numpy(conditioning_tokens(["a dog barking", "rain"]))}
        reports["transformer"] = write("transformer", module, inputs, "velocity", tuple({0: batch} for _ in inputs), [to_bytes])
    if "vocoder" in only:
        trained["vocoder"] = work("checkpoints", "audio-vocoder.pt").exists()
        module = load_vocoder() if trained["vocoder"] else untrained().eval()
        reports["vocoder"] = write("vocoder", module, {"latents": torch.randn(2, 8, 64)}, "samples", ({0: batch, 1: n},), [computed_bases, to_bytes])
    path.write_text(json.dumps({
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "trained": trained,
        "files": {"transformer": "transformer.onnx", "vocoder": "vocoder.onnx", "melEncoder": "mel-encoder.onnx", "melDecoder": "mel-decoder.onnx", "environment": "environment.onnx"},
        "config": {"sampleRateHz": RATE, "fftSize": FRAME, "hop": HOP, "mels": MELS, "minHz": 0, "maxHz": RATE // 2, "melScale": "slaney", "norm": "slaney", "floor": FLOOR, "positions": 64, "framesPerPosition": 4,
                   "samplesPerPosition": 1024, "latent": 64, "motion": 64, "prefixPositions": 16, "tokenScale": TOKEN_SCALE},
        "defaults": {"steps": STEPS, "guidance": GUIDANCE, "shift": SHIFT, "sigmas": sigmas_of(STEPS, SHIFT).tolist()},
        "notes": {"mask": "1 known and kept: prefix holds the latents there, zeros elsewhere; put the known latents back at the end", "motion": "zeros without a video; times count from the beginning of the window; give frames of the window only",
                  "null": "all-zero tokens; prefix, mask and motion are kept in both branches", "quiet": f"log-mels below {QUIET} are silence; the mel encoder clamps", "vocoder": "one call for the whole sound; it needs no overlap"},
        "graphs": reports}, indent=2) + "\n")


def to_bytes_exactly(model: onnx.ModelProto) -> None:
    """The components stay float32: 128 KB, and what is encoded should come back."""


if __name__ == "__main__":
    main()
