"""Checks the exporter: the base model as a float32 graph against transformers.

    python -m training.language.verify [--prompts 200]
"""
import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from ..export.cache import Cache
from ..export.llama_graph import Adapter, Parts, embedding_graph, step_graph, write_weights
from ..export.llama_weights import from_gguf
from .base import base_weights, gguf_path, tokenizer
from .questions import questions
from .replays import prompt


def float_graphs(folder: Path):
    """Step and embedding sessions of the untouched base with one silent added row"""
    base = base_weights()
    parts = Parts(folder, "base.weights", "adapter.weights")
    row = np.zeros((1, base.shape.width), np.float32)
    write_weights(parts, base.layers, base.norm, base.table, Adapter(None, row, row))
    parts.close()
    step_graph(base.shape, parts, 1).save(folder / "model.onnx", "verify")
    embedding_graph(base.shape, parts, 1).save(folder / "embed.onnx", "verify")
    return [onnxruntime.InferenceSession(str(folder / f"{name}.onnx")) for name in ("model", "embed")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=200)
    count = parser.parse_args().prompts
    model, _ = from_gguf(gguf_path())
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        step, table = float_graphs(Path(folder))
        same, worst, cached = 0, 0.0, 0.0
        for index, question in enumerate(questions(count)[:count]):
            ids = np.array([tokenizer()(prompt(question), add_special_tokens=False).input_ids])
            expected = model(torch.from_numpy(ids)).logits[0, -1].numpy()
            cache = Cache(step)
            run = lambda x, start, past: dict(zip(names, step.run(None, {"inputs_embeds": x, "position_ids": np.arange(start, start + x.shape[1]), **past})))
            names = [output.name for output in step.get_outputs()]
            x = table.run(None, {"input_ids": ids})[0]
            got = run(x, 0, cache.feeds)["logits"][0, 0, :-1]
            same += int(got.argmax() == expected.argmax())
            worst = max(worst, float(np.abs(got - expected).max()))
            if index % 20 == 19:
                print(f"{same} of {index + 1}, largest difference {worst:.1e}", flush=True)
            if index % 20 == 0:
                half = x.shape[1] // 2
                first = run(x[:, :half], 0, cache.feeds)
                cache.append([first[name] for name in cache.names])
                cached = max(cached, float(np.abs(run(x[:, half:], half, cache.feeds)["logits"][0, 0, :-1] - expected).max()))
    print(f"float32 graph against transformers: same most likely token on {same}/{count} prompts, largest difference of logits {worst:.1e}; through the cache {cached:.1e}")


if __name__ == "__main__":
    main()
