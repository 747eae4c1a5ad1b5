"""Quantises the base model to the grid that ships, layer after layer on the states of the layers already quantised, and measures perplexity.

    python -m training.language.quantise            # WORK/language/grids.npz
    python -m training.language.quantise measure    # a table of variants
"""
import argparse
import gzip
import json
from pathlib import Path

import numpy as np
import torch

from ..export.block_grid import BlockGrid, compensate, round_to_grid
from ..export.llama_torch import Decoder, rotations
from ..export.llama_weights import LINEARS
from ..paths import work
from .base import base_weights, dequantised, load_grids, save_grids, tokenizer
from .replays import prompt

#: Tokens a row has, rows to calibrate on, and rows of answers and of documents to measure on.
ROW, ANSWER_ROWS, MEASURED = 256, 52, 10
#: Public-domain and free texts that Debian installs, for measuring only.
DOCUMENTS = ("/usr/share/common-licenses/GPL-3", "/usr/share/common-licenses/Artistic", "/usr/share/doc/bash/INTRO.gz", "/usr/share/perl/5.36.0/pod/perldiag.pod")


def answer_rows(count: int) -> torch.Tensor:
    """Conversations of the base model one after another, [count, ROW]; a negative count takes the last ones, for measuring"""
    entries = json.loads(work("language", "replays.json").read_text())
    ids = [token for entry in entries for token in tokenizer()(prompt(entry["question"]) + entry["answer"] + "<|im_end|>\n", add_special_tokens=False).input_ids]
    rows = [ids[start : start + ROW] for start in range(0, len(ids) - ROW, ROW)]
    return torch.tensor(rows[:count] if count > 0 else rows[count:])


def document_rows(count: int) -> torch.Tensor:
    texts = [(gzip.open(path, "rt") if path.endswith(".gz") else open(path)).read() for path in DOCUMENTS if Path(path).exists()]
    rows = []
    for text in texts:
        ids = tokenizer()(text, add_special_tokens=False).input_ids
        rows += [ids[start : start + ROW] for start in range(0, min(len(ids), 20 * ROW) - ROW, ROW)]
    return torch.tensor(rows[:: max(1, len(rows) // count)][:count])


class Moments:
    """Running E[x x^T]"""

    def __init__(self):
        self.total, self.count = 0, 0

    def add(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.reshape(-1, x.shape[-1]).float()
        self.total, self.count = self.total + flat.T @ flat, self.count + len(flat)
        return x

    def mean(self) -> np.ndarray:
        return (self.total / self.count).numpy()


@torch.inference_mode()
def quantise() -> dict[str, BlockGrid]:
    """Grids of all layers and the table. The table is fitted to the head's inputs and, in equal parts, to plain squared error, since its
    rows are looked up as well."""
    base = base_weights()
    rows = answer_rows(ANSWER_ROWS)
    model = Decoder(base.shape, base.layers, base.norm, base.table)
    cos, sin = rotations(base.shape, ROW)
    grids: dict[str, BlockGrid] = {}
    # The head's metric: final states of the unquantised model; used first, so that the calibration below sees the table that ships.
    head = Moments()
    head.add(model.states(model.embed(rows)))
    metric = head.mean()
    metric /= np.trace(metric) / len(metric)
    grids["table"] = compensate(base.table, 0.5 * metric + 0.5 * np.eye(len(metric)))
    model.table.copy_(torch.from_numpy(grids["table"].dequantise()))
    x = model.embed(rows)
    for index, layer in enumerate(model.layers):
        def fit(name: str, moments: Moments) -> None:
            grid = grids[f"{index}.{name}"] = compensate(base.layers[index][name], moments.mean())
            getattr(layer, name).weight.copy_(torch.from_numpy(grid.dequantise()))

        moments = [Moments() for _ in LINEARS]
        normed = moments[0].add(layer.attention_norm(x))
        fit("qkv", moments[0])
        read = moments[1].add(layer.attend(normed, cos, sin))
        fit("o", moments[1])
        x = x + layer.o(read)
        normed = moments[2].add(layer.inner_norm(x))
        fit("gate_up", moments[2])
        inner = moments[3].add(layer.gated(normed))
        fit("down", moments[3])
        x = x + layer.down(inner)
        print(f"layer {index}", flush=True)
    return grids


@torch.inference_mode()
def perplexity(model: Decoder, rows: torch.Tensor) -> float:
    losses = []
    for row in rows.split(8):
        logits = model.logits(model.states(model.embed(row)))[:, :-1]
        losses.append(torch.nn.functional.cross_entropy(logits.flatten(0, 1), row[:, 1:].flatten(), reduction="none"))
    return float(torch.cat(losses).mean().exp())


def measure() -> None:
    """Perplexity on the model's own answers (not those of the calibration) and on documents, by variant, in bfloat16"""
    torch.set_num_threads(1)
    base, grids = base_weights(), load_grids(work("language", "grids.npz"))
    answers, documents = answer_rows(-MEASURED), document_rows(MEASURED)
    layers, table = dequantised(grids)
    rounded = {f"{index}.{name}": round_to_grid(layer[name]) for index, layer in enumerate(base.layers) for name in LINEARS}
    rounded["table"] = round_to_grid(base.table)
    rounded_layers, rounded_table = dequantised(rounded)
    variants = {"Q4_1, table Q8_0 (base)": (base.layers, base.table), "compensated, table 8 bits": (layers, base.table), "compensated, table compensated": (layers, table),
                "compensated, table rounded": (layers, rounded_table), "rounded, table 8 bits": (rounded_layers, base.table), "rounded, table rounded": (rounded_layers, rounded_table)}
    for name, (some, rows) in variants.items():
        model = Decoder(base.shape, some, base.norm, rows, dtype=torch.bfloat16)
        print(f"{name:34} answers {perplexity(model, answers):7.3f}  documents {perplexity(model, documents):7.3f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", nargs="?", choices=("grids", "measure"), default="grids")
    if parser.parse_args().step == "measure":
        measure()
    else:
        save_grids(work("language", "grids.npz"), quantise())
