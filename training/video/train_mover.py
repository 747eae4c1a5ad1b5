"""Trains the painter of the shipping video transformer: python -m training.video.train_mover --seconds 80 [--resume].

The curves of a clip are read off its matrices, opacity and light off its latents. The planner is train_planner.py's and stays as it is in checkpoint video-mover.pt. Knows nothing about pixels.
"""
import argparse
import json
import math
import time

import numpy as np
import torch

from training.image.muon import MuonAdam
from training.image.train_transformer import save
from training.paths import work
from training.video.mover import FRAMES, WRAP, Painter, ground_of


def curves_of(matrices: np.ndarray, latents: torch.Tensor, rows: list[dict], painter: Painter) -> torch.Tensor:
    """Curves float32 [n,16,7] in their own units; animations have zeros."""
    matrices = np.nan_to_num(matrices.astype(np.float64), nan=0)
    matrices[matrices[:, :, 0, :2].__abs__().sum(-1) < 1e-3] = np.array([[1, 0, 0], [0, 1, 0]])
    forward = np.linalg.inv(matrices[..., :2])
    centre = -np.einsum("nfij,nfj->nfi", forward, matrices[..., 2])
    steps = np.diff(centre, axis=1)
    centre[:, 1:] = centre[:, :1] + np.cumsum(steps - WRAP * np.round(steps / WRAP), 1)
    turn = np.unwrap(np.arctan2(forward[..., 1, 0], forward[..., 0, 0]), axis=1)
    size = np.log(np.linalg.norm(forward, axis=-2).clip(0.05))
    out = torch.from_numpy(np.concatenate([centre, size, turn[..., None], np.zeros((*turn.shape, 2))], -1).astype(np.float32))
    kinds = [row["kind"] for row in rows]
    for i in [i for i, kind in enumerate(kinds) if kind in ("flash", "blink", "fade")]:
        frames = latents[i].float()
        ground = ground_of(frames[:1])
        with torch.no_grad():
            moved = painter(frames[:1].expand(FRAMES, -1, -1, -1), out[i]) - ground  # not yet trained: only moves
        gain = ((frames - ground) * moved).sum((1, 2, 3)) / moved.square().sum((1, 2, 3)).clamp(min=1)
        lost = (1 - gain).clamp(0, 1)
        if kinds[i] == "flash":
            out[i, :, 6] = (lost / 0.75).clamp(0, 1)
        else:
            out[i, :, 5] = lost
    return out


def steps_until(seconds: float, optimiser: MuonAdam, muon: float, adam: float):
    """Yields the number of each step and applies its gradients afterwards; the rate decays in the last half."""
    begun, step = time.time(), 0
    names = {name for name, _ in optimiser.named}
    while (left := seconds - (time.time() - begun)) > 0:
        yield step
        factor = min(1, (step + 1) / 40) * min(1, left / (0.5 * seconds))
        optimiser.step(muon * factor, adam * factor, names)
        for _, parameter in optimiser.named:
            parameter.grad = None
        step += 1


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=float, default=80)
    arguments.add_argument("--resume", action="store_true")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    latents = torch.from_numpy(np.load(work("data", "clips", "latents.npy")))
    rows = json.loads(work("data", "clips", "rows.json").read_text())
    path, painter = work("checkpoints", "video-mover.pt"), Painter()
    saved = torch.load(path) if path.exists() else {"planner": None, "step": 0, "batch": 0, "loss": 0.0}
    curves = curves_of(np.load(work("data", "clips", "matrices.npy")), latents, rows, painter)
    if options.resume:
        painter.load_state_dict({k: v.float() for k, v in saved["painter"].items()})
    learn = np.array([i for i, row in enumerate(rows) if row["split"] == "train" and row["kind"] != "animation"])
    aside = np.array([i for i, row in enumerate(rows) if row["split"] != "train" and row["kind"] != "animation"])
    deviation = curves[learn].std((0, 1))
    print(f"{len(learn)} clips, deviations of the curves {[round(v, 3) for v in deviation.tolist()]}", flush=True)
    side = torch.tensor([-1.0, 1, 1, 1, -1, 1, 1])
    random = np.random.default_rng(int(time.time()))

    def frames_of(chosen, at):
        i = torch.from_numpy(chosen)
        return latents[i, 0].float(), curves[i, at], latents[i, at].float()

    optimiser = MuonAdam(list(painter.named_parameters()), set())
    mean, average = None, {k: v.clone() for k, v in optimiser.masters.items()}
    for step in steps_until(options.seconds, optimiser, 0, 2.5e-3):
        first, moved, wanted = frames_of(random.choice(learn, 64), torch.from_numpy(random.integers(1, FRAMES, 64)))
        if step % 2:
            first, moved, wanted = first.flip(-1), moved * side, wanted.flip(-1)
        first = first + 0.1 * torch.rand(64, 1, 1, 1) * torch.randn_like(first)
        with torch.autocast("cpu", torch.bfloat16):
            made = painter(first.contiguous(memory_format=torch.channels_last), moved)
        loss = (made.float() - wanted).square().mean()
        loss.backward()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        for k, v in average.items():
            v.lerp_(optimiser.masters[k], 0.02 if step > 50 else 0.5)
        if step % 100 == 0:
            print(f"painter {step} loss {mean:.4f} {time.strftime('%H:%M:%S')}", flush=True)
    with torch.no_grad():
        for name, p in painter.named_parameters():
            p.copy_(average[name])
        first, moved, wanted = frames_of(np.repeat(aside[::3], 2), torch.from_numpy(random.integers(1, FRAMES, 2 * len(aside[::3]))))
        print(f"painter aside: error {(painter(first, moved) - wanted).square().mean():.4f} of {(wanted - first).square().mean():.4f}", flush=True)
    save(path, saved | {"painter": {k: v.half() for k, v in painter.state_dict().items()}})
    print("done", flush=True)


if __name__ == "__main__":
    main()
