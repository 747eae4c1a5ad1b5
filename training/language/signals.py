"""Fits the output projector to states of the exported graph: what the runtime will feed it, rounding included.

    python -m training.language.signals states --seed 1000 [--minutes 4]   # WORK/language/states-1000.npz; one thread, run several
    python -m training.language.signals fit [--minutes 2]                  # WORK/language/output-projector.pt
    python -m training.language.signals mix                                # WORK/language/output-projector-shipped.pt
"""
import argparse
import json
import random
import time

import numpy as np
import torch

from ..conditioning import conditioning_tokens
from ..data.nouns import article
from ..paths import work
from . import phrases
from .base import tokenizer
from .dialogues import COLOURS, Writer, imagined
from .graphs import IMAGE, Graphs
from .pictures import CaptionVectors
from .projectors import OutputProjector, ShippedProjector, conditioning_loss
from .vocabulary import Conversation

#: Share of conversations that edit a picture; of the others, share whose thing is any drawing's label and not an everyday word.
EDITS, LABELS = 0.1, 0.35
#: Share of the linear reading in the sentence token: a little less cosine than 0.5 gives, the right caption is the nearest more often.
SHARE = 0.65


def conversations(count: int, seed: int) -> list[Conversation]:
    """Conversations with at least one signal each"""
    dice, writer = random.Random(seed), Writer(tokenizer(), seed, imagined, [("hi", "Hello! How can I help you?")])
    labels = sorted({entry["label"] for entry in json.loads(work("data", "sprites.json").read_text())})
    found = []
    for _ in range(count):
        if dice.random() < EDITS:
            talk = writer.edits()
        elif dice.random() < LABELS:
            label = dice.choice(labels)
            phrase = article(label if dice.random() < 0.5 else f"{dice.choice(COLOURS)} {label}")
            talk = writer.start()
            writer.user(talk, writer.pick(phrases.ASK, x=phrase, n=phrase.split(" ", 1)[-1]))
            writer.reply_with_picture(talk, writer.pick(phrases.ASK_REPLY, x=phrase), phrase, None)
        else:
            talk = writer.start()
            phrase, _ = writer.subject()
            writer.user(talk, writer.pick(phrases.ASK, x=phrase, n=phrase.split(" ", 1)[-1]))
            writer.reply_with_picture(talk, writer.pick(phrases.ASK_REPLY, x=phrase), phrase, None)
        if talk.signals:
            found.append(talk)
    return found


def states(count: int, minutes: float, seed: int) -> None:
    started = time.time()
    graphs = Graphs(work("export", "language-model"), tokenizer(), CaptionVectors(seed).vectors, threads=1)
    system = Conversation(tokenizer()).ids
    cache = graphs.cache()
    graphs.run(graphs.embed(system, []), cache)
    prompts, hidden = [], []
    for talk in conversations(count, seed):
        last = talk.signals[-1][0] + 4
        ids, vectors = talk.ids[len(system) : last], sum(token == -1 for token in talk.ids[:last]) // 9
        _, found = graphs.run(graphs.embed(ids, talk.pictures[:vectors]), dict(cache))
        for place, signal in talk.signals:
            prompts.append(signal.prompt)
            hidden.append(found[place - len(system) : place - len(system) + 4].astype(np.float16))
        if time.time() - started > minutes * 60:
            break
    embedded = graphs.table.run(None, {"input_ids": np.array([IMAGE])})[0]
    np.savez(work("language", f"states-{seed}.npz"), prompts=np.array(prompts), hidden=np.stack(hidden), embedded=embedded)
    print(f"{len(prompts)} signals, {time.time() - started:.0f} s")


@torch.no_grad()
def whiten(model: OutputProjector, inputs: torch.Tensor) -> None:
    """The entrance as centred, whitened principal components of hidden + embedded, [n, 4, width]: what differs between captions is 3 % of
    a signal state's energy, and a random entrance hands the transformer the other 97."""
    flat = inputs.flatten(0, 1)
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((flat - mean).T))
    size = model.enter.out_features
    values, vectors = values[-size:], vectors[:, -size:]
    weight = vectors.T / (values + 0.02 * values.median()).sqrt()[:, None]
    # Mixed by a rotation, so that no unit of the transformer begins with noise alone.
    rotation = torch.linalg.qr(torch.randn(size, size))[0]
    model.enter.weight.copy_(rotation @ weight)
    model.enter.bias.copy_(-model.enter.weight @ mean)


def load() -> tuple:
    """Prompts, hidden [n, 4, width], embedded [1, 4, width], targets of the distinct prompts, each state's target, and the rows to learn and
    to check: a twelfth of the captions is unseen"""
    files = [np.load(path) for path in sorted(work("language").glob("states-*.npz"))]
    prompts = [prompt for file in files for prompt in file["prompts"].tolist()]
    hidden = torch.from_numpy(np.concatenate([file["hidden"] for file in files]).astype(np.float32))
    embedded = torch.from_numpy(files[0]["embedded"])
    names = sorted(set(prompts))
    held = set(random.Random(1).sample(names, len(names) // 12))
    place = {name: index for index, name in enumerate(names)}
    targets = torch.from_numpy(conditioning_tokens(names).astype(np.float32))
    rows = torch.tensor([place[prompt] for prompt in prompts])
    test = torch.tensor([prompt in held for prompt in prompts])
    learn, check = torch.nonzero(~test)[:, 0], torch.nonzero(test)[:, 0]
    return prompts, hidden, embedded, targets, rows, learn, check


def fit(minutes: float, start: dict | None, batch: int = 64) -> None:
    started = time.time()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    prompts, hidden, embedded, targets, rows, learn, check = load()
    print(f"{len(learn)} signals to learn, {len(check)} of unseen captions, {time.time() - started:.0f} s", flush=True)
    model = OutputProjector()
    if start:
        model.load_state_dict(start)
    else:
        whiten(model, hidden[learn] + embedded)
        model.leave.bias.data = targets[rows[learn]].mean((0, 1))
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, betas=(0.9, 0.98), weight_decay=0.05)
    # Deviation within a position: the noise of rounding is a part of it.
    spread = hidden[learn].std(0)
    clock, step = time.time(), 0
    while (spent := (time.time() - clock) / (minutes * 60)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 30) * (1 - spent)
        chosen = learn[torch.randint(len(learn), (batch,))]
        noisy = hidden[chosen] + 0.3 * spread * torch.randn(batch, 4, hidden.shape[-1])
        value = conditioning_loss(model(noisy, embedded.expand(batch, -1, -1)), targets[rows[chosen]])
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step} loss {value.item():.3f} unseen {report(model, hidden[check], embedded, targets, rows[check])}", flush=True)
    print(f"final: {step} steps, unseen {report(model, hidden[check], embedded, targets, rows[check])}")
    torch.save(model.state_dict(), work("language", "output-projector.pt"))


@torch.no_grad()
def mix(rank: int, ridge: float) -> None:
    """Adds the linear reading to the fitted transformer: ridge regression of the sentence token on the four states, cut to `rank`. Prints what
    other shares would give on unseen captions."""
    torch.set_num_threads(1)
    prompts, hidden, embedded, targets, rows, learn, check = load()
    model = OutputProjector()
    model.load_state_dict(torch.load(work("language", "output-projector.pt"), weights_only=True))
    x, y = (hidden + embedded).flatten(1), targets[rows][:, 0]
    middle, mean = x[learn].mean(0), y[learn].mean(0)
    centred = x[learn] - middle
    square = centred.T @ centred
    weights = torch.linalg.solve(square + ridge * square.diag().mean() * torch.eye(len(square)), centred.T @ (y[learn] - mean))
    basis = torch.linalg.eigh((centred @ weights).T @ (centred @ weights))[1][:, -rank:]
    shipped = ShippedProjector(model, rank)
    shipped.read.weight.copy_((weights @ basis).T)
    shipped.say.weight.copy_(basis)
    shipped.say.bias.copy_(mean - middle @ weights @ basis @ basis.T)
    for value in (0.0, 0.5, 1.0, SHARE):
        shipped.share.fill_(value)
        print(f"share {value}: {report(shipped, hidden[check], embedded, targets, rows[check])}", flush=True)
    torch.save(shipped.state_dict(), work("language", "output-projector-shipped.pt"))


@torch.inference_mode()
def report(model: torch.nn.Module, hidden: torch.Tensor, embedded: torch.Tensor, targets: torch.Tensor, rows: torch.Tensor) -> str:
    """Cosine of token 0, squared error of the word pieces that are there, and how often the right caption is the nearest of 2,000"""
    predicted = torch.cat([model(part, embedded.expand(len(part), -1, -1)) for part in hidden.split(256)])
    right = targets[rows]
    cosine = torch.nn.functional.cosine_similarity(predicted[:, 0], right[:, 0], dim=-1).mean()
    present = right.abs().sum(-1) > 0
    present[:, 0] = False
    error = (predicted - right)[present].square().mean()
    # The right captions and others to fill up 2,000.
    others = set(rows.tolist())
    pool = torch.cat([torch.unique(rows), torch.tensor([row for row in range(len(targets)) if row not in others], dtype=torch.long)])[:2000]
    unit = torch.nn.functional.normalize(targets[pool, 0], dim=-1)
    nearest = pool[(predicted[:, 0] @ unit.T).argmax(-1)]
    return f"cosine {cosine:.3f} word pieces {error:.3f} nearest of {len(pool)} {(nearest == rows).float().mean():.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("states", "fit", "mix"))
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rank", type=int, default=160)
    parser.add_argument("--ridge", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--checkpoint", help="a tuning checkpoint whose output projector to start from")
    options = parser.parse_args()
    if options.step == "states":
        states(options.count, options.minutes, options.seed)
    elif options.step == "mix":
        mix(options.rank, options.ridge)
    else:
        fit(options.minutes, torch.load(work("language", options.checkpoint), weights_only=True)["output_projector"] if options.checkpoint else None)
