"""The exported files run as the runtime runs them: prompts with media, greedy decoding with a cache, the repetition penalty, signals completed
by force. For evaluation and cached states; knows no training."""
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime

from ..export.cache import Cache
from .concepts import block_ids, values_of
from .projectors import named
from .vocabulary import ADDED, END, FIRST, GROUPS, IDS, ORDINALS, OUTPUTS, SPEAK, SPOKEN, VECTOR, Conversation

#: Token with which each output's group begins.
STARTS = {group[0]: output for output, group in GROUPS.items()}
PENALTY = 1.1


@dataclass
class Made:
    """An output of a reply: its references, and its conditioning tokens [16, 384] or the words to be spoken"""

    output: str
    references: tuple[int, ...] = ()
    conditioning: np.ndarray | None = None
    words: str = ""


@dataclass
class Reply:
    """What was generated: ids and text in order, outputs in order"""

    ids: list[int] = field(default_factory=list)
    text: str = ""
    made: list[Made] = field(default_factory=list)

    @property
    def outputs(self) -> list[str]:
        return [made.output for made in self.made]


class Graphs:
    """One export folder, opened. `vectors(medium)` gives a medium's encoder tokens [9, 384]."""

    def __init__(self, folder: Path, tokenizer, vectors, threads: int = 2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        opened = lambda name: onnxruntime.InferenceSession(str(folder / name), options)
        self.step, self.table = opened("model.onnx"), opened("embed.onnx")
        there = [modality for modality in OUTPUTS if (folder / named(modality, "input-projector")).exists()]
        self.into = {modality: opened(named(modality, "input-projector")) for modality in there}
        self.out = {modality: opened(named(modality, "output-projector")) for modality in there if (folder / named(modality, "output-projector")).exists()}
        self.record = json.loads((folder / "handover.json").read_text())
        self.tokenizer, self.vectors = tokenizer, vectors
        self.names = [output.name for output in self.step.get_outputs()]

    def embed(self, ids: list[int], blocks: list) -> np.ndarray:
        x = self.table.run(None, {"input_ids": np.maximum(np.array([ids]), 0)})[0]
        places = np.flatnonzero(np.array(ids) == VECTOR).reshape(-1, 9)
        for place, block in zip(places, blocks, strict=True):
            x[0, place] = self.into[block.modality].run(None, {"tokens": self.vectors(block).astype(np.float32)})[0]
            if block.key is None:
                # What exists in words only is read as those words.
                rows = block_ids(block.modality, values_of(block))
                x[0, place[rows >= 0]] = self.table.run(None, {"input_ids": rows[None, rows >= 0]})[0]
        return x

    def cache(self) -> Cache:
        return Cache(self.step)

    def run(self, x: np.ndarray, cache: Cache) -> tuple[np.ndarray, np.ndarray]:
        """Last logits [V] and all states [n, width]; the cache grows"""
        past = len(cache)
        got = dict(zip(self.names, self.step.run(None, {"inputs_embeds": x, "position_ids": np.arange(past, past + x.shape[1]), **cache.feeds})))
        cache.append([got[name] for name in cache.names])
        return got["logits"][0, 0], got["hidden"][0]

    def reply(self, talk: Conversation, required: tuple[str, ...] = (), longest: int = 90) -> Reply:
        """Greedy reply to a conversation that ends with the assistant's header. `required` outputs come in their order, when the model wants
        to end at the latest; without them it decides. A penalty on repeated tokens of text counts outside spoken words only."""
        cache, reply, pending = self.cache(), Reply(), list(required)
        logits, _ = self.run(self.embed(talk.ids, talk.blocks), cache)
        shown = range(talk.first_ordinal, talk.first_ordinal + talk.shown)
        barred = np.array(self.record["neverEmit"] + [IDS[token] for token in ORDINALS if int(token[2:-1]) not in shown], int)
        inner = np.array([token for group in GROUPS.values() for token in group[1:]])
        words, spoken, used, references = [], None, set(), []
        for _ in range(longest):
            logits[barred] = -np.inf
            logits[inner] = -np.inf
            closed = [IDS[SPEAK] if spoken is not None else IDS[SPOKEN]]
            if spoken is not None:
                # A model that would end its reply here means the end of the words.
                logits[IDS[SPOKEN]] = max(logits[IDS[SPOKEN]], logits[END])
                closed += [END, *STARTS, *(IDS[token] for token in ORDINALS)]
            elif pending:
                closed += [*(start for start, output in STARTS.items() if output != pending[0]), IDS[SPEAK]]
            logits[closed] = -np.inf
            if spoken is None and used:
                chosen = np.array(sorted(used))
                logits[chosen] = np.where(logits[chosen] > 0, logits[chosen] / PENALTY, logits[chosen] * PENALTY)
            token = int(logits.argmax())
            if token == END and pending:
                token = GROUPS[pending[0]][0]
            reply.ids.append(token)
            if token == END:
                break
            if token in STARTS:
                output = STARTS[token]
                group = GROUPS[output]
                reply.ids += group[1:]
                embedded = self.table.run(None, {"input_ids": np.array([group])})[0]
                logits, hidden = self.run(embedded, cache)
                reply.made.append(Made(output, tuple(references), self.conditioning(output, hidden, embedded)))
                references = []
                pending = pending[1:] if pending[:1] == [output] else pending
                continue
            logits, _ = self.run(self.table.run(None, {"input_ids": np.array([[token]])})[0], cache)
            if token == IDS[SPEAK]:
                spoken = []
            elif token == IDS[SPOKEN]:
                reply.made.append(Made("speech", words=self.tokenizer.decode(spoken or [])))
                spoken = None
            elif FIRST + 2 <= token < FIRST + 2 + len(ORDINALS):
                references.append(token - FIRST - 1)
            elif spoken is not None:
                spoken.append(token)
            else:
                references = []
                words.append(token)
                used.add(token)
        reply.text = self.tokenizer.decode(words).strip()
        return reply

    def conditioning(self, output: str, hidden: np.ndarray, embedded: np.ndarray) -> np.ndarray:
        return self.out[output].run(None, {"hidden": hidden[None].astype(np.float32), "embedded": embedded.reshape(1, 4, -1)})[0][0]


def shown(ids: list[int], tokenizer) -> str:
    """Ids as text with the added tokens spelled"""
    return "".join(ADDED[token - FIRST] if token >= FIRST else tokenizer.decode([token]) for token in ids)
