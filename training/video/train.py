"""Trains the video transformer: python -m training.video.train --deadline 2026-11-23T11:40 --decay-minutes 12.

Warm-up, stable, decay by the clock, as the image transformer; --processes 2 shares the weights between two processes of one thread. Resumes from
video-stable.pt (--resume). Besides the velocity, the flow of procedural clips is learned. Knows nothing about pixels.
"""
import argparse
import datetime
import time

import torch
import torch.nn.functional as F

from training.image.muon import MuonAdam
from training.image.train_transformer import save
from training.paths import work
from training.video.samples import Clips
from training.video.transformer import VideoTransformer

#: Loss of the flow beside that of the velocity, and how far times are shifted towards noise: frames repeat each other, so they are seen through much of it.
FLOW_WEIGHT, TIME_SHIFT = 0.15, 0.8


def matrices_of(model) -> set[str]:
    return {name for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2}


def loss_of(run, batch, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Squared error of the velocity by sample, the flow's error, and the noise it was seen through."""
    difference, first, tokens, flow, known = batch
    noise = torch.randn_like(difference)
    noisy = torch.lerp(difference, noise, t[:, None, None, None, None])
    velocity, guessed = run(noisy, first, t, tokens, True)
    each = (velocity - (noise - difference)).square().mean((1, 2, 3, 4))
    apart = F.smooth_l1_loss(guessed, flow, reduction="none", beta=0.1).sum(-1) * known
    return each, apart.sum() / known.sum().clamp(min=1), noise


def work_on(rank: int, shared: dict, options: argparse.Namespace, step: int, edge: float) -> None:
    """One process's share of every batch and of the parameters, until `edge`."""
    torch.set_num_threads(1)
    torch.manual_seed(2 * step + rank)
    model, optimiser, average, barrier = shared["model"], shared["optimiser"], shared["average"], shared["barrier"]
    optimiser.named = list(model.named_parameters())
    mine = {name for i, (name, _) in enumerate(optimiser.named) if i % options.processes == rank}
    clips = Clips(2 * step + rank + 1, model.shape["scale"])
    run = torch.compile(model)
    size, decay = options.batch // options.processes, 60 * options.decay_minutes
    mean_loss = mean_flow = None
    first_step, last_save, window, window_at = step, time.time(), step, time.time()
    while True:
        if rank == 0:
            shared["left"].fill_(edge - time.time())
        if barrier:
            barrier.wait()
        left = shared["left"].item()
        if left <= 0:
            break
        factor, warm = min(1.0, left / decay), min(1.0, (step + 1) / 60)
        each, apart, _ = loss_of(run, clips.batch(size), torch.sigmoid(torch.randn(size) + TIME_SHIFT))
        model.zero_grad(set_to_none=True)
        (each.mean() + FLOW_WEIGHT * apart).backward()
        if barrier:
            for name, parameter in optimiser.named:
                shared["gradients"][rank][name].copy_(parameter.grad)
            barrier.wait()
            for name, parameter in optimiser.named:
                if name in mine:
                    parameter.grad = (sum(part[name].float() for part in shared["gradients"]) / options.processes).to(parameter.dtype)
        optimiser.step(options.muon_rate * warm * factor, options.adam_rate * warm * factor, mine)
        step += 1
        keep = min(0.99 if factor == 1 else 0.98, step / (step + 15))
        for name in mine:
            average[name].lerp_(optimiser.masters[name], 1 - keep)
        if barrier:
            barrier.wait()
        if rank:
            continue
        values = each.detach().mean().item(), apart.item()
        mean_loss = values[0] if mean_loss is None else 0.98 * mean_loss + 0.02 * values[0]
        mean_flow = values[1] if mean_flow is None else 0.98 * mean_flow + 0.02 * values[1]
        if step - first_step in (2, 5, 10, 20) or step % 25 == 0:
            speed = (step - window) * options.batch / (time.time() - window_at)
            print(f"step {step} samples {step * options.batch} loss {mean_loss:.4f} flow {mean_flow:.4f} rate {factor * warm:.3f} {speed:.1f} clips/s {time.strftime('%H:%M:%S')}", flush=True)
            window, window_at = step, time.time()
        if not options.measure and time.time() - last_save > 120:
            content = {"shape": model.shape, "step": step, "batch": options.batch, "average": average, "optimiser": optimiser.state_dict(), "loss": mean_loss}
            save(work("checkpoints", "video-stable.pt" if factor == 1 else "video-decay.pt"), content)
            last_save = time.time()
    if rank == 0 and not options.measure:
        half = {name: value.half() for name, value in average.items()}
        save(work("checkpoints", "video-final.pt"), {"shape": model.shape, "step": step, "batch": options.batch, "average": half, "loss": mean_loss})
        print(f"done: {step * options.batch} samples", flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--deadline", help="local time at which the decayed model must be saved, ISO 8601")
    arguments.add_argument("--minutes", type=float, help="instead of a deadline")
    arguments.add_argument("--decay-minutes", type=float, default=12)
    arguments.add_argument("--resume")
    arguments.add_argument("--processes", type=int, default=1)
    arguments.add_argument("--batch", type=int, default=16)
    arguments.add_argument("--muon-rate", type=float, default=0.015)
    arguments.add_argument("--adam-rate", type=float, default=1.5e-3)
    arguments.add_argument("--width", type=int, default=256)
    arguments.add_argument("--heads", type=int, default=4)
    arguments.add_argument("--plan", default="sts")
    arguments.add_argument("--refine", default="tsts")
    arguments.add_argument("--scale", type=float, default=1.0)
    arguments.add_argument("--measure", action="store_true", help="print the speed and write nothing")
    options = arguments.parse_args()
    edge = time.time() + 60 * options.minutes if options.minutes else datetime.datetime.fromisoformat(options.deadline).timestamp()
    saved = torch.load(options.resume) if options.resume else None
    torch.manual_seed(0)
    shape = saved["shape"] if saved else dict(width=options.width, heads=options.heads, plan=options.plan, refine=options.refine, scale=options.scale)
    model = VideoTransformer(**shape).train()
    masters = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.bfloat16()
    model.frequencies, model.grid = model.frequencies.float(), VideoTransformer(**shape).grid
    optimiser = MuonAdam(list(model.named_parameters()), matrices_of(model))
    optimiser.masters.update({name: value.float() for name, value in masters.items()})
    average = {name: value.float().clone() for name, value in optimiser.masters.items()}
    step = 0
    if saved:
        optimiser.load_state_dict(saved["optimiser"])
        average, step = saved["average"], saved["step"]
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters {shape}, step {step}", flush=True)
    shared = {"model": model, "optimiser": optimiser, "average": average, "left": torch.zeros(1), "barrier": None}
    if options.processes == 1:
        work_on(0, shared, options, step, edge)
        return
    model.share_memory()
    shared["left"].share_memory_()
    for tensor in (*optimiser.masters.values(), *optimiser.momentum.values(), *optimiser.square.values(), *average.values()):
        tensor.share_memory_()
    shared["gradients"] = [{name: torch.zeros_like(p, requires_grad=False).share_memory_() for name, p in model.named_parameters()} for _ in range(options.processes)]
    optimiser.named = []
    shared["barrier"] = torch.multiprocessing.get_context("spawn").Barrier(options.processes)
    torch.multiprocessing.spawn(work_on, (shared, options, step, edge), options.processes)


if __name__ == "__main__":
    main()
