"""Figures of the exported language model, as the runtime runs it (greedy): when it draws, what it points at, what it reads, how well a signal
carries its caption, perplexity.

    python -m training.language.evaluate [--folder WORK/export/language-model] [--parts draw edit point look plain carry perplexity] [--show]
    python -m training.language.evaluate --parts asked remember listen watch mixed demanded examples forced
"""
import argparse
import time
from pathlib import Path

import numpy as np

from ..conditioning import conditioning_tokens
from ..paths import work
from . import requests
from .base import tokenizer
from .concepts import Concepts
from .encoded import EveryMedium
from .graphs import Graphs, shown
from .media import Picture
from .vocabulary import OUTPUTS, Conversation, Signal


def draw(graphs: Graphs, show) -> dict:
    right, cosines = 0, []
    for request, caption in requests.DRAW:
        talk = Conversation(tokenizer())
        talk.user([request])
        reply = graphs.reply(talk)
        show(request, reply)
        if reply.outputs == ["image"] and not reply.made[0].references:
            right += 1
            cosines.append(cosine(reply.made[0].conditioning, conditioning_tokens([caption])[0]))
    return {"one picture": f"{right}/{len(requests.DRAW)}", "cosine of token 0": f"{np.mean(cosines):.3f}", "below 0.6": int(np.sum(np.array(cosines) < 0.6))}


def cosine(predicted: np.ndarray, target: np.ndarray) -> float:
    return float(predicted[0] @ target[0] / np.linalg.norm(predicted[0]) / np.linalg.norm(target[0]))


def points(reply) -> list[tuple[int, ...]]:
    """What the pictures of a reply that makes nothing else point at"""
    return [made.references for made in reply.made] if set(reply.outputs) <= {"image"} else []


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
        right += points(reply) == [(1,)]
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
        right += points(reply) == [(ordinal,)]
    return {"right one": f"{right}/{len(requests.POINT)}"}


def look(graphs: Graphs, show, attached) -> dict:
    """Questions about attached pictures: that the answer is text, and names the thing"""
    import random

    dice, text, named, coloured, colours, read, concepts = random.Random(99), 0, 0, 0, 0, 0, Concepts()
    asked = (requests.LOOK * 12)[:120]
    for request in asked:
        picture = attached["image"](dice)
        talk = Conversation(tokenizer())
        talk.user([picture, request])
        reply = graphs.reply(talk)
        show(f"{picture.caption}: {request}", reply)
        text += not reply.made
        named += picture.noun in reply.text
        read += concepts.read("image", graphs.vectors(picture)[None])[0]["noun"] == picture.noun
        if picture.colour:
            colours += 1
            coloured += picture.colour in reply.text
    return {"text only": f"{text}/{len(asked)}", "names the noun": f"{named}/{len(asked)}", "the projector reads it": f"{read}/{len(asked)}", "names the colour": f"{coloured}/{colours}"}


def plain(graphs: Graphs, show) -> dict:
    media, ended = 0, 0
    for request in requests.PLAIN:
        talk = Conversation(tokenizer())
        talk.user([request])
        reply = graphs.reply(talk, longest=48)
        show(request, reply)
        media += bool(reply.made)
        ended += reply.ids[-1] == 2
    return {"with media": f"{media}/{len(requests.PLAIN)}", "ended within 48 tokens": ended}


def forced(graphs: Graphs, show) -> dict:
    """Outputs that the caller demands, in their order, where the model alone would answer in text or with one of them"""
    right, cosines, asked = 0, {output: [] for output in OUTPUTS}, 0
    for noun in ("dog", "castle", "lemon", "guitar", "rocket"):
        for request, required in ((f"what is a {noun}?", ("image",)), (f"a {noun}", ("image", "audio", "video")), (f"draw a {noun}", ("video", "image")), (f"a {noun}", ("audio",))):
            talk = Conversation(tokenizer())
            talk.user([request])
            reply = graphs.reply(talk, required=required)
            show(f"forced {required}: {request}", reply)
            asked += 1
            right += reply.outputs == list(required)
            for made in reply.made:
                if made.conditioning is not None:
                    cosines[made.output].append(cosine(made.conditioning, conditioning_tokens([f"a {noun}"])[0]))
    return {"outputs in order": f"{right}/{asked}", "cosine of token 0 to the thing": {output: f"{np.mean(values or [0]):.3f}" for output, values in cosines.items()}}


def carry(graphs: Graphs, show, count: int = 2000, asked: int = 60) -> dict:
    """Captions through the language model's signal to conditioning, for each output: nearest among `count` captions"""
    from . import carrying

    return carrying.measure(graphs, show, count, asked)


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
    from . import everything

    parser = argparse.ArgumentParser(description=__doc__)
    runs = {"draw": draw, "edit": edit, "point": point, "look": look, "plain": plain, "asked": everything.asked, "remember": everything.remember, "listen": everything.listen, "watch": everything.watch,
            "mixed": everything.mixed, "demanded": everything.demanded, "examples": everything.examples, "forced": forced, "carry": carry, "perplexity": perplexity}
    parser.add_argument("--folder", type=Path, default=work("export", "language-model"))
    parser.add_argument("--parts", nargs="*", default=list(runs), choices=list(runs))
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--seen", action="store_true", help="media of the training splits")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    media = EveryMedium(0, held_out=not options.seen)
    graphs = Graphs(options.folder, tokenizer(), media.vectors, options.threads)
    print(f"stage {graphs.record['stage']}", flush=True)

    def show(request: str, reply) -> None:
        if options.show:
            print(f"   {request!r} -> {shown(reply.ids, tokenizer())!r}", flush=True)

    for part in options.parts:
        started = time.time()
        figures = runs[part](graphs, show, media.attached) if part in everything.ATTACHED else runs[part](graphs, show)
        print(f"{part}: {figures} ({time.time() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
