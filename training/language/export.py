"""Writes nano's language model for the runtime: graphs, weights, tokenizer, projectors and handover.json, into WORK/export/language-model.

    python -m training.language.export [--checkpoint WORK/language/stage-one.pt] [--output-projectors ...pt] [--stage NAME]
"""
import argparse
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import torch

from ..export.block_grid import BlockGrid
from ..export.llama_graph import Adapter, Parts, embedding_graph, linear_shapes, step_graph, write_weights
from ..export.llama_weights import LINEARS
from ..paths import work
from . import vocabulary
from .base import base_weights, load_grids, tokenizer
from .concepts import input_projector
from .media import Clip, Picture, Sound
from .projectors import export_input, export_output, output_module
from .vocabulary import ADDED, FIRST, GROUPS, IDS, MEDIUM_VECTORS, ORDINALS, OUTPUTS, SIGNALS, SPEAK, SPOKEN, Conversation, Signal

#: Rank by linear part: 6 where several projections are stacked, 4 elsewhere (1.33 M parameters in all).
RANKS = {"qkv": 6, "o": 4, "gate_up": 6, "down": 4}


def grids() -> dict[str, BlockGrid]:
    return load_grids(work("language", "grids.npz"))


def first_rows(table: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the added tokens before training: the table's mean plus noise in the look-up. In the head, the mean direction of the table
    reversed: such a token is never likely until training says so."""
    random = np.random.default_rng(seed)
    mean, spread = table.mean(0), table.std(0)
    rows = mean + 0.5 * spread * random.standard_normal((len(ADDED), table.shape[1]))
    return rows.astype(np.float32), (rows * 0.5).astype(np.float32)


def write_tokenizer(folder: Path) -> None:
    from tokenizers import AddedToken

    extended = type(tokenizer()).from_pretrained(work("language", "tokenizer"))
    extended.add_tokens([AddedToken(token, special=True, normalized=False) for token in ADDED], special_tokens=True)
    if [extended.convert_tokens_to_ids(token) for token in ADDED] != [IDS[token] for token in ADDED]:
        raise ValueError("the added tokens did not get the ids of vocabulary.py")
    extended.save_pretrained(folder)
    whole = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(whole, ensure_ascii=False, separators=(",", ":")))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config = {name: value for name, value in config.items() if name not in ("is_local", "local_files_only")} | {"model_max_length": 8192}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))


def prompt_format() -> dict:
    """The layout with a worked example: a picture is asked for, drawn and edited, then a video with its sound, then speech."""
    example = Conversation(tokenizer())
    marks = [0]
    for asked, answer in (
        ("draw a red apple", ["Here is a red apple. ", Signal("a red apple", medium=Picture("apple", "red"))]),
        ("make it green", ["Now it is green. ", Signal("make it green", references=(1,), medium=Picture("apple", "green"))]),
        ("a video of a ball bouncing with its sound", ["Here is a ball bouncing, with its sound. ", Signal("a ball bouncing", (), Clip("ball", "bouncing", sound=Sound("a ball bouncing", "ball")), "video"),
                                                       Signal("a ball bouncing", (), Sound("a ball bouncing", "ball"), "audio")]),
        ('say "hello there"', [Signal("hello there", (), None, "speech")]),
    ):
        example.user([asked])
        marks.append(len(example.ids))
        example.assistant(answer)
        marks.append(len(example.ids))
    names = ["askPrompt", "askReply", "editPrompt", "editReply", "videoPrompt", "videoReply", "sayPrompt", "sayReply"]
    return {
        "chat": "ChatML. Each of these pieces is tokenised by itself, without adding special tokens: '<|im_start|>system\\n' + system + '<|im_end|>\\n', once; "
        "'<|im_start|>user\\n'; every text of the turn; '<|im_end|>\\n<|im_start|>assistant\\n'; every text of the reply; '<|im_end|>'; '\\n'.",
        "system": vocabulary.SYSTEM,
        "stopIds": [2],
        "medium": {
            "layout": "[Mk] <media> V*9 </media>, without spaces; V are the rows of the modality's input projector over its encoder's tokens, the global one first. "
            "Each track of a medium (the sound of a video) follows as <media> V*9 </media> without an ordinal of its own",
            "inUserTurn": "at its place among the texts; texts beside it have no space at that side",
            "inAssistantTurn": "the reply exactly as it was generated (texts, references, signal groups, captions), then the blocks of all its media in order, then '<|im_end|>' and '\\n'. "
            "So the cache of a reply stays valid and the blocks are appended to it",
            "ordinals": "k counts media by the order of their blocks in the whole conversation, from 1; at most 16",
        },
        "reply": "text, then before a signal group zero or more [Mk] (what it edits or follows: a picture for an edit or for a video of it), then the group: [IMG0]..[IMG3], [AUD0]..[AUD3] or [VID0]..[VID3]; "
        "more text or groups may follow, then <|im_end|>. Video with its sound: [VID..][AUD..]. Words to be spoken: [SPK0]words[SPK1]. A space before a group belongs to the text and may be trimmed for display",
        "states": "hidden = output at each of the four signal tokens once fed; embedded = their rows of embed.onnx",
        "escape": "strings of added or special tokens typed by a user become those tokens in the tokenizer: remove or break them in users' texts first",
        "example": {"note": f"{vocabulary.VECTOR} stands for a projected vector", **{name: example.ids[start:end] for name, start, end in zip(names, marks, marks[1:])}},
    }


def load_checkpoint(path: Path | None) -> dict:
    """A training checkpoint, or the untrained state in the same form."""
    if path is not None:
        return torch.load(path, map_location="cpu", weights_only=True)
    shape, random = base_weights().shape, np.random.default_rng(0)
    rows, head_rows = first_rows(base_weights().table)
    pairs = [{name: (torch.tensor(random.standard_normal((width, RANKS[name])) * 0.01), torch.zeros(RANKS[name], out))
              for name, (out, width) in linear_shapes(shape).items()} for _ in range(shape.layers)]
    return {"pairs": pairs, "rows": torch.tensor(rows), "head_rows": torch.tensor(head_rows), "input_projectors": {}}


def write(folder: Path, checkpoint: dict, output_projectors: dict | None, stage: str) -> dict:
    """All files, under a temporary folder first; returns the hand-over record. `output_projectors` by output; the checkpoint's own reads
    every output where there are none."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    base, grid = base_weights(), grids()
    layers = [{**layer, **{name: grid[f"{index}.{name}"] for name in LINEARS}} for index, layer in enumerate(base.layers)]
    pairs = [{name: (down.numpy(), up.numpy()) for name, (down, up) in layer.items()} for layer in checkpoint["pairs"]]
    parts = Parts(part, "base.weights", "adapter.weights")
    write_weights(parts, layers, base.norm, grid["table"], Adapter(pairs, checkpoint["rows"].numpy(), checkpoint["head_rows"].numpy()))
    parts.close()
    step_graph(base.shape, parts, len(ADDED)).save(part / "model.onnx", "anymodal")
    embedding_graph(base.shape, parts, len(ADDED)).save(part / "embed.onnx", "anymodal")
    write_tokenizer(part)
    errors = {}
    for modality in OUTPUTS:
        into = input_projector(modality, torch.from_numpy(grid["table"].dequantise()))
        if modality in checkpoint["input_projectors"]:
            into.take(checkpoint["input_projectors"][modality])
        out = output_module(output_projectors[modality] if output_projectors else checkpoint.get("output_projector"))
        errors[modality] = {"inputProjector": export_input(into, part, modality), "outputProjector": export_output(out, part, modality)}
    record = {
        "stage": stage,
        "shape": {"layers": base.shape.layers, "width": base.shape.width, "keyHeads": base.shape.key_heads, "headWidth": base.shape.head_width,
                  "vocabulary": FIRST + len(ADDED), "context": 8192},
        "addedTokens": IDS,
        "ordinals": [IDS[token] for token in ORDINALS],
        "signals": {output: SIGNALS[kind] for output, kind in OUTPUTS.items()},
        "signalIds": GROUPS,
        "captions": {"speech": {"begin": SPEAK, "end": SPOKEN}},
        "mediaEmbeds": {modality: MEDIUM_VECTORS for modality in OUTPUTS},
        "neverEmit": [IDS[token] for token in (vocabulary.OPEN, vocabulary.CLOSE, *SIGNALS["SPK"][2:])],
        "decoding": {
            "temperature": 0, "maxNewTokens": 256,
            "repetitionPenalty": 1.1, "repetitionScope": "text tokens generated in this reply; never signal tokens, references, the prompt (replies repeat the user's words) or words to be spoken",
            "required": "when the model wants to stop and a required group has not come: its first token at once; references before it are the model's to choose unless the request names them",
            "complete": "after the first token of a group the runtime feeds the other three by itself",
        },
        "promptFormat": prompt_format(),
        "exportErrors": errors,
        "files": {path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} for path in sorted(part.iterdir())},
    }
    (part / "handover.json").write_text(json.dumps(record, indent=1))
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(part.iterdir(), key=lambda path: path.name == "handover.json"):
        os.replace(path, folder / path.name)
    part.rmdir()
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--output-projectors", type=Path, help="by output, as `signals fit` writes them")
    parser.add_argument("--stage", default="base")
    parser.add_argument("--folder", type=Path, default=work("export", "language-model"))
    options = parser.parse_args()
    projectors = torch.load(options.output_projectors, weights_only=True) if options.output_projectors else None
    record = write(options.folder, load_checkpoint(options.checkpoint), projectors, options.stage)
    print(json.dumps(record["files"], indent=1), record["exportErrors"])


if __name__ == "__main__":
    main()
