"""The exported files run as the runtime runs them: prompts with pictures, greedy decoding with a cache, signals completed by force. For
evaluation and cached states; knows no training."""
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

from .vocabulary import ADDED, END, FIRST, IDS, ORDINALS, SIGNALS, VECTOR, Conversation

IMAGE = [IDS[token] for token in SIGNALS["IMG"]]
#: Tokens with which a group begins: nothing has to be forced where the model chose one.
POINTERS = [IMAGE[0], *(IDS[token] for token in ORDINALS)]
#: A lone space: what stands between a sentence and its signals in training.
SPACE = 216


@dataclass
class Reply:
    """What was generated: text pieces in order, and for each signal its references and conditioning tokens [16, 384]"""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    references: list[tuple[int, ...]] = field(default_factory=list)
    conditioning: list[np.ndarray] = field(default_factory=list)


class Graphs:
    """One export folder, opened. `vectors(picture)` gives a picture's encoder tokens [9, 384]."""

    def __init__(self, folder: Path, tokenizer, vectors, threads: int = 2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        opened = lambda name: onnxruntime.InferenceSession(str(folder / name), options)
        self.step, self.table, self.into, self.out = (opened(f"{name}.onnx") for name in ("model", "embed", "input-projector", "output-projector"))
        self.record = json.loads((folder / "handover.json").read_text())
        self.tokenizer, self.vectors = tokenizer, vectors
        self.names = [output.name for output in self.step.get_outputs()]
        self.layers = self.record["shape"]["layers"]

    def embed(self, ids: list[int], pictures: list) -> np.ndarray:
        x = self.table.run(None, {"input_ids": np.maximum(np.array([ids]), 0)})[0]
        places = np.flatnonzero(np.array(ids) == VECTOR)
        if len(places):
            x[0, places] = self.into.run(None, {"tokens": np.concatenate([self.vectors(picture) for picture in pictures]).astype(np.float32)})[0]
        return x

    def cache(self) -> dict[str, np.ndarray]:
        empty = np.zeros((1, 0, self.record["shape"]["keyHeads"], self.record["shape"]["headWidth"]), np.float32)
        return {f"past_{kind}.{index}": empty for index in range(self.layers) for kind in ("key", "value")}

    def run(self, x: np.ndarray, cache: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Last logits [V] and all states [n, width]; the cache grows"""
        past = next(iter(cache.values())).shape[1]
        got = dict(zip(self.names, self.step.run(None, {"inputs_embeds": x, "position_ids": np.arange(past, past + x.shape[1]), **cache})))
        for name in cache:
            cache[name] = np.concatenate([cache[name], got[name.replace("past", "new")]], 1)
        return got["logits"][0, 0], got["hidden"][0]

    def reply(self, talk: Conversation, force: bool | None = None, longest: int = 90) -> Reply:
        """Greedy reply to a conversation that ends with the assistant's header. force: True begins a signal after the first sentence,
        False forbids signals, None lets the model decide."""
        cache, reply = self.cache(), Reply()
        logits, _ = self.run(self.embed(talk.ids, talk.pictures), cache)
        barred = np.array(self.record["neverEmit"] + [IDS[token] for token in ORDINALS if not talk.first_ordinal <= int(token[2:-1]) < talk.first_ordinal + len(talk.pictures)] + (IMAGE if force is False else []), int)
        states, started, words = [], 0, []
        for _ in range(longest):
            logits[barred] = -np.inf
            token = int(logits.argmax()) if not started else IMAGE[started]
            if force and not started and not reply.references and token not in POINTERS and (token == END or self.ends(reply.ids)):
                token = IMAGE[0] if reply.ids and reply.ids[-1] == SPACE else SPACE
            reply.ids.append(token)
            if token == END:
                break
            logits, hidden = self.run(self.table.run(None, {"input_ids": np.array([[token]])})[0], cache)
            if token in IMAGE:
                states.append(hidden[0])
                started = (started + 1) % 4
                if not started:
                    ordinals = []
                    for earlier in reversed(reply.ids[:-4]):
                        if not FIRST + 2 <= earlier < FIRST + 2 + len(ORDINALS):
                            break
                        ordinals.insert(0, earlier - FIRST - 1)
                    reply.references.append(tuple(ordinals))
                    reply.conditioning.append(self.conditioning(np.stack(states)))
                    states = []
            elif token < FIRST:
                words.append(token)
        reply.text = self.tokenizer.decode(words).strip()
        return reply

    def ends(self, ids: list[int]) -> bool:
        """Whether a sentence has just ended, a space after it included"""
        return bool(ids) and self.tokenizer.decode(ids[-2:]).rstrip().endswith((".", "!", "?", ":"))

    def conditioning(self, hidden: np.ndarray) -> np.ndarray:
        embedded = self.table.run(None, {"input_ids": np.array([IMAGE])})[0]
        return self.out.run(None, {"hidden": hidden[None].astype(np.float32), "embedded": embedded})[0][0]


def shown(ids: list[int], tokenizer) -> str:
    """Ids as text with the added tokens spelled"""
    return "".join(ADDED[token - FIRST] if token >= FIRST else tokenizer.decode([token]) for token in ids)
