"""The video transformer as an ONNX graph with 8-bit weights: python -m training.video.export CHECKPOINT | untrained.

Knows no data; the picture decoder's graphs are the image part's own.
"""
import argparse
import datetime
import json
import time

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from training.conditioning import TOKEN_SCALE, conditioning_tokens
from training.export.onnx_graph import without_traces
from training.image.export import run, to_bytes
from training.image.sample import sigmas_of
from training.paths import work
from training.video.mover import Mover, Painter, Planner
from training.video.transformer import VideoTransformer

#: Sampler as it ships. The planner inside draws one motion, which guidance outside would mix with another: it is 1.
STEPS, GUIDANCE, SHIFT = 12, 1.0, 3.0
SCALE = 1.3208


def load_video(path) -> VideoTransformer | Mover:
    """The averaged weights of a checkpoint of either kind in float32."""
    saved = torch.load(path)
    if "planner" in saved:
        planner, painter = Planner(*saved["planner"]["book"].shape[:2]), Painter()
        planner.load_state_dict({k: v.float() for k, v in saved["planner"].items()})
        painter.load_state_dict({k: v.float() for k, v in saved["painter"].items()})
        print(f"{path}: {saved['step'] * saved['batch']} captions, loss {saved['loss']:.4f}")
        return Mover(planner, painter, SCALE).eval()
    model = VideoTransformer(**saved["shape"])
    model.load_state_dict({name: value.float() for name, value in saved["average"].items()})
    print(f"{path}: step {saved['step']}, {saved['step'] * saved['batch']} samples, loss {saved['loss']:.4f}")
    return model.eval()


def traced(model, inputs: dict[str, torch.Tensor], output: str, path) -> None:
    """The graph by tracing, with a free first axis: far quicker than export by dynamo where a network is called many times. Equal weights are kept once."""
    torch.onnx.export(model, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=[output], opset_version=17, dynamo=False, do_constant_folding=True,
                      dynamic_axes={name: {0: "batch"} for name in [*inputs, output]})
    graph = onnx.load(path)
    kept, same = {}, {}
    for tensor in list(graph.graph.initializer):
        key = (tuple(tensor.dims), tensor.data_type, numpy_helper.to_array(tensor).tobytes())
        if key in kept:
            same[tensor.name] = kept[key]
            graph.graph.initializer.remove(tensor)
        else:
            kept[key] = tensor.name
    for node in graph.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = same.get(name, name)
    onnx.save(graph, path)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("checkpoint")
    arguments.add_argument("--scale", type=float, default=SCALE, help="of an untrained one")
    arguments.add_argument("--steps", type=int, default=STEPS)
    arguments.add_argument("--guidance", type=float, default=GUIDANCE)
    arguments.add_argument("--shift", type=float, default=SHIFT)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    untrained = options.checkpoint == "untrained"
    model = VideoTransformer(scale=options.scale).eval() if untrained else load_video(options.checkpoint)
    inputs = {"latents": torch.randn(2, 16, 4, 16, 16), "first": torch.randn(2, 4, 16, 16), "timestep": torch.tensor([0.9, 0.3]), "tokens": torch.from_numpy(conditioning_tokens(["a ball bouncing", "a fish"]))}
    path = work("export", "video", "transformer.onnx")
    part = path.with_suffix(".part")
    with torch.no_grad():
        expected = model(*inputs.values()).numpy()
        traced(model, inputs, "velocity", part)
    exact = np.abs(run(part, inputs) - expected).max()
    graph = onnx.load(part)
    to_bytes(graph)
    graph.producer_name = "anymodal"
    onnx.checker.check_model(without_traces(graph))
    onnx.save(graph, part)
    small, one = run(part, inputs), run(part, {k: v[:1] for k, v in inputs.items()})
    part.replace(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    start = time.time()
    session.run(None, {k: v.numpy() for k, v in inputs.items()})
    report = {"parameters": sum(p.numel() for p in model.parameters()), "bytes": path.stat().st_size, "maxErrorFloat32": float(exact), "meanErrorShipped": float(np.abs(small - expected).mean()),
              "outputStd": float(expected.std()), "batchOneError": float(np.abs(one - small[:1]).max()), "secondsBatchTwo": time.time() - start}
    print(report)
    samples = 0 if untrained else (saved := torch.load(options.checkpoint))["step"] * saved["batch"]
    work("export", "video", "handover.json").write_text(json.dumps({
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "trained": not untrained, "samples": samples,
        "graph": {"latents": ["batch", 16, 4, 16, 16], "first": ["batch", 4, 16, 16], "timestep": ["batch"], "tokens": ["batch", 16, 384], "velocity": ["batch", 16, 4, 16, 16]},
        "config": {"differenceScale": model.shape["scale"], "frames": 16, "fps": 8, "tokenScale": TOKEN_SCALE},
        "defaults": {"steps": options.steps, "guidance": options.guidance, "shift": options.shift, "sigmas": sigmas_of(options.steps, options.shift).tolist()},
        "note": "latents are (frame - first) * differenceScale in normalised latents; frame 0 is the first frame (set its difference to zero at the end); prompt: the thing and its motion, as in 'a red ball bouncing'",
        "weights": report}, indent=2) + "\n")


if __name__ == "__main__":
    main()
