"""Trains the audio transformer: python -m training.audio.train --deadline 2026-11-23T11:30 --decay-minutes 10 [--resume CHECKPOINT].

Warm-up, stable, decay by the clock, as the image transformer, in one process of one thread. The last state before the decay is kept as audio-stable.pt
(float16), from which --resume goes on; `python -m training.audio.train --slim` writes its weights alone (audio-stable-slim.pt). Knows nothing about waveforms.
"""
import argparse
import datetime
import time

import torch

from training.audio.plan import Plan
from training.audio.samples import Sounds
from training.audio.transformer import AudioTransformer
from training.image.muon import MuonAdam
from training.image.train_transformer import matrices_of, save
from training.paths import work


def halved(state: dict) -> dict:
    """The same with float16 tensors."""
    return {k: halved(v) if isinstance(v, dict) else v.half() if torch.is_tensor(v) else v for k, v in state.items()}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--deadline", help="local time at which the decayed model must be saved, ISO 8601")
    arguments.add_argument("--minutes", type=float, help="instead of a deadline")
    arguments.add_argument("--decay-minutes", type=float, default=10)
    arguments.add_argument("--resume")
    arguments.add_argument("--batch", type=int, default=64)
    arguments.add_argument("--muon-rate", type=float, default=0.015)
    arguments.add_argument("--adam-rate", type=float, default=1.5e-3)
    arguments.add_argument("--width", type=int, default=256)
    arguments.add_argument("--blocks", type=int, default=6)
    arguments.add_argument("--rate", type=float, default=1.0, help="times both rates: less where a decayed state goes on")
    arguments.add_argument("--tunes", type=float, default=0.0, help="share of named tunes (audio/named_tunes.py)")
    arguments.add_argument("--eager", action="store_true", help="not compiled: that costs a minute of a core")
    arguments.add_argument("--slim", action="store_true")
    options = arguments.parse_args()
    if options.slim:
        whole = torch.load(work("checkpoints", "audio-stable.pt"))
        save(work("checkpoints", "audio-stable-slim.pt"), {key: whole[key] for key in ("shape", "step", "batch", "loss")} | {"average": halved(whole["optimiser"]["masters"])})
        return
    edge = time.time() + 60 * options.minutes if options.minutes else datetime.datetime.fromisoformat(options.deadline).timestamp()
    saved = torch.load(options.resume) if options.resume else None
    torch.set_num_threads(1)
    torch.manual_seed(saved["step"] if saved else 0)
    model = AudioTransformer(**(saved["shape"] if saved else dict(width=options.width, blocks=options.blocks))).train()
    if saved:  # what a state lacks begins at nothing; the reader of tunes is trained by audio/reader.py
        model.load_state_dict({name: value.float() for name, value in saved["average"].items()}, strict=False)
    if (reader := work("checkpoints", "audio-reader.pt")).exists():
        model.plan.load_state_dict({name: value.float() for name, value in torch.load(reader).items()})
    model.plan.requires_grad_(False)
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    masters = {name: p.detach().clone() for name, p in trained}
    kept = {name: p.detach().clone() for name, p in model.named_parameters() if name not in masters}
    model.bfloat16()
    model.frequencies, rolls = model.frequencies.float(), Plan()
    optimiser = MuonAdam(trained, matrices_of(model))
    optimiser.masters.update(masters)
    average, step = {name: value.clone() for name, value in masters.items()}, 0
    if saved:
        # A state for the repository holds weights alone; momenta are found again within some fifty steps.
        alone = {"masters": {name: value for name, value in saved["average"].items() if name in masters}, "momentum": {}, "square": {}, "steps": 0}
        optimiser.load_state_dict(saved.get("optimiser", alone))
        average, step = {name: saved["average"].get(name, value).float() for name, value in average.items()}, saved["step"]
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f}M parameters {model.shape}, step {step}", flush=True)
    sounds, run, names = Sounds(step + 1, options.tunes), model if options.eager else torch.compile(model), set(masters)
    mean, last_save, window, window_at, first, stable = None, time.time(), step, time.time(), step, True
    while (left := edge - time.time()) > 0:
        factor, warm = min(1.0, left / (60 * options.decay_minutes)), min(1.0, (step + 1) / 80)
        if stable and factor < 1:
            stable = False
            save(work("checkpoints", "audio-stable.pt"), content(model, step, options, average | kept, optimiser, mean))
        latents, prefix, mask, motion, tokens, notes = sounds.batch(options.batch)
        roll = rolls.roll(notes[:, 0].long(), notes[:, 1], notes[:, 2])
        t = torch.sigmoid(torch.randn(options.batch) + 0.3)
        noise = torch.randn_like(latents)
        error = (run(torch.lerp(latents, noise, t[:, None, None]), prefix, mask, motion, t, tokens, roll) - (noise - latents)).square() * (1 - mask)
        loss = error.sum() / (1 - mask).sum() / 64
        model.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step(options.rate * options.muon_rate * warm * factor, options.rate * options.adam_rate * warm * factor, names)
        step += 1
        keep = min(0.993 if factor == 1 else 0.985, step / (step + 20))
        for name in names:
            average[name].lerp_(optimiser.masters[name], 1 - keep)
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if step - first in (2, 10, 20) or step % 50 == 0:
            print(f"step {step} samples {step * options.batch} loss {mean:.4f} rate {factor * warm:.3f} {(step - window) * options.batch / (time.time() - window_at):.1f} clips/s {time.strftime('%H:%M:%S')}", flush=True)
            window, window_at = step, time.time()
        if time.time() - last_save > 150:
            save(work("checkpoints", "audio-stable.pt" if stable else "audio-decay.pt"), content(model, step, options, average | kept, optimiser, mean))
            last_save = time.time()
    save(work("checkpoints", "audio-final.pt"), {"shape": model.shape, "step": step, "batch": options.batch, "average": halved(average | kept), "loss": mean})
    print(f"done: {step * options.batch} samples", flush=True)


def content(model, step: int, options, average: dict, optimiser, mean: float) -> dict:
    state = optimiser.state_dict()
    # Squares of gradients are below float16's range.
    half = {"masters": halved(state["masters"]), "momentum": halved(state["momentum"]), "square": {k: v.bfloat16() for k, v in state["square"].items()}, "steps": state["steps"]}
    return {"shape": model.shape, "step": step, "batch": options.batch, "average": halved(average), "optimiser": half, "loss": mean}


if __name__ == "__main__":
    main()
