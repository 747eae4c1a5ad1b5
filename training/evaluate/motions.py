"""How clips move, by computation on their frames: python -m training.evaluate.motions CHECKPOINT [--count 96] [--guidance 2.5].

Curves of the foreground (place, size, lightness, turn) over the 16 frames. Direction is read from the place directly; the kind of motion by linear
discriminants on the curves' spectra, fitted to rendered clips that no network saw. Printed for what the transformer makes of prompts and real first
frames (valid: sprites of known nouns; held: nouns that never moved in training), and for the real clips through the autoencoder, the ceiling.
"""
import argparse
import json
import time

import numpy as np
import torch

from training.data.motions import DIRECTIONS, SHARES
from training.image.sample import load_autoencoder
from training.image.sheet import save_sheet
from training.paths import work
from training.video.clips import Sprites, clip
from training.video.export import GUIDANCE, SHIFT, STEPS, load_video
from training.video.sample import decode, sample_clips
from training.video.samples import Clips

#: Kinds that the judge calls the same: what is seen of them is the same or one contains the other.
ALIKE = [{"move", "roll", "fall"}, {"jump", "bounce"}, {"flash", "blink"}, {"wobble", "swing", "dance"}, {"shake", "knock"}, {"still"}, {"float"}, {"spin"}, {"grow"}, {"shrink"}, {"fade"}, {"beat"}]
GROUP = {kind: i for i, kinds in enumerate(ALIKE) for kind in kinds}


def curves(frames: torch.Tensor) -> np.ndarray:
    """[16,3,128,128] in 0..1 to [16, 8]: x, y (halves of the picture), mass, width, height, lightness, turn (radians), change since the frame before."""
    small = torch.nn.functional.avg_pool2d(frames.float(), 2).numpy()
    ground = np.median(np.concatenate([small[0][:, :2].reshape(3, -1), small[0][:, -2:].reshape(3, -1)], 1), 1)[:, None, None]
    weight = (np.abs(small - ground).mean(1) - 0.06).clip(0, 0.15) / 0.15
    grid = (np.arange(64) + 0.5) / 32 - 1
    out, before, first = np.zeros((16, 8)), None, None
    for f in range(16):
        w = weight[f]
        mass = w.sum() + 1e-3
        x, y = (w * grid).sum() / mass, (w * grid[:, None]).sum() / mass
        wide, high = np.sqrt((w * (grid - x) ** 2).sum() / mass), np.sqrt((w * (grid[:, None] - y) ** 2).sum() / mass)
        angle = np.arctan2(grid[:, None] - y, grid - x)
        shade = w * small[f].mean(0)
        profile = np.bincount(((angle + np.pi) / (2 * np.pi) * 48).astype(int).ravel() % 48, (w + shade).ravel(), 48)
        spectrum = np.fft.rfft(profile - profile.mean())
        first = spectrum if first is None else first
        match = np.fft.irfft(spectrum * first.conj(), 48)
        turn = ((match.argmax() + 24) % 48 - 24) / 48 * 2 * np.pi
        light = (w * small[f].mean(0)).sum() / mass
        moved = 0 if before is None else np.abs(small[f] - before).mean()
        out[f] = x, y, mass / 4096, wide, high, light, turn, moved
        before = small[f]
    return out


def describe(c: np.ndarray) -> np.ndarray:
    """Curves to what the judge reads: amplitudes over time, free of phase, and the trend."""
    still = c - c[:1]
    unwrapped = np.unwrap(c[:, 6])
    still[:, 6] = unwrapped - unwrapped[0]
    spectrum = np.abs(np.fft.rfft(still - still.mean(0), axis=0))[1:] / 8
    return np.concatenate([np.sqrt(spectrum).ravel(), still[-1], still.mean(0), np.abs(np.diff(c[:, :2], axis=0)).mean(0) * 4, [c[:, 2].min() / c[0, 2]]])


class Judge:
    """Linear discriminants between the groups of kinds, fitted to rendered clips whose numbers no training uses; kept in checkpoints/judge-motions.npz."""

    def __init__(self, count: int = 760):
        path = work("checkpoints", "judge-motions.npz")
        if path.exists():
            with np.load(path) as kept:
                self.mean, self.deviation, self.classes, self.weights, self.bias = (kept[k] for k in ("mean", "deviation", "classes", "weights", "bias"))
            return
        sprites, x, y = Sprites(), [], []
        kinds = list(SHARES)
        for i in range(count):
            frames, _, row = clip(100_000 + i, sprites, kinds[i % len(kinds)])
            x.append(describe(curves(frames)))
            y.append(GROUP[row["kind"]])
        x, y = np.stack(x), np.array(y)
        self.mean, self.deviation = x.mean(0), x.std(0) + 1e-6
        x = (x - self.mean) / self.deviation
        self.classes = np.unique(y)
        centres = np.stack([x[y == k].mean(0) for k in self.classes])
        within = sum(np.cov(x[y == k].T, bias=True) * (y == k).sum() for k in self.classes) / len(y)
        inverse = np.linalg.inv(0.8 * within + 0.2 * np.eye(x.shape[1]) * np.trace(within) / x.shape[1])
        self.weights, self.bias = inverse @ centres.T, -0.5 * np.einsum("kd,de,ke->k", centres, inverse, centres)
        np.savez(path, mean=self.mean, deviation=self.deviation, classes=self.classes, weights=self.weights, bias=self.bias)

    def __call__(self, c: np.ndarray) -> int:
        return int(self.classes[(((describe(c) - self.mean) / self.deviation) @ self.weights + self.bias).argmax()])


def heading(c: np.ndarray) -> np.ndarray:
    """The way gone, jumps to the other side left out, weighted by what is visible."""
    steps = np.diff(c[:, :2], axis=0)
    seen = np.minimum(c[1:, 2], c[:-1, 2]) / max(c[0, 2], 1e-3)
    fine = (np.abs(steps).max(1) < 0.5) & (seen > 0.1)
    return (steps * (fine * np.minimum(seen, 1))[:, None]).sum(0)


def flicker(frames: torch.Tensor) -> float:
    """Mean change from frame to frame where nothing ever moves, in grey levels of 255."""
    small = torch.nn.functional.avg_pool2d(frames.float(), 2)
    ground = torch.median(torch.cat([small[0][:, :2].flatten(1), small[0][:, -2:].flatten(1)], 1), 1).values[:, None, None]
    quiet = (small - ground).abs().amax((0, 1)) < 0.08
    return float((small[1:] - small[:-1]).abs().mean((0, 1))[quiet].mean() * 255) if quiet.sum() > 50 else float("nan")


def report(name: str, clips: torch.Tensor, rows: list[dict], judge: Judge) -> dict:
    right, headed, flickers, lively, confusion = [], [], [], [], {}
    for frames, row in zip(clips, rows):
        c = curves(frames)
        flickers.append(flicker(frames))
        if row["kind"] == "animation":
            lively.append(c[1:, 7].mean() * 255)
            continue
        said = judge(c)
        right.append(said == GROUP[row["kind"]])
        confusion.setdefault(row["kind"], []).append("/".join(sorted(ALIKE[said])) if not right[-1] else "+")
        if row["kind"] in ("move", "roll", "fall") and row["direction"]:
            way, want = heading(c), np.array(DIRECTIONS[row["direction"]], float)
            headed.append(float(way @ want) / (np.linalg.norm(way) * np.linalg.norm(want) + 1e-6) > 0.8 and np.linalg.norm(way) > 0.15)
    found = {"kind": round(float(np.mean(right)), 3), "of": len(right), "direction": round(float(np.mean(headed)), 3) if headed else None, "ofDirections": len(headed), "groundFlicker": round(float(np.nanmean(flickers)), 3)}
    print(name, json.dumps(found), flush=True)
    print("   ", {k: " ".join(v) for k, v in sorted(confusion.items())}, flush=True)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("checkpoint")
    arguments.add_argument("--count", type=int, default=96)
    arguments.add_argument("--guidance", type=float, nargs="*", default=[GUIDANCE])
    arguments.add_argument("--steps", type=int, default=STEPS)
    arguments.add_argument("--shift", type=float, default=SHIFT)
    arguments.add_argument("--out")
    arguments.add_argument("--no-ceiling", action="store_true")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    start, model, autoencoder = time.time(), load_video(options.checkpoint), load_autoencoder()
    judge = Judge()
    print(f"judge fitted after {time.time() - start:.0f} s", flush=True)
    clips = Clips(3, model.shape["scale"])
    dice = np.random.default_rng(4)
    for split in ("valid", "held"):
        members = [i for i, row in enumerate(clips.rows) if row["split"] == split and row["kind"] != "animation"]
        moving = [i for i in members if clips.rows[i]["kind"] == "move"]
        chosen = list(dict.fromkeys([*dice.permutation(moving)[: options.count // 6], *dice.permutation(members)]))[: options.count // 2]
        rows = [clips.rows[i] for i in chosen]
        _, first, tokens, _, _ = clips.batch(len(chosen), plain=True, chosen=chosen)
        if not options.no_ceiling:
            real = torch.from_numpy(np.stack([clips.latents[i] for i in chosen]).astype(np.float32))
            report(f"{split}, real clips through the autoencoder", decode(autoencoder, real), rows, judge)
        for guidance in options.guidance:
            begun = time.process_time()
            made = torch.cat([sample_clips(model, f, t, model.shape["scale"], options.steps, guidance, options.shift, seed=k) for k, (f, t) in enumerate(zip(first.split(8), tokens.split(8)))])
            spent = (time.process_time() - begun) / len(made)
            frames = decode(autoencoder, made)
            report(f"{split}, guidance {guidance} ({spent:.2f} s of a core a clip)", frames, rows, judge)
            if options.out:
                shown = frames[:20, :, :, ::2, ::2].flatten(0, 1) * 2 - 1
                save_sheet(shown, options.out.replace(".png", f"-{split}-{guidance}.png"), columns=16)
                work("sheets", f"motions-{split}.json").write_text(json.dumps([row["caption"] for row in rows[:20]]))
    print(f"{time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
