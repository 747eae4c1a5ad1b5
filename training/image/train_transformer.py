"""Trains the diffusion transformer: python -m training.image.train_transformer --deadline 2026-11-23T09:05 --decay-minutes 30.

Warm-up, stable, decay; the decay is driven by the clock, so that a run that is paused still ends properly. The last checkpoint before the
decay is kept (transformer-stable.pt), and --resume continues from it. Knows nothing about pixels.
"""
import argparse
import datetime
import os
import time

import torch
import torch.nn.functional as F

from training.image.muon import MuonAdam
from training.image.samples import Samples
from training.image.transformer import Transformer
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
    torch.set_num_threads(2)
    deadline = datetime.datetime.fromisoformat(options.deadline).timestamp()
    decay = 60 * options.decay_minutes
    newest = newest_checkpoint() if options.resume == "newest" else options.resume
    saved = torch.load(newest) if newest else None
    torch.manual_seed(saved["step"] if saved else 0)
    shape = saved["shape"] if saved else dict(width=options.width, blocks=options.blocks, heads=options.heads)
    model = Transformer(**shape).train()
    masters = {name: p.detach().clone() for name, p in model.named_parameters()}
    model.bfloat16()
    model.frequencies = model.frequencies.float()
    optimiser = MuonAdam(list(model.named_parameters()), matrices_of(model))
    optimiser.masters.update({name: value.float() for name, value in masters.items()})
    average = {name: value.float().clone() for name, value in optimiser.masters.items()}
    step = 0
    if saved:
        optimiser.load_state_dict(saved["optimiser"])
        average = saved["average"]
        step = saved["step"]
    samples = Samples(seed=step + 1)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters {shape}, step {step}", flush=True)
    run = torch.compile(model)
    begun, first, mean_loss, edit_loss, last_save = time.process_time(), step, None, None, time.time()
    window, window_at = step, time.time()
    while True:
        left = deadline - time.time()
        if left <= 0:
            break
        factor = min(1.0, left / decay)
        warm = min(1.0, (step + 1) / 150)
        latents, source, mask, tokens = samples.batch(options.batch)
        # A shift of 0.3 towards noise: what a thing is, is decided there.
        t = torch.sigmoid(torch.randn(len(latents)) + 0.3)
        noise = torch.randn_like(latents)
        noisy = torch.lerp(latents, noise, t[:, None, None, None])
        each = (run(noisy, source, mask, t, tokens) - (noise - latents)).square().mean((1, 2, 3))
        loss = each.mean()
        model.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step(options.muon_rate * warm * factor, options.adam_rate * warm * factor)
        step += 1
        with torch.no_grad():
            keep = min(0.993 if factor == 1 else 0.99, step / (step + 20))
            for name, value in average.items():
                value.lerp_(optimiser.masters[name], 1 - keep)
        edited = source.abs().sum((1, 2, 3)) > 0
        values = each.detach()[~edited].mean().item(), each.detach()[edited].mean().item()
        mean_loss = values[0] if mean_loss is None else 0.99 * mean_loss + 0.01 * values[0]
        edit_loss = values[1] if edit_loss is None else 0.99 * edit_loss + 0.01 * values[1]
        if step - first in (5, 20, 50) or step % 50 == 0:
            speed = (step - window) * options.batch / (time.time() - window_at)
            print(f"step {step} samples {step * options.batch} loss {mean_loss:.4f} edits {edit_loss:.4f} rate {factor * warm:.3f} {speed:.0f} img/s "
                  f"cpu {(time.process_time() - begun) / 60:.1f} min {time.strftime('%H:%M:%S')}", flush=True)
            window, window_at = step, time.time()
        if options.measure:
            continue
        if time.time() - last_save > 150:
            content = {"shape": shape, "step": step, "batch": options.batch, "average": average, "optimiser": optimiser.state_dict(), "loss": mean_loss, "editLoss": edit_loss}
            save(work("checkpoints", "transformer-stable.pt" if factor == 1 else "transformer-decay.pt"), content)
            last_save = time.time()
    if not options.measure:
        save(work("checkpoints", "transformer-final.pt"), {"shape": shape, "step": step, "batch": options.batch, "average": average, "loss": mean_loss, "editLoss": edit_loss})
        print(f"done: {step * options.batch} samples", flush=True)


if __name__ == "__main__":
    main()
