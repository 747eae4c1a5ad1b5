"""The base model's own answers to plain questions, plain documents, and the teacher's probabilities over them.

    python -m training.language.replays answers     # WORK/language/replays.json, resumes
    python -m training.language.replays teacher     # WORK/language/teacher.npz
"""
import argparse
import json
import pydoc_data.topics
import random
import re

import numpy as np

from ..paths import work
from .base import base_weights, gguf_path, tokenizer
from .questions import questions

#: The teacher's system prompt; the tuned model must answer the same under its own.
TEACHER_SYSTEM = "You are a helpful AI assistant."
#: Longest answer in tokens; a longer one is cut and then has no end to learn. (The first 104 were written with 110: what matters most is how an answer begins.)
LONGEST = 32
#: Rows of plain text, and their tokens: what keeps the model's reading of documents where it was.
DOCUMENTS, DOCUMENT_TOKENS = 320, 112
#: Most likely tokens kept per position; they hold 97 % of the probability.
KEPT = 48


def prompt(question: str) -> str:
    return f"<|im_start|>system\n{TEACHER_SYSTEM}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def answers() -> None:
    from llama_cpp import Llama

    path = work("language", "replays.json")
    found = json.loads(path.read_text()) if path.exists() else []
    known = {entry["question"] for entry in found}
    model = Llama(str(gguf_path()), n_ctx=512, n_threads=1, verbose=False)
    for index, question in enumerate(question for question in questions() if question not in known):
        ids = tokenizer()(prompt(question), add_special_tokens=False).input_ids
        reply = model.create_completion(ids, max_tokens=LONGEST, temperature=0.3, repeat_penalty=1.1, seed=index)["choices"][0]
        found.append({"question": question, "answer": reply["text"].strip(), "ended": reply["finish_reason"] == "stop"})
        if index % 5 == 4:
            path.write_text(json.dumps(found, indent=0))
            print(len(found), flush=True)
    path.write_text(json.dumps(found, indent=0))


def documents() -> list[list[int]]:
    """Ids of stretches of Python's own manual, a licensed text that comes with it and is no part of what perplexity is measured on"""
    dice, rows = random.Random(11), []
    for text in pydoc_data.topics.topics.values():
        ids = tokenizer()(re.sub(r"[ \t]+", " ", text), add_special_tokens=False).input_ids
        rows += [ids[start : start + DOCUMENT_TOKENS] for start in range(0, len(ids) - DOCUMENT_TOKENS, DOCUMENT_TOKENS)]
    return dice.sample(rows, min(DOCUMENTS, len(rows)))


def teacher() -> None:
    import torch

    from ..export.llama_torch import Decoder

    base = base_weights()
    model = Decoder(base.shape, base.layers, base.norm, base.table)
    tops, logs, starts = [], [], [0]
    with torch.inference_mode():
        told = [(prompt(entry["question"]), entry["answer"]) for entry in json.loads(work("language", "replays.json").read_text())]
        plain = [[tokenizer()(part, add_special_tokens=False).input_ids for part in pair] for pair in told]
        for head, body in [*plain, *((row[:1], row[1:]) for row in documents())]:
            states = model.states(model.embed(torch.tensor([head + body])))[0, len(head) - 1 :]
            top = model.logits(states).log_softmax(-1).topk(KEPT)
            tops.append(top.indices.numpy().astype(np.uint16))
            logs.append(top.values.numpy().astype(np.float16))
            starts.append(starts[-1] + len(states))
    np.savez(work("language", "teacher.npz"), tokens=np.concatenate(tops), logs=np.concatenate(logs), starts=np.array(starts), answers=len(plain))
    print(f"{starts[-1]} positions, {np.exp(np.concatenate(logs).astype(np.float32)).sum(-1).mean():.3f} of the probability kept")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("answers", "teacher"))
    {"answers": answers, "teacher": teacher}[parser.parse_args().step]()
