"""Fits the output projectors to states of the exported graph: what the runtime will feed them, rounding included.

    python -m training.language.signals states --seed 1000 [--wide] [--minutes 4]   # WORK/language/states/1000.npz; one thread, run several
    python -m training.language.signals fit [--minutes 4]                           # WORK/language/output-projectors.pt, one for all outputs
    python -m training.language.signals export --folder FOLDER                      # its graphs alone, into a language model's export
"""
import argparse
import json
import random
import time
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from ..align.fit import ridge, whiten
from ..conditioning import TOKENS, WIDTH, conditioning_tokens
from ..data.nouns import article
from ..evaluate.nouns import JUDGED
from ..paths import work
from . import asking, phrases
from .base import tokenizer
from .dialogues import COLOURS
from .encoded import EveryMedium
from .graphs import Graphs
from .projectors import OutputProjector, ShippedProjector, conditioning_loss, export_output, output_module
from .seen_and_heard import Talks
from .vocabulary import GROUPS, IDS, OPEN, OUTPUTS, Conversation
from .wide import Wide, held

#: Kinds of conversations whose signals are read, and their shares; `label` asks for any drawing's label and not an everyday word.
SHARES = (("label", 16), ("single", 20), ("edits", 8), ("hears", 20), ("films", 20), ("several", 22), ("follows", 8), ("forces", 30), ("turns_into", 6), ("examples", 2))


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


def states(count: int, minutes: float, seed: int, folder: Path, wide: bool = False) -> None:
    """`wide`: conversations of `wide.py`; the file is written as they come"""
    started = saved = time.time()
    media = EveryMedium(seed, as_read=True)
    graphs = Graphs(folder, tokenizer(), media.vectors, threads=1)
    system = Conversation(tokenizer()).ids
    cache = graphs.cache()
    graphs.run(graphs.embed(system, []), cache)
    prompts, outputs, hidden = [], [], []
    embedded = {f"embedded.{output}": graphs.table.run(None, {"input_ids": np.array([group])})[0] for output, group in GROUPS.items()}
    path = work("language", "states", f"{seed}.npz")
    write = lambda: np.savez(path, prompts=np.array(prompts), outputs=np.array(outputs), hidden=np.stack(hidden), **embedded)
    talks = Wide(tokenizer(), seed, media.attached, [("hi", "Hello! How can I help you?")], media.said).prepare().conversations() if wide else conversations(count, seed)
    for talk in islice(talks, count):
        ids = talk.ids[len(system) : talk.signals[-1][0] + 4]
        _, found = graphs.run(graphs.embed(ids, talk.blocks[: sum(token == IDS[OPEN] for token in ids)]), cache.copy())
        for place, signal in talk.signals:
            prompts.append(signal.prompt)
            outputs.append(signal.output)
            hidden.append(found[place - len(system) : place - len(system) + 4].astype(np.float16))
        if time.time() - started > minutes * 60:
            break
        if time.time() - saved > 120:
            write()
            saved = time.time()
    write()
    print(f"{len(prompts)} signals, {time.time() - started:.0f} s")


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
    learn and to check: some captions are unseen, plain ones of the judged nouns never"""

    def __init__(self):
        files = [np.load(path) for path in sorted(work("language", "states", "x").parent.glob("*.npz"))]
        prompts = [prompt for file in files for prompt in file["prompts"].tolist()]
        self.outputs = np.concatenate([file["outputs"] for file in files])
        self.hidden = torch.from_numpy(np.concatenate([file["hidden"] for file in files]).astype(np.float32))
        rows = {output: torch.from_numpy(files[0][f"embedded.{output}"]) for output in OUTPUTS}
        self.embedded = torch.cat([rows[output] for output in OUTPUTS])[[list(OUTPUTS).index(output) for output in self.outputs]]
        names = sorted(set(prompts))
        place = {name: index for index, name in enumerate(names)}
        self.targets = torch.from_numpy(targets_of(names))
        self.rows = torch.tensor([place[prompt] for prompt in prompts])
        plain = {article(noun) for noun in JUDGED}
        test = torch.tensor([held(prompt) and prompt not in plain for prompt in prompts])
        self.learn, self.check = torch.nonzero(~test)[:, 0], torch.nonzero(test)[:, 0]
        self.nouns = torch.tensor([row for row, prompt in enumerate(prompts) if prompt in plain and self.outputs[row] == "image"])

    def of(self, rows: torch.Tensor, output: str) -> torch.Tensor:
        return rows[torch.from_numpy(self.outputs == output)[rows]]


def fit(minutes: float, rank: int, penalty: float, batch: int = 96) -> None:
    """A linear reading of all sixteen tokens in closed form (ridge regression of reduced rank, one for all outputs), then the transformer and the shares of both for
    `minutes` of processor time, on the error of their mixture. The reading is finished at the start; what it says is tuned along, gently."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = States()
    x, learn = (data.hidden + data.embedded).flatten(1), data.learn
    scale = torch.ones(TOKENS, WIDTH)
    # The sentence token is what the pieces together are.
    scale[0] = (TOKENS - 1) ** 0.5
    model = ShippedProjector(OutputProjector(), rank, TOKENS)
    if (start := work("language", "output-transformer.pt")).exists():
        model.transformer.load_state_dict(torch.load(start, weights_only=True))
    else:
        whiten(model.transformer.enter, x[learn[:6000]].unflatten(1, (4, -1)).flatten(0, 1))
        model.transformer.leave.bias.data = data.targets[data.rows[learn]].mean((0, 1))
    read, say, bias = ridge(x[learn], data.targets[data.rows[learn]].flatten(1), rank, penalty, scale.flatten())
    with torch.no_grad():
        model.read.weight.copy_(read), model.say.weight.copy_(say), model.say.bias.copy_(bias)
        model.share.fill_(0.8), model.share_pieces.fill_(0.8)
    rates = [(list(model.transformer.parameters()), 1e-3), ([model.share, model.share_pieces], 2e-3), (list(model.say.parameters()), 3e-5)]
    model.read.requires_grad_(False)
    optimiser = torch.optim.AdamW([{"params": parameters} for parameters, _ in rates], betas=(0.9, 0.98), weight_decay=0.01)
    # Deviation within a position: the noise of rounding is a part of it. The linear reading sees none, for it reads small directions.
    spread = x[learn[torch.randperm(len(learn))[:4000]]].std(0).unflatten(0, (4, -1))
    clock, step = time.process_time(), 0
    print(f"{len(learn)} signals to learn, {len(data.check)} of unseen captions; at the start {report(model, data, data.check[:800])}", flush=True)
    while (spent := (time.process_time() - clock) / (minutes * 60)) < 1:
        for group, (_, rate) in zip(optimiser.param_groups, rates):
            group["lr"] = rate * min(1, (step + 1) / 50) * (1 - spent)
        chosen = learn[torch.randint(len(learn), (batch,))]
        states = x[chosen].unflatten(1, (4, -1))
        value = conditioning_loss(model(states, torch.zeros(()), states + 0.2 * spread * torch.randn_like(states)), data.targets[data.rows[chosen]])
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 250 == 0:
            print(f"step {step} loss {value.item():.3f} unseen {report(model, data, data.check[:800])}", flush=True)
    for output in OUTPUTS:
        print(f"{output}, unseen captions: {report(model, data, data.of(data.check, output))}", flush=True)
    print(f"pictures of the 500 nouns, captions seen: {report(model, data, data.nouns)}; shares {model.share.item():.2f}, {model.share_pieces.item():.2f}", flush=True)
    torch.save({output: model.state_dict() for output in OUTPUTS}, work("language", "output-projectors.pt"))


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
    parser.add_argument("step", choices=("states", "fit", "export"))
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--rank", type=int, default=512)
    parser.add_argument("--ridge", type=float, default=0.005)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--wide", action="store_true", help="captions of everything, rare nouns as often as others")
    parser.add_argument("--folder", type=Path, default=work("export", "language-model"), help="the export whose states are read")
    options = parser.parse_args()
    if options.step == "states":
        states(options.count, options.minutes, options.seed, options.folder, options.wide)
    elif options.step == "fit":
        fit(options.minutes, options.rank, options.ridge)
    else:
        saved = torch.load(work("language", "output-projectors.pt"), weights_only=True)
        for output in OUTPUTS:
            print(f"{output}: largest relative error {export_output(output_module(saved[output]), options.folder, output):.4f}")
