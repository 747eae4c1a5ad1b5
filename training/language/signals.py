"""Fits the output projectors to states of the exported graph: what the runtime will feed them, rounding included.

    python -m training.language.signals states --seed 1000 [--minutes 4]   # WORK/language/states/1000.npz; one thread, run several
    python -m training.language.signals fit [--minutes 2]                  # WORK/language/output-transformer.pt, shared by the outputs
    python -m training.language.signals mix                                # WORK/language/output-projectors.pt, one for each output
"""
import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch

from ..conditioning import TOKENS, WIDTH, conditioning_tokens
from ..data.nouns import article
from ..paths import work
from . import asking, phrases
from .base import tokenizer
from .dialogues import COLOURS
from .encoded import EveryMedium
from .graphs import Graphs
from .projectors import OutputProjector, ShippedProjector, conditioning_loss
from .seen_and_heard import Talks
from .vocabulary import GROUPS, IDS, OPEN, OUTPUTS, Conversation

#: Kinds of conversations whose signals are read, and their shares; `label` asks for any drawing's label and not an everyday word.
SHARES = (("label", 16), ("single", 20), ("edits", 8), ("hears", 20), ("films", 20), ("several", 22), ("follows", 8), ("forces", 30), ("turns_into", 6), ("examples", 2))
#: One caption in so many is kept from learning.
HELD = 12


def conversations(count: int, seed: int) -> list[Conversation]:
    """Conversations with at least one signal each"""
    dice, media = random.Random(seed), EveryMedium(seed, as_read=True)
    writer = Talks(tokenizer(), seed, media.attached, [("hi", "Hello! How can I help you?")], media.said)
    labels = sorted({entry["label"] for entry in json.loads(work("data", "sprites.json").read_text())})
    names, shares = zip(*SHARES)
    found = []
    for kind in dice.choices(names, shares, k=count):
        if kind == "label":
            label = dice.choice(labels)
            phrase = article(label if dice.random() < 0.5 else f"{dice.choice(COLOURS)} {label}")
            talk = writer.start()
            output = dice.choice(("image", "image", "video"))
            writer.user(talk, writer.pick(phrases.ASK if output == "image" else asking.FILM, x=phrase, n=phrase.split(" ", 1)[-1]))
            writer.reply_with(talk, writer.pick(phrases.ASK_REPLY if output == "image" else asking.FILM_REPLY, x=phrase), phrase, output)
        else:
            talk = getattr(writer, kind)()
        if talk.signals:
            found.append(talk)
    return found


def states(count: int, minutes: float, seed: int, folder: Path) -> None:
    started = time.time()
    media = EveryMedium(seed, as_read=True)
    graphs = Graphs(folder, tokenizer(), media.vectors, threads=1)
    system = Conversation(tokenizer()).ids
    cache = graphs.cache()
    graphs.run(graphs.embed(system, []), cache)
    prompts, outputs, hidden = [], [], []
    for talk in conversations(count, seed):
        ids = talk.ids[len(system) : talk.signals[-1][0] + 4]
        _, found = graphs.run(graphs.embed(ids, talk.blocks[: sum(token == IDS[OPEN] for token in ids)]), dict(cache))
        for place, signal in talk.signals:
            prompts.append(signal.prompt)
            outputs.append(signal.output)
            hidden.append(found[place - len(system) : place - len(system) + 4].astype(np.float16))
        if time.time() - started > minutes * 60:
            break
    embedded = {f"embedded.{output}": graphs.table.run(None, {"input_ids": np.array([group])})[0] for output, group in GROUPS.items()}
    np.savez(work("language", "states", f"{seed}.npz"), prompts=np.array(prompts), outputs=np.array(outputs), hidden=np.stack(hidden), **embedded)
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


def targets_of(names: list[str]) -> np.ndarray:
    """Conditioning tokens of the captions, kept in a file for the next step"""
    path = work("language", "states", "targets")
    if (known := path.with_suffix(".json")).exists() and json.loads(known.read_text()) == names:
        return np.load(path.with_suffix(".npy")).astype(np.float32)
    found = conditioning_tokens(names).astype(np.float32)
    np.save(path.with_suffix(".npy"), found.astype(np.float16))
    known.write_text(json.dumps(names))
    return found


class States:
    """States [n, 4, width] with their input rows `embedded`, targets of the distinct prompts, each state's target and output, and the rows to
    learn and to check: some captions are unseen"""

    def __init__(self):
        files = [np.load(path) for path in sorted(work("language", "states", "x").parent.glob("*.npz"))]
        prompts = [prompt for file in files for prompt in file["prompts"].tolist()]
        self.outputs = np.concatenate([file["outputs"] for file in files])
        self.hidden = torch.from_numpy(np.concatenate([file["hidden"] for file in files]).astype(np.float32))
        rows = {output: torch.from_numpy(files[0][f"embedded.{output}"]) for output in OUTPUTS}
        self.embedded = torch.cat([rows[output] for output in OUTPUTS])[[list(OUTPUTS).index(output) for output in self.outputs]]
        names = sorted(set(prompts))
        held = set(random.Random(1).sample(names, len(names) // HELD))
        place = {name: index for index, name in enumerate(names)}
        self.targets = torch.from_numpy(targets_of(names))
        self.rows = torch.tensor([place[prompt] for prompt in prompts])
        test = torch.tensor([prompt in held for prompt in prompts])
        self.learn, self.check = torch.nonzero(~test)[:, 0], torch.nonzero(test)[:, 0]

    def of(self, rows: torch.Tensor, output: str) -> torch.Tensor:
        return rows[torch.from_numpy(self.outputs == output)[rows]]


def fit(minutes: float, start: dict | None = None, batch: int = 64) -> None:
    """`start` is an output projector that was tuned beside the language model; without one the entrance is whitened"""
    started = time.time()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = States()
    hidden, embedded, targets, rows, learn = data.hidden, data.embedded, data.targets, data.rows, data.learn
    print(f"{len(learn)} signals to learn, {len(data.check)} of unseen captions, {time.time() - started:.0f} s", flush=True)
    model = OutputProjector()
    some = learn[torch.randperm(len(learn))[:6000]]
    if start:
        model.load_state_dict({name.removeprefix("transformer."): value for name, value in start.items() if name.startswith("transformer.")})
        print(f"as tuned: unseen {report(model, data, data.check[:800])}", flush=True)
    else:
        whiten(model, hidden[some] + embedded[some])
        model.leave.bias.data = targets[rows[learn]].mean((0, 1))
    rate = 6e-4 if start else 1e-3
    optimiser = torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.98), weight_decay=0.05)
    # Deviation within a position: the noise of rounding is a part of it.
    spread = hidden[some].std(0)
    clock, step = time.time(), 0
    while (spent := (time.time() - clock) / (minutes * 60)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 30) * (1 - spent)
        chosen = learn[torch.randint(len(learn), (batch,))]
        noisy = hidden[chosen] + 0.3 * spread * torch.randn(batch, 4, hidden.shape[-1])
        value = conditioning_loss(model(noisy, embedded[chosen]), targets[rows[chosen]])
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 200 == 0:
            print(f"step {step} loss {value.item():.3f} unseen {report(model, data, data.check[:800])}", flush=True)
    for output in OUTPUTS:
        print(f"final: {step} steps, {output} unseen {report(model, data, data.of(data.check, output))}", flush=True)
    torch.save(model.state_dict(), work("language", "output-transformer.pt"))


@torch.no_grad()
def mix(rank: int, ridge: float) -> None:
    """Adds a linear reading of the four states to the fitted transformer: ridge regression of all sixteen tokens, of reduced rank, one for all
    outputs. The shares are those that serve unseen captions best."""
    torch.set_num_threads(1)
    data, model = States(), OutputProjector()
    model.load_state_dict(torch.load(work("language", "output-transformer.pt"), weights_only=True))
    x = (data.hidden[data.learn] + data.embedded[data.learn]).flatten(1)
    y = data.targets[data.rows[data.learn]].flatten(1)
    middle, mean = x.mean(0), y.mean(0)
    x, scale = x - middle, torch.ones(TOKENS, WIDTH)
    # The sentence token is what the pieces together are.
    scale[0] = (TOKENS - 1) ** 0.5
    scale = scale.flatten()
    square = x.T @ x
    lower = torch.linalg.cholesky(square + ridge * square.diag().mean() * torch.eye(len(square)))
    seen = torch.linalg.solve_triangular(lower, x.T @ ((y - mean) * scale), upper=False)
    basis = torch.linalg.eigh(seen @ seen.T)[1][:, -rank:]
    shipped = ShippedProjector(model, rank, TOKENS)
    shipped.read.weight.copy_(torch.linalg.solve_triangular(lower.T, basis, upper=True).T)
    shipped.say.weight.copy_((basis.T @ seen / scale).T)
    shipped.say.bias.copy_(mean - shipped.say.weight @ (shipped.read.weight @ middle))
    check = data.check[torch.randperm(len(data.check), generator=torch.Generator().manual_seed(0))[:1000]]
    best = {}
    for name, shares in (("share", (0.0, 0.35, 0.5, 0.65, 1.0)), ("share_pieces", (0.0, 0.3, 0.5, 0.7, 1.0))):
        for share in shares:
            getattr(shipped, name).fill_(share)
            cosine, error, text = figures(shipped, data, check)
            best.setdefault(name, []).append((-cosine if name == "share" else error, share))
            print(f"{name} {share}: {text}", flush=True)
        getattr(shipped, name).fill_(min(best[name])[1])
    for output in OUTPUTS:
        print(f"{output}: {report(shipped, data, data.of(data.check, output))}", flush=True)
    torch.save({output: shipped.state_dict() for output in OUTPUTS}, work("language", "output-projectors.pt"))


def report(model: torch.nn.Module, data: States, chosen: torch.Tensor) -> str:
    return figures(model, data, chosen)[2]


@torch.inference_mode()
def figures(model: torch.nn.Module, data: States, chosen: torch.Tensor) -> tuple[float, float, str]:
    """Cosine of token 0, squared error of the word pieces that are there, and how often the right caption is the nearest of 2,000"""
    predicted = torch.cat([model(data.hidden[part], data.embedded[part]) for part in chosen.split(256)])
    rows = data.rows[chosen]
    right = data.targets[rows]
    cosine = torch.nn.functional.cosine_similarity(predicted[:, 0], right[:, 0], dim=-1).mean()
    present = right.abs().sum(-1) > 0
    present[:, 0] = False
    error = (predicted - right)[present].square().mean()
    # The right captions and others to fill up 2,000.
    others = set(rows.tolist())
    pool = torch.cat([torch.unique(rows), torch.tensor([row for row in range(len(data.targets)) if row not in others], dtype=torch.long)])[:2000]
    unit = torch.nn.functional.normalize(data.targets[pool, 0], dim=-1)
    nearest = pool[(predicted[:, 0] @ unit.T).argmax(-1)]
    return float(cosine), float(error), f"{len(chosen)} signals: cosine {cosine:.3f} word pieces {error:.3f} nearest of {len(pool)} {(nearest == rows).float().mean():.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("states", "fit", "mix"))
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rank", type=int, default=224)
    parser.add_argument("--ridge", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=work("export", "language-model"), help="the export whose states are read")
    parser.add_argument("--checkpoint", help="of the tuning, whose output projector to start the fit from")
    options = parser.parse_args()
    if options.step == "states":
        states(options.count, options.minutes, options.seed, options.folder)
    elif options.step == "mix":
        mix(options.rank, options.ridge)
    else:
        fit(options.minutes, torch.load(work("language", options.checkpoint), weights_only=True)["output_projector"] if options.checkpoint else None)
