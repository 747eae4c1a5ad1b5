"""Figures of the exported language model, as the runtime runs it (greedy): when it draws, what it points at, what it reads, how well a signal
carries its caption, perplexity.

    python -m training.language.evaluate [--folder WORK/export/language-model] [--parts draw edit point look plain carry perplexity] [--show]
"""
import argparse
import time
from pathlib import Path

import numpy as np

from ..conditioning import conditioning_tokens
from ..paths import work
from . import requests
from .base import tokenizer
from .dialogues import Picture, imagined
from .graphs import Graphs, shown
from .vocabulary import Conversation, Signal


def draw(graphs: Graphs, show) -> dict:
    right, cosines = 0, []
    for request, caption in requests.DRAW:
        talk = Conversation(tokenizer())
        talk.user([request])
        reply = graphs.reply(talk)
        show(request, reply)
        if reply.references == [()]:
            right += 1
            cosines.append(cosine(reply.conditioning[0], conditioning_tokens([caption])[0]))
    return {"one picture": f"{right}/{len(requests.DRAW)}", "cosine of token 0": f"{np.mean(cosines):.3f}", "below 0.6": int(np.sum(np.array(cosines) < 0.6))}


def cosine(predicted: np.ndarray, target: np.ndarray) -> float:
    return float(predicted[0] @ target[0] / np.linalg.norm(predicted[0]) / np.linalg.norm(target[0]))


def edit(graphs: Graphs, show) -> dict:
    right, words = 0, 0
    for request, change, word in requests.EDIT:
        talk = Conversation(tokenizer())
        talk.user([request])
        noun = request.replace("please", "").split()[-1]
        talk.assistant([f"Here is a {noun}. ", Signal(f"a {noun}", (), Picture(noun, None))], trained=False)
        talk.user([change])
        reply = graphs.reply(talk)
        show(change, reply)
        right += reply.references == [(1,)]
        words += word in reply.text
    return {"refers to the picture": f"{right}/{len(requests.EDIT)}", "names the change": f"{words}/{len(requests.EDIT)}"}


def two_pictures(graphs: Graphs) -> Conversation:
    talk = Conversation(tokenizer())
    talk.user([Picture("apple", "red"), Picture("fish", "blue"), "what are these?"])
    talk.assistant(["The first picture shows a red apple and the second shows a blue fish."], trained=False)
    return talk


def point(graphs: Graphs, show) -> dict:
    right = 0
    for request, ordinal in requests.POINT:
        talk = two_pictures(graphs)
        talk.user([request])
        reply = graphs.reply(talk)
        show(request, reply)
        right += reply.references == [(ordinal,)]
    return {"right one": f"{right}/{len(requests.POINT)}"}


def look(graphs: Graphs, show, attached) -> dict:
    """Questions about attached pictures: that the answer is text, and names the thing"""
    import random

    dice, text, named, coloured, colours = random.Random(99), 0, 0, 0, 0
    asked = (requests.LOOK * 6)[:60]
    for request in asked:
        picture = attached(dice)
        talk = Conversation(tokenizer())
        talk.user([picture, request])
        reply = graphs.reply(talk)
        show(f"{picture.caption}: {request}", reply)
        text += not reply.references
        named += picture.noun in reply.text
        if picture.colour:
            colours += 1
            coloured += picture.colour in reply.text
    return {"text only": f"{text}/{len(asked)}", "names the noun": f"{named}/{len(asked)}", "names the colour": f"{coloured}/{colours}"}


def plain(graphs: Graphs, show) -> dict:
    media, ended = 0, 0
    for request in requests.PLAIN:
        talk = Conversation(tokenizer())
        talk.user([request])
        reply = graphs.reply(talk, longest=48)
        show(request, reply)
        media += bool(reply.references)
        ended += reply.ids[-1] == 2
    return {"with media": f"{media}/{len(requests.PLAIN)}", "ended within 48 tokens": ended}


def forced(graphs: Graphs, show) -> dict:
    """A picture required by the request's options where the model alone would answer in text"""
    right, cosines = 0, []
    for noun in ("dog", "castle", "lemon", "guitar", "rocket"):
        talk = Conversation(tokenizer())
        talk.user([f"what is a {noun}?"])
        reply = graphs.reply(talk, force=True)
        show(f"forced: {noun}", reply)
        if reply.conditioning:
            right += 1
            cosines.append(cosine(reply.conditioning[0], conditioning_tokens([f"a {noun}"])[0]))
    return {"pictures": f"{right}/5", "cosine of token 0": f"{np.mean(cosines or [0]):.3f}"}


def carry(graphs: Graphs, show, count: int = 2000, asked: int = 120) -> dict:
    """Captions through the language model's signal to conditioning: nearest among `count` captions"""
    import random

    from .pictures import captions

    dice = random.Random(7)
    pool = dice.sample(captions(), count)
    targets = conditioning_tokens(pool)
    unit = targets[:, 0] / np.linalg.norm(targets[:, 0], axis=1, keepdims=True)
    cosines, errors, first, five = [], [], 0, 0
    for index in range(asked):
        talk = Conversation(tokenizer())
        talk.user([dice.choice(["draw {}", "I want to see {}", "{}", "a drawing of {} please", "please make {}"]).format(pool[index])])
        reply = graphs.reply(talk, force=True)
        if not reply.conditioning:
            continue
        predicted = reply.conditioning[0]
        order = np.argsort(-(unit @ predicted[0]))[:5]
        first, five = first + (order[0] == index), five + (index in order)
        cosines.append(cosine(predicted, targets[index]))
        present = np.abs(targets[index]).sum(-1) > 0
        present[0] = False
        errors.append(((predicted - targets[index])[present] ** 2).mean())
    return {"cosine of token 0": f"{np.mean(cosines):.3f}", "error of word pieces": f"{np.mean(errors):.3f}", "nearest of 2,000": f"{first}/{asked}", "within five": f"{five}/{asked}"}


def perplexity(graphs: Graphs, show) -> dict:
    """On the base model's answers that were not calibrated on, and on documents: rows as in `quantise measure`"""
    from .quantise import MEASURED, answer_rows, document_rows

    found = {}
    for name, rows in (("answers", answer_rows(-MEASURED)), ("documents", document_rows(MEASURED))):
        losses = []
        for row in rows.tolist():
            cache = graphs.cache()
            x = graphs.embed(row, [])
            _, hidden = graphs.run(x, cache)
            losses.append(token_losses(graphs, hidden[:-1], row[1:]))
        found[name] = f"{np.exp(np.concatenate(losses).mean()):.2f}"
    return found


def token_losses(graphs: Graphs, hidden: np.ndarray, targets: list[int]) -> np.ndarray:
    """From states by the shipped table in float32 (the graph's head serves one position)"""
    from .base import load_grids

    if not hasattr(graphs, "head"):
        graphs.head = load_grids(work("language", "grids.npz"))["table"].dequantise()
    logits = hidden @ graphs.head.T
    top = logits.max(-1, keepdims=True)
    return np.log(np.exp(logits - top).sum(-1)) + top[:, 0] - logits[np.arange(len(targets)), targets]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ("draw", "edit", "point", "look", "plain", "forced", "carry", "perplexity")
    parser.add_argument("--folder", type=Path, default=work("export", "language-model"))
    parser.add_argument("--parts", nargs="*", default=parts, choices=parts)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--imagined", action="store_true", help="pictures from captions even where the encoder's tokens of the held-out style exist")
    options = parser.parse_args()
    from .encoded import TOKENS, EncodedVectors
    from .pictures import CaptionVectors

    vectors, attached = CaptionVectors(0), imagined
    if not options.imagined and TOKENS.exists():
        vectors = EncodedVectors(0, vectors, held_out=True)
        attached = vectors.attached
    graphs = Graphs(options.folder, tokenizer(), vectors.vectors)
    print(f"stage {graphs.record['stage']}", flush=True)

    def show(request: str, reply) -> None:
        if options.show:
            print(f"   {request!r} -> {shown(reply.ids, tokenizer())!r}", flush=True)

    for part in options.parts:
        started = time.time()
        run = {"draw": draw, "edit": edit, "point": point, "plain": plain, "forced": forced, "carry": carry, "perplexity": perplexity}.get(part)
        figures = run(graphs, show) if run else look(graphs, show, attached)
        print(f"{part}: {figures} ({time.time() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
