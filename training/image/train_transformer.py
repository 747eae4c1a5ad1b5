"""Trains the diffusion transformer: python -m training.image.train_transformer --deadline 2026-11-23T09:05 --decay-minutes 30.

Warm-up, stable, decay; the decay is driven by the clock, so that a run that is paused still ends properly. The last checkpoint before the
decay is kept (transformer-stable.pt), and --resume continues from it. Knows nothing about pixels.
"""
import argparse
import dataclasses
import datetime
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

from training.hardware import FAST_KIND
from training.image.muon import MuonAdam
from training.image.samples import Samples
from training.image.transformer import LEAST, Transformer
from training.paths import work


def save(path, content: dict) -> None:
    """Writes beside and renames, so that a checkpoint is whole or absent."""
    part = path.with_suffix(".part")
    torch.save(content, part)
    os.replace(part, path)


def matrices_of(model: Transformer) -> set[str]:
    return {name for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2}


def newest_checkpoint() -> str | None:
    found = [work("checkpoints", f"transformer-{name}.pt") for name in ("stable", "decay")]
    return max((str(path) for path in found if path.exists()), key=os.path.getmtime, default=None)


def blank_latents() -> torch.Tensor:
    """Latents of an empty picture, [1,4,16,16]."""
    place = int(np.load(work("data", "plan.npz"))["blank"])
    return torch.from_numpy(np.load(work("data", "bank.npy"), mmap_mode="r")[place].astype(np.float32))[None]


#: One thread each: two threads of one process wait for each other at every operation, which costs much on a shared machine.
PROCESSES = 2


@dataclasses.dataclass
class Shared:
    """What the processes have in common, in shared memory: weights, their float32 masters, averages and the latest gradients."""

    model: Transformer
    optimiser: MuonAdam
    average: dict[str, torch.Tensor]
    #: By process and parameter, in the kind of the weights.
    gradients: list[dict[str, torch.Tensor]]
    #: Seconds left at the start of the step; all processes read the same number.
    left: torch.Tensor
    barrier: object


def owner_of(names: list[str]) -> dict[str, int]:
    """Which process updates a parameter: whole blocks in turn, for Muon's cost lies there, and the rest in turn."""
    rest = [name for name in names if not name.startswith("blocks.")]
    return {name: int(name.split(".")[1]) % PROCESSES if name.startswith("blocks.") else rest.index(name) % PROCESSES for name in names}


def copying(copied, drawn, copy, latents, noise, t, edited) -> torch.Tensor:
    """What a copy misses, and how far the gate is from the best mixture of what is drawn and what is copied, were their errors independent.

    Both reach the gate through the velocity as well, but faintly: where a copy is right, drawing anew is seldom far off.
    """
    missed = (copy - latents).square().mean(1, keepdim=True)
    off = (drawn.detach() - (noise - latents)).square().mean(1, keepdim=True)
    by_copy = missed.detach() / t.clamp(min=LEAST).square()[:, None, None, None]
    best = off / (off + by_copy + 1e-4)
    return (edited[:, None, None, None] * (0.2 * missed.clamp(max=2) + 0.2 * (copied - best).square())).mean()


def work_on(rank: int, shared: Shared, options: argparse.Namespace, step: int, edge: float) -> None:
    """One process's share of every batch and of the parameters, until the deadline `edge`."""
    torch.set_num_threads(1)
    torch.manual_seed(PROCESSES * step + rank)
    model, optimiser, average = shared.model, shared.optimiser, shared.average
    optimiser.named = list(model.named_parameters())
    owners = owner_of([name for name, _ in optimiser.named])
    mine = {name for name, owner in owners.items() if owner == rank}
    samples = Samples(seed=PROCESSES * step + rank + 1)
    run = torch.compile(model)
    size, decay = options.batch // PROCESSES, 60 * options.decay_minutes
    begun, first, mean_loss, edit_loss, last_save = time.process_time(), step, None, None, time.time()
    window, window_at = step, time.time()
    while True:
        if rank == 0:
            shared.left.fill_(edge - time.time())
        shared.barrier.wait()
        left = shared.left.item()
        if left <= 0:
            break
        factor, warm = min(1.0, left / decay), min(1.0, (step + 1) / 150)
        latents, source, mask, tokens, move = samples.batch(size)
        # A shift of 0.3 towards noise: what a thing is, is decided there.
        t = torch.sigmoid(torch.randn(size) + 0.3)
        noise = torch.randn_like(latents)
        noisy = torch.lerp(latents, noise, t[:, None, None, None])
        velocity, copied, logits, drawn, copy = run(noisy, source, mask, t, tokens)
        each = (velocity - (noise - latents)).square().mean((1, 2, 3))
        edited = source.abs().sum((1, 2, 3)) > 0
        told = edited & (tokens[:, 0].abs().sum(1) > 0)
        moves = F.cross_entropy(logits, move, reduction="none")
        model.zero_grad(set_to_none=True)
        # Near-clean samples divide what a copy misses by the noise level: no sample may outweigh the others.
        weight = 2 / each.detach().clamp(min=2)
        ((weight * each).mean() + 0.1 * (moves * told).mean() + copying(copied, drawn, copy, latents, noise, t, edited)).backward()
        for name, parameter in optimiser.named:
            shared.gradients[rank][name].copy_(parameter.grad)
        shared.barrier.wait()
        for name, parameter in optimiser.named:
            if name in mine:
                parameter.grad = (sum(part[name].float() for part in shared.gradients) / PROCESSES).to(parameter.dtype)
        optimiser.step(options.muon_rate * warm * factor, options.adam_rate * warm * factor, mine)
        step += 1
        keep = min(0.993 if factor == 1 else 0.99, step / (step + 20))
        for name in mine:
            average[name].lerp_(optimiser.masters[name], 1 - keep)
        shared.barrier.wait()
        if rank:
            continue
        values = each.detach()[~edited].mean().item(), each.detach()[edited].mean().item()
        mean_loss = values[0] if mean_loss is None else 0.99 * mean_loss + 0.01 * values[0]
        edit_loss = values[1] if edit_loss is None else 0.99 * edit_loss + 0.01 * values[1]
        if step - first in (5, 20, 50) or step % 50 == 0:
            speed = (step - window) * options.batch / (time.time() - window_at)
            print(f"step {step} samples {step * options.batch} loss {mean_loss:.4f} edits {edit_loss:.4f} rate {factor * warm:.3f} {speed:.0f} img/s "
                  f"cpu {(time.process_time() - begun) / 60:.1f} min {time.strftime('%H:%M:%S')}", flush=True)
            window, window_at = step, time.time()
        if not options.measure and time.time() - last_save > 150:
            content = {"shape": model.shape, "step": step, "batch": options.batch, "average": average, "optimiser": optimiser.state_dict(), "loss": mean_loss, "editLoss": edit_loss}
            save(work("checkpoints", "transformer-stable.pt" if factor == 1 else "transformer-decay.pt"), content)
            last_save = time.time()
    if rank == 0 and not options.measure:
        save(work("checkpoints", "transformer-final.pt"), {"shape": model.shape, "step": step, "batch": options.batch, "average": average, "loss": mean_loss, "editLoss": edit_loss})
        print(f"done: {step * options.batch} samples", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--deadline", required=True, help="local time at which the decayed model must be saved, ISO 8601")
    arguments.add_argument("--decay-minutes", type=float, default=35)
    arguments.add_argument("--resume", help="checkpoint to continue from (transformer-stable.pt), or newest: the newest one if there is any")
    arguments.add_argument("--batch", type=int, default=64)
    arguments.add_argument("--muon-rate", type=float, default=0.015)
    arguments.add_argument("--adam-rate", type=float, default=1.2e-3)
    arguments.add_argument("--width", type=int, default=384)
    arguments.add_argument("--blocks", type=int, default=6)
    arguments.add_argument("--heads", type=int, default=3)
    arguments.add_argument("--measure", action="store_true", help="print the speed and write nothing")
    options = arguments.parse_args()
    deadline = datetime.datetime.fromisoformat(options.deadline).timestamp()
    newest = newest_checkpoint() if options.resume == "newest" else options.resume
    saved = torch.load(newest) if newest else None
    torch.manual_seed(0)
    shape = saved["shape"] if saved else dict(width=options.width, blocks=options.blocks, heads=options.heads)
    model = Transformer(**shape).train()
    masters = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.to(FAST_KIND)
    model.frequencies = model.frequencies.float()
    optimiser = MuonAdam(list(model.named_parameters()), matrices_of(model))
    optimiser.masters.update({name: value.float() for name, value in masters.items()})
    average = {name: value.float().clone() for name, value in optimiser.masters.items()}
    step = 0
    if saved:
        # A checkpoint of a smaller model: what it lacks begins anew.
        optimiser.load_state_dict(saved["optimiser"])
        average |= saved["average"]
        step = saved["step"]
    model.moves.blank.copy_(blank_latents())
    average["moves.blank"] = model.moves.blank.float().clone()
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters {shape}, step {step}", flush=True)
    model.share_memory()
    for tensor in (*optimiser.masters.values(), *optimiser.momentum.values(), *optimiser.square.values(), *average.values()):
        tensor.share_memory_()
    gradients = [{name: torch.zeros_like(p, requires_grad=False).share_memory_() for name, p in model.named_parameters()} for _ in range(PROCESSES)]
    optimiser.named = []
    barrier = torch.multiprocessing.get_context("spawn").Barrier(PROCESSES)
    shared = Shared(model, optimiser, average, gradients, torch.zeros(1).share_memory_(), barrier)
    torch.multiprocessing.spawn(work_on, (shared, options, step, deadline), PROCESSES)


if __name__ == "__main__":
    main()
