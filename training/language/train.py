"""Low-rank instruction tuning of nano's language model on the grid that ships: dialogues with pictures by cross-entropy, plain answers by the
base model's probabilities. Resumes from its checkpoint.

    python -m training.language.train --name stage-one --dialogues 4600 --minutes 12 [--start stage-one.pt] [--real] [--aligned]
"""
import argparse
import json
import random
import socket
import time

import numpy as np
import torch
from torch.nn import functional as F

from ..conditioning import conditioning_tokens
from ..export.llama_torch import Decoder
from ..export.llama_weights import LINEARS
from ..paths import work
from .base import base_weights, dequantised, load_grids, tokenizer
from .dialogues import Writer, imagined
from .export import RANKS, first_rows
from .pictures import CaptionVectors
from .projectors import InputProjector, OutputProjector, conditioning_loss
from .vocabulary import ADDED, END, FIRST, IDS, NO_LOSS, ORDINALS, SIGNALS, VECTOR, Conversation

#: Tokens of one process's share of a step, padding included.
STEP_TOKENS = 640
#: One thread each: two threads of one process wait for each other at every operation, which on a shared machine cost three quarters of the speed.
PROCESSES = 2
#: Learning rates of AdamW.
RATES = {"pairs": 1.5e-3, "rows": 3e-3, "input_projector": 1e-3, "output_projector": 1e-3}
#: Weight of the output projector's loss beside the cross-entropy (NExT-GPT adds them as they are; its error is a norm, not a square).
CONDITIONING = 0.3
#: Added tokens that may be emitted; the head rows of the others stay where they are.
EMITTED = [IDS[token] - FIRST for token in (*ORDINALS, *SIGNALS["IMG"])]


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


def replay_conversations() -> list[tuple[Conversation, tuple[int, int] | None]]:
    """Each replay with the rows of the teacher's file that belong to its targets"""
    starts = np.load(work("language", "teacher.npz"))["starts"]
    found = []
    for index, entry in enumerate(json.loads(work("language", "replays.json").read_text())[: len(starts) - 1]):
        talk = Conversation(tokenizer())
        talk.user([entry["question"]])
        body = tokenizer()(entry["answer"], add_special_tokens=False).input_ids
        talk.add(body, trained=True)
        talk.targets[-1] = END if entry["ended"] else NO_LOSS
        found.append((talk, (int(starts[index]), int(starts[index + 1]) - (0 if entry["ended"] else 1))))
    return found


def short_replays() -> list[tuple[str, str]]:
    entries = json.loads(work("language", "replays.json").read_text())
    return [(entry["question"], entry["answer"]) for entry in entries if entry["ended"] and len(entry["answer"]) < 160] or [("hi", "Hello! How can I help you?")]


def batches(examples: list, seed: int) -> list[list]:
    """Examples of similar lengths together, batches in random order; an example is (conversation, teacher rows or None)"""
    dice = random.Random(seed)
    dice.shuffle(examples)
    found, pool = [], 512
    for start in range(0, len(examples), pool):
        part: list = []
        for example in sorted(examples[start : start + pool], key=lambda example: len(example[0].ids)):
            if part and len(example[0].ids) * (len(part) + 1) > STEP_TOKENS:
                found.append(part)
                part = []
            part.append(example)
        found.append(part)
    dice.shuffle(found)
    return found


class Loss:
    """The loss of one batch"""

    def __init__(self, model: Decoder, projector: InputProjector, out: OutputProjector, vectors):
        self.model, self.projector, self.out, self.vectors = model, projector, out, vectors
        teacher = np.load(work("language", "teacher.npz"))
        self.tokens, self.logs = teacher["tokens"], teacher["logs"]

    def embed(self, batch: list) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings [b, n, width] with projected pictures in their places, and targets [b, n]"""
        length = max(len(talk.ids) for talk, _ in batch)
        ids = torch.full((len(batch), length), END)
        targets = torch.full((len(batch), length), NO_LOSS)
        for row, (talk, _) in enumerate(batch):
            ids[row, : len(talk.ids)] = torch.tensor(talk.ids)
            targets[row, : len(talk.ids)] = torch.tensor(talk.targets)
        places = ids == VECTOR
        x = self.model.embed(ids.clamp(min=0))
        pictures = [self.vectors.vectors(picture) for talk, _ in batch for picture in talk.pictures]
        if pictures:
            x = x.masked_scatter(places[..., None], self.projector(torch.from_numpy(np.concatenate(pictures))))
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
        signals = [(row, place, signal.prompt) for row, (talk, _) in enumerate(batch) for place, signal in talk.signals]
        drawn = torch.zeros(())
        if signals:
            hidden = torch.stack([states[row, place : place + 4] for row, place, _ in signals])
            embedded = self.model.rows[[IDS[token] - FIRST for token in SIGNALS["IMG"]]].expand(len(signals), -1, -1)
            target = torch.from_numpy(conditioning_tokens([prompt for _, _, prompt in signals]))
            drawn = conditioning_loss(self.out(hidden, embedded), target)
        spoken = losses[~replayed].sum() + (torch.cat(soft).sum() if soft else 0)
        figures = {"talk": losses[~replayed].sum().item(), "talk_count": int((~replayed).sum()), "kl": sum(s.sum().item() for s in soft), "kl_count": int(replayed.sum()),
                   "drawn": drawn.item() * len(signals), "drawn_count": len(signals)}
        return spoken / max(1, len(rows)) + CONDITIONING * drawn, figures


def state(model: Decoder, projector: InputProjector, out: OutputProjector) -> dict:
    """The checkpoint that `export` reads"""
    pairs = [{name: (getattr(layer, name).down.detach().T.clone(), getattr(layer, name).up.detach().T.clone()) for name in LINEARS} for layer in model.layers]
    return {"pairs": pairs, "rows": model.rows.detach().clone(), "head_rows": model.head_rows.detach().clone(), "input_projector": projector.state_dict(), "output_projector": out.state_dict()}


@torch.no_grad()
def restore(model: Decoder, projector: InputProjector, out: OutputProjector, saved: dict) -> None:
    for layer, pairs in zip(model.layers, saved["pairs"]):
        for name, (down, up) in pairs.items():
            getattr(layer, name).down.copy_(down.T)
            getattr(layer, name).up.copy_(up.T)
    model.rows.copy_(saved["rows"])
    model.head_rows.copy_(saved["head_rows"])
    projector.load_state_dict(saved["input_projector"])
    out.load_state_dict(saved["output_projector"])


def average(parameters: list, stop: bool) -> bool:
    """Averages gradients over the processes; returns whether any of them wants to stop"""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters] + [torch.tensor([float(stop)])])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for parameter, part in zip(parameters, flat[:-1].split([parameter.numel() for parameter in parameters])):
        parameter.grad.copy_(part.view_as(parameter))
    return bool(flat[-1] > 0)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="stage-one")
    parser.add_argument("--start", help="a finished checkpoint to go on from, with a schedule of its own")
    parser.add_argument("--dialogues", type=int, default=4600)
    parser.add_argument("--minutes", type=float, default=11.5)
    parser.add_argument("--rate", type=float, default=1.0, help="factor on the learning rates")
    parser.add_argument("--real", action="store_true", help="pictures' vectors from the image encoder where it has them")
    parser.add_argument("--aligned", action="store_true", help="begin with the input projector of `align`")
    parser.add_argument("--replays", type=int, default=3, help="times that every replay is seen")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def run(rank: int, options) -> None:
    started = time.time()
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{options.port}", rank=rank, world_size=PROCESSES)
    say = print if rank == 0 else lambda *_, **__: None
    torch.manual_seed(options.seed)
    attached, vectors = imagined, CaptionVectors(options.seed + rank)
    if options.real:
        from .encoded import EncodedVectors

        vectors = EncodedVectors(options.seed + rank, vectors)
        attached = vectors.attached
    replays = replay_conversations()
    talks = Writer(tokenizer(), options.seed, attached, short_replays()).write(options.dialogues)
    order = batches([*((talk, None) for talk in talks), *replays * options.replays], options.seed)
    steps = len(order) // PROCESSES
    mine = order[rank : steps * PROCESSES : PROCESSES]
    say(f"{len(talks)} dialogues, {len(replays)} replays, {sum(len(talk.ids) for talk in talks) + sum(len(talk.ids) for talk, _ in replays) * options.replays} tokens, {steps} steps, {time.time() - started:.0f} s", flush=True)
    model, projector, out = build_model(), InputProjector(), OutputProjector()
    path, resume = work("language", f"{options.name}.pt"), work("language", f"{options.name}.resume.pt")
    groups = [{"params": [p for name, p in model.named_parameters() if p.requires_grad and name.startswith("layers")], "lr": RATES["pairs"]},
              {"params": [model.rows, model.head_rows], "lr": RATES["rows"]}, {"params": list(projector.parameters()), "lr": RATES["input_projector"]},
              {"params": list(out.parameters()), "lr": RATES["output_projector"]}]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    parameters = [parameter for group in groups for parameter in group["params"]]
    first = 0
    if resume.exists():
        saved = torch.load(resume, weights_only=True)
        restore(model, projector, out, saved["state"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]
    elif options.start:
        restore(model, projector, out, torch.load(work("language", options.start), weights_only=True))
    else:
        silence(model, torch.tensor([(talk.ids * 4)[:64] for talk, _ in replays[:16]]))
    if options.aligned and not first:
        projector.load_state_dict(torch.load(work("language", "aligned.pt"), weights_only=True))
    frozen = torch.ones(len(ADDED), 1)
    frozen[EMITTED] = 0
    loss, seen, sums, rates = Loss(model, projector, out, vectors), 0, {}, [group["lr"] for group in groups]
    torch.distributed.barrier()
    clock = saved_at = time.time()
    for step in range(first, steps):
        # Warm-up over 20 steps, then linear decay to a twentieth over the last 60 %.
        factor = options.rate * min(1, (step + 1) / 20, 0.05 + 0.95 * (steps - step) / (0.6 * steps))
        for group, rate in zip(optimiser.param_groups, rates):
            group["lr"] = rate * factor
        value, figures = loss(mine[step])
        value.backward()
        late = average(parameters, time.time() - started > options.minutes * 60)
        model.head_rows.grad *= 1 - frozen
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        seen += sum(len(talk.ids) for talk, _ in mine[step]) * PROCESSES
        for name, figure in figures.items():
            sums[name] = sums.get(name, 0) + figure
        if step % 20 == 19:
            say(f"step {step + 1}/{steps} loss {sums['talk'] / max(1, sums['talk_count']):.3f} kl {sums['kl'] / max(1, sums['kl_count']):.3f} "
                f"drawn {sums['drawn'] / max(1, sums['drawn_count']):.3f} {seen / (time.time() - clock):.0f} tokens/s", flush=True)
            sums = {}
        if rank == 0 and (late or time.time() - saved_at > 90):
            torch.save({"state": state(model, projector, out), "optimiser": optimiser.state_dict(), "step": step + 1}, resume)
            saved_at = time.time()
        if late and step + 1 < steps:
            say(f"stopped at step {step + 1}; run again to go on", flush=True)
            return
    if rank == 0:
        torch.save(state(model, projector, out), path)
        resume.unlink(missing_ok=True)
    say(f"done, {time.time() - started:.0f} s", flush=True)


def main() -> None:
    options = parse()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        options.port = free.getsockname()[1]
    torch.multiprocessing.spawn(run, (options,), PROCESSES)


if __name__ == "__main__":
    main()
