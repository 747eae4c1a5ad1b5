"""Trains painter and planner of the shipping video transformer: python -m training.video.train_mover --painter-seconds 80 --planner-seconds 200.

The curves of a clip are read off its matrices, opacity and light off its latents. Both parts are small, so each runs on its own. Checkpoint
video-mover.pt; --resume goes on from it. Knows nothing about pixels.
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
from training.video.mover import CURVES, FRAMES, SPREAD, WRAP, Painter, Planner, ground_of, outline_of


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
    arguments.add_argument("--painter-seconds", type=float, default=80)
    arguments.add_argument("--planner-seconds", type=float, default=200)
    arguments.add_argument("--sides", type=float, default=1, help="how much oftener ways to the left and right are seen")
    arguments.add_argument("--resume", action="store_true")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    latents = torch.from_numpy(np.load(work("data", "clips", "latents.npy")))
    tokens = np.load(work("data", "clips", "tokens.npy"), mmap_mode="r")
    rows = json.loads(work("data", "clips", "rows.json").read_text())
    painter, planner = Painter(), Planner()
    curves = curves_of(np.load(work("data", "clips", "matrices.npy")), latents, rows, painter)
    if options.resume:
        saved = torch.load(work("checkpoints", "video-mover.pt"))
        painter.load_state_dict({k: v.float() for k, v in saved["painter"].items()})
        planner.load_state_dict({k: v.float() for k, v in saved["planner"].items()})
    learn = np.array([i for i, row in enumerate(rows) if row["split"] == "train" and row["kind"] != "animation"])
    aside = np.array([i for i, row in enumerate(rows) if row["split"] != "train" and row["kind"] != "animation"])
    deviation = curves[learn].std((0, 1))
    print(f"{len(learn)} clips, deviations of the curves {[round(v, 3) for v in deviation.tolist()]}", flush=True)
    side = torch.tensor([-1.0, 1, 1, 1, -1, 1, 1])
    often = np.array([options.sides if rows[i]["direction"] in ("left", "right") and rows[i]["kind"] in ("move", "roll") else 1 for i in learn])
    often = often / often.sum()
    random = np.random.default_rng(int(time.time()))

    def frames_of(chosen, at):
        i = torch.from_numpy(chosen)
        return latents[i, 0].float(), curves[i, at], latents[i, at].float()

    optimiser = MuonAdam(list(painter.named_parameters()), set())
    mean, average = None, {k: v.clone() for k, v in optimiser.masters.items()}
    for step in steps_until(options.painter_seconds, optimiser, 0, 2.5e-3):
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
    if options.painter_seconds > 0:
        with torch.no_grad():
            for name, p in painter.named_parameters():
                p.copy_(average[name])
            first, moved, wanted = frames_of(np.repeat(aside[::3], 2), torch.from_numpy(random.integers(1, FRAMES, 2 * len(aside[::3]))))
            print(f"painter aside: error {(painter(first, moved) - wanted).square().mean():.4f} of {(wanted - first).square().mean():.4f}", flush=True)

    spread = torch.tensor(SPREAD)
    named = list(planner.named_parameters())
    optimiser = MuonAdam(named, {name for name, p in named if name.startswith("blocks.") and p.ndim == 2})
    outlines = outline_of(latents[:, 0].float())
    mean, average = None, {k: v.clone() for k, v in optimiser.masters.items()}
    for step in steps_until(options.planner_seconds, optimiser, 0.02, 2e-3):
        chosen = random.choice(learn, 64, p=often)
        mirror = random.random(64) < 0.4
        names = [rows[i]["mirrored" if m else "texts"] for i, m in zip(chosen, mirror)]
        said = torch.from_numpy(np.stack([tokens[n[0 if random.random() < 0.25 else random.integers(len(n))]] for n in names]).astype(np.float32))
        i, m = torch.from_numpy(chosen), torch.from_numpy(mirror)
        x = curves[i] / spread
        x[m] *= side
        outline = outlines[i]
        outline[m] = outline[m].view(-1, 16, 16).flip(-1).flatten(1)
        present = (said.abs().sum(-1, keepdim=True) > 0).float()
        said = said + (0.2 * torch.rand(64, 1, 1) * (torch.rand(64, 1, 1) < 0.6)) * present * torch.randn_like(said)
        fate = torch.rand(64)
        said[fate < 0.1] = 0
        said[(fate >= 0.1) & (fate < 0.25), 1:] = 0
        outline = outline + 0.1 * torch.randn_like(outline)
        t, noise = torch.sigmoid(torch.randn(64) + 0.5), torch.randn_like(x)
        noisy = torch.lerp(x, noise, t[:, None, None])
        with torch.autocast("cpu", torch.bfloat16):
            v = planner(noisy, t, said, outline)
        loss = (v.float() - (noise - x)).square().mean()
        loss.backward()
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        for k, a in average.items():
            a.lerp_(optimiser.masters[k], 0.015 if step > 100 else 0.3)
        if step % 100 == 0:
            print(f"planner {step} loss {mean:.4f} {time.strftime('%H:%M:%S')}", flush=True)
    with torch.no_grad():
        for name, p in named:
            p.copy_(average[name])
    save(work("checkpoints", "video-mover.pt"), {"planner": {k: v.half() for k, v in planner.state_dict().items()}, "painter": {k: v.half() for k, v in painter.state_dict().items()},
                                                 "step": step, "batch": 64, "loss": mean})
    print("done", flush=True)


if __name__ == "__main__":
    main()
