"""Low-rank instruction tuning of nano's language model on the grid that ships: dialogues with media by cross-entropy, plain answers by the
base model's probabilities. The descent is that of training.align. Resumes from its checkpoint.

    python -m training.language.train --name stage-one --dialogues 4600 --minutes 12 [--start stage-one.pt]
"""
import argparse
import json
import socket
import time

import numpy as np
import torch
from torch.nn import functional as F

from ..align.tune import CONDITIONING, RATES, Descent, batches
from ..conditioning import conditioning_tokens
from ..export.llama_torch import Decoder
from ..export.llama_weights import LINEARS
from ..paths import work
from .base import base_weights, dequantised, load_grids, tokenizer
from .concepts import LAYOUT, input_projector
from .encoded import EveryMedium
from .export import RANKS, first_rows
from .projectors import conditioning_loss, output_module
from .replays import documents
from .seen_and_heard import Talks
from .sentences import sentences
from .vocabulary import ADDED, END, FIRST, GROUPS, IDS, NO_LOSS, ORDINALS, OUTPUTS, SIGNALS, SPEAK, SPOKEN, VECTOR, Conversation

#: Tokens of one process's share of a step, padding included.
STEP_TOKENS = 640
#: An answer with a "sorry" among its first so many letters is none.
REFUSAL = 40
#: Added tokens that may be emitted; the head rows of the others stay where they are.
EMITTED = [*(IDS[token] - FIRST for token in (*ORDINALS, SPEAK, SPOKEN)), *(token - FIRST for group in GROUPS.values() for token in group)]


def build_model(dtype: torch.dtype = torch.bfloat16) -> Decoder:
    base = base_weights()
    layers, table = dequantised(load_grids(work("language", "grids.npz")))
    model = Decoder(base.shape, layers, base.norm, table, RANKS, len(ADDED), dtype)
    rows, _ = first_rows(base.table)
    model.rows.data = torch.from_numpy(rows)
    return model


@torch.no_grad()
def silence(model: Decoder, rows: torch.Tensor) -> None:
    """Head rows against the mean state: added tokens start unlikely (a logit of -6), and those never emitted impossible (-40)."""
    mean = model.states(model.embed(rows)).mean((0, 1))
    against = mean / mean.square().sum()
    model.head_rows.copy_(-40 * against.expand(len(ADDED), -1))
    model.head_rows[EMITTED] = -6 * against + 0.02 * torch.randn(len(EMITTED), len(mean))


@torch.no_grad()
def widen(rows: torch.Tensor, head_rows: torch.Tensor) -> None:
    """From tokens that speak of pictures to those of sounds, videos and speech: a state that asks for one is near a state that asks for the
    other, and its caption is carried from the first step. The new ones begin less likely than the picture's."""
    picture = [token - FIRST for token in GROUPS["image"]]
    for kind, less in (("AUD", 0.85), ("VID", 0.85), ("SPK", 0.7)):
        own = [IDS[token] - FIRST for token in SIGNALS[kind]]
        rows[own] = rows[picture] + 0.5 * rows[picture].std() * torch.randn(4, rows.shape[1])
        head_rows[own] = less * head_rows[picture] + 0.3 * head_rows[picture].std() * torch.randn(4, rows.shape[1])


def replay_conversations() -> list[tuple[Conversation, tuple[int, int] | None]]:
    """Each replay with the rows of the teacher's file that belong to its targets"""
    file = np.load(work("language", "teacher.npz"))
    starts, count, found = file["starts"], int(file["answers"]), []
    for index, entry in enumerate(json.loads(work("language", "replays.json").read_text())[:count]):
        if "sorry" in entry["answer"][:REFUSAL]:
            continue  # a refusal learnt here is met by requests
        talk = Conversation(tokenizer())
        talk.user([entry["question"]])
        body = tokenizer()(entry["answer"], add_special_tokens=False).input_ids
        talk.add(body, trained=True)
        talk.targets[-1] = END if entry["ended"] else NO_LOSS
        found.append((talk, (int(starts[index]), int(starts[index + 1]) - (0 if entry["ended"] else 1))))
    for index, row in enumerate(documents(), count):
        talk = Conversation(tokenizer())
        talk.ids, talk.targets = list(row), [*row[1:], NO_LOSS]
        found.append((talk, (int(starts[index]), int(starts[index + 1]) - 1)))
    return found


def short_replays() -> list[tuple[str, str]]:
    entries = json.loads(work("language", "replays.json").read_text())
    return [(entry["question"], entry["answer"]) for entry in entries if entry["ended"] and len(entry["answer"]) < 160] or [("hi", "Hello! How can I help you?")]


class Loss:
    """The loss of one batch"""

    def __init__(self, model: Decoder, projectors: torch.nn.ModuleDict, out: torch.nn.Module, media: EveryMedium):
        self.model, self.projectors, self.out, self.media = model, projectors, out, media
        teacher = np.load(work("language", "teacher.npz"))
        self.tokens, self.logs = teacher["tokens"], teacher["logs"]

    def embed(self, batch: list) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings [b, n, width] with projected media in their places, and targets [b, n]"""
        length = max(len(talk.ids) for talk, _ in batch)
        ids = torch.full((len(batch), length), END)
        targets = torch.full((len(batch), length), NO_LOSS)
        for row, (talk, _) in enumerate(batch):
            ids[row, : len(talk.ids)] = torch.tensor(talk.ids)
            targets[row, : len(talk.ids)] = torch.tensor(talk.targets)
        places = ids == VECTOR
        x = self.model.embed(ids.clamp(min=0))
        blocks = [block for talk, _ in batch for block in talk.blocks]
        if blocks:
            sources, rows = (torch.from_numpy(np.stack(part)) for part in zip(*(self.media.block(block) for block in blocks)))
            projected = self.model.embed(rows.clamp(min=0))
            for modality, projector in self.projectors.items():
                own = torch.tensor([index for index, block in enumerate(blocks) if block.modality == modality], dtype=torch.long)
                for place, token in LAYOUT[modality][2].items() if len(own) else ():
                    projected = projected.index_put((own, torch.full_like(own, place)), projector.filled(sources[own, token]))
            x = x.masked_scatter(places[..., None], projected.flatten(0, 1))
        return x, targets

    def __call__(self, batch: list) -> tuple[torch.Tensor, dict[str, float]]:
        x, targets = self.embed(batch)
        states = self.model.states(x)
        places = targets != NO_LOSS
        logs = self.model.logits(states[places]).log_softmax(-1)
        chosen = targets[places]
        losses = F.nll_loss(logs, chosen, reduction="none")
        rows = torch.nonzero(places)[:, 0]
        replayed = torch.zeros(len(rows), dtype=torch.bool)
        soft = []
        for row, (_, teacher) in enumerate(batch):
            if teacher is not None:
                here = torch.nonzero(rows == row)[:, 0]
                replayed[here] = True
                span = slice(*teacher)
                top, weights = torch.from_numpy(self.tokens[span].astype(np.int64)), torch.from_numpy(self.logs[span].astype(np.float32)).exp()
                soft.append((weights * (torch.from_numpy(self.logs[span].astype(np.float32)) - logs[here].gather(1, top))).sum(1))
        signals = [(row, place, signal) for row, (talk, _) in enumerate(batch) for place, signal in talk.signals]
        drawn = torch.zeros(())
        if signals:
            hidden = torch.stack([states[row, place : place + 4] for row, place, _ in signals])
            embedded = self.model.rows[torch.tensor([GROUPS[signal.output] for _, _, signal in signals]) - FIRST]
            target = torch.from_numpy(conditioning_tokens([signal.prompt for _, _, signal in signals]))
            drawn = conditioning_loss(self.out(hidden, embedded), target)
        spoken = losses[~replayed].sum() + (torch.cat(soft).sum() if soft else 0)
        figures = {"talk": losses[~replayed].sum().item(), "talk_count": int((~replayed).sum()), "kl": sum(s.sum().item() for s in soft), "kl_count": int(replayed.sum()),
                   "drawn": drawn.item() * len(signals), "drawn_count": len(signals)}
        return spoken / max(1, len(rows)) + CONDITIONING * drawn, figures


def state(model: Decoder, projectors: torch.nn.ModuleDict, out: torch.nn.Module) -> dict:
    """The checkpoint that `export` reads"""
    pairs = [{name: (getattr(layer, name).down.detach().T.clone(), getattr(layer, name).up.detach().T.clone()) for name in LINEARS} for layer in model.layers]
    return {"pairs": pairs, "rows": model.rows.detach().clone(), "head_rows": model.head_rows.detach().clone(),
            "input_projectors": {modality: projector.state_dict() for modality, projector in projectors.items()}, "output_projector": out.state_dict()}


@torch.no_grad()
def restore(model: Decoder, projectors: torch.nn.ModuleDict, out: torch.nn.Module, saved: dict) -> None:
    """A state; one that knew pictures only is widened"""
    for layer, pairs in zip(model.layers, saved["pairs"]):
        for name, (down, up) in pairs.items():
            getattr(layer, name).down.copy_(down.T)
            getattr(layer, name).up.copy_(up.T)
    model.rows.copy_(saved["rows"])
    model.head_rows.copy_(saved["head_rows"])
    if "input_projectors" not in saved:
        widen(model.rows.data, model.head_rows.data)
        return
    for modality, projector in projectors.items():
        if "start" in saved["input_projectors"][modality]:
            projector.take(saved["input_projectors"][modality])
    if "output_projector" in saved:
        out.load_state_dict(saved["output_projector"])


def told(sums: dict[str, float]) -> str:
    return (f"loss {sums['talk'] / max(1, sums['talk_count']):.3f} kl {sums['kl'] / max(1, sums['kl_count']):.3f} drawn {sums['drawn'] / max(1, sums['drawn_count']):.3f}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="stage-one")
    parser.add_argument("--start", help="a finished checkpoint to go on from, with a schedule of its own")
    parser.add_argument("--dialogues", type=int, default=4600)
    parser.add_argument("--minutes", type=float, default=11.5, help="the decay ends with them, or with the dialogues")
    parser.add_argument("--rate", type=float, default=1.0, help="factor on the learning rates")
    parser.add_argument("--output-projector", default="output-projector-shipped.pt", help="what reads the signals of a start that has no such projector of its own")
    parser.add_argument("--replays", type=int, default=3, help="times that every replay is seen")
    parser.add_argument("--since", type=int, help="replays of questions from this one on are seen three times as often, and a quarter of the documents: a short stage for what was asked last")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each: two threads of one process wait for each other at every operation, which on a shared machine cost three quarters of the speed")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def run(rank: int, options) -> None:
    started = time.time()
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{options.port}", rank=rank, world_size=options.processes)
    say = print if rank == 0 else lambda *_, **__: None
    torch.manual_seed(options.seed)
    media = EveryMedium(options.seed + rank, as_read=True)
    replays = replay_conversations()
    talks = [talk.trim() for talk in Talks(tokenizer(), options.seed, media.attached, short_replays(), media.said, sentences()).write(options.dialogues)]
    if options.since is not None:
        # A document is not a question: its targets begin at once.
        asked, plain = ([replay for replay in replays if (replay[0].targets[0] == NO_LOSS) == kind] for kind in (True, False))
        replays = [*asked, *asked[options.since :] * 2, *plain[::4]]
    order = batches([*((talk, None) for talk in talks), *replays * options.replays], lambda example: len(example[0].ids), STEP_TOKENS, options.seed)
    steps = len(order) // options.processes
    mine = order[rank : steps * options.processes : options.processes]
    say(f"{len(talks)} dialogues, {len(replays)} replays, {sum(len(talk.ids) for talk in talks) + sum(len(talk.ids) for talk, _ in replays) * options.replays} tokens, {steps} steps, {time.time() - started:.0f} s", flush=True)
    read = work("language", options.output_projector)
    model, projectors, out = build_model(), torch.nn.ModuleDict(), output_module(torch.load(read, weights_only=True) if read.exists() else None)
    projectors.update({modality: input_projector(modality, model.table) for modality in OUTPUTS})
    path, resume = work("language", f"{options.name}.pt"), work("language", f"{options.name}.resume.pt")
    groups = [{"params": [p for name, p in model.named_parameters() if p.requires_grad and name.startswith("layers")], "lr": RATES["pairs"]},
              {"params": [model.rows, model.head_rows], "lr": RATES["rows"]}, {"params": list(projectors.parameters()), "lr": RATES["input_projector"]},
              {"params": list(out.parameters()), "lr": RATES["output_projector"]}]
    loss, frozen = Loss(model, projectors, out, media), torch.ones(len(ADDED), 1)
    frozen[EMITTED] = 0

    def hold() -> None:
        model.head_rows.grad *= 1 - frozen

    def keep(step: int, progress: float) -> None:
        torch.save({"state": state(model, projectors, out), "optimiser": descent.optimiser.state_dict(), "step": step, "progress": progress}, resume)

    descent = Descent(groups, loss, options.minutes, options.rate, told, hold, keep if rank == 0 else None, say, options.processes)
    if resume.exists():
        saved = torch.load(resume, weights_only=True)
        restore(model, projectors, out, saved["state"])
        descent.optimiser.load_state_dict(saved["optimiser"])
        descent.first, descent.begun = saved["step"], saved["progress"]
    elif options.start:
        restore(model, projectors, out, torch.load(work("language", options.start), weights_only=True))
    else:
        silence(model, torch.tensor([(talk.ids * 4)[:64] for talk, _ in replays[:16]]))
    torch.distributed.barrier()
    taken = descent.run(mine, lambda batch: sum(len(talk.ids) for talk, _ in batch))
    if rank == 0:
        torch.save(state(model, projectors, out), path)
        resume.unlink(missing_ok=True)
    say(f"done after {taken} steps, {time.time() - started:.0f} s", flush=True)


def main() -> None:
    options = parse()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        options.port = free.getsockname()[1]
    torch.multiprocessing.spawn(run, (options,), options.processes)


if __name__ == "__main__":
    main()
