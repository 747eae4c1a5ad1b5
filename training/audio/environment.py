"""The environment encoder (CoDi): what is seen at each of the 64 positions of a sound, from the latents of a video's frames. Knows no sound.

Trained by itself to say when something happens (contact, hit, pulse, light) and of which kind; the audio transformer then reads its output.
python -m training.audio.environment SECONDS trains it, then writes motion.npy for every clip in step.
"""
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from training.paths import work

POSITIONS, SECONDS_EACH, MOTION = 64, 0.064, 64
KINDS = ["bounce", "knock", "beat", "flash"]


class Environment(nn.Module):
    """frames [B, F, 1024] (latents 4 x 16 x 16), times [B, F] in seconds, rising, to motion [B, 64, 64]; what is far from every frame is zero."""

    def __init__(self, width: int = 96):
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(12, 32, 3, 1, 1), nn.SiLU(), nn.Conv2d(32, 48, 3, 2, 1), nn.SiLU(), nn.Conv2d(48, 64, 3, 2, 1), nn.SiLU(), nn.Flatten(), nn.Linear(1024, width))
        self.mix = nn.ModuleList(nn.Conv1d(3 * width if i == 0 else width, width, 5, padding=2) for i in range(3))
        self.out = nn.Linear(width, MOTION)
        self.heads = nn.Linear(MOTION, 2 + len(KINDS))
        self.register_buffer("positions", (torch.arange(POSITIONS) + 0.5) * SECONDS_EACH, persistent=False)

    def forward(self, frames, times):
        batch, count = frames.shape[0], frames.shape[1]
        x = frames.reshape(batch, count, 4, 16, 16)
        before = torch.cat([x[:, :1], x[:, :-1]], 1)
        seen = self.look(torch.cat([x, x - before, x - x[:, :1]], 2).flatten(0, 1)).reshape(batch, count, -1)
        distance = (self.positions[None, :, None] - times[:, None, :]).abs()
        # A position reads the frames around it, and those an eighth of a second before and after.
        near = [(-(self.positions[None, :, None] + shift - times[:, None, :]).abs() * 24).softmax(-1) @ seen for shift in (-0.125, 0.0, 0.125)]
        present = (6.0 - distance.amin(-1) / 0.026).clamp(min=0.0, max=1.0)[..., None]
        x = (torch.cat(near, -1) * present).transpose(1, 2)
        for i, layer in enumerate(self.mix):
            y = F.silu(layer(x))
            x = y if i == 0 else x + y
        return self.out(x.transpose(1, 2)) * present


def load_environment() -> Environment:
    model = Environment()
    model.load_state_dict({k: v.float() for k, v in torch.load(work("checkpoints", "audio-environment.pt")).items()})
    return model.eval()


class Seen:
    """Latents of the moving pictures with their events."""

    def __init__(self):
        self.clips = json.loads(work("data", "clips", "clips.json").read_text())["clips"]
        self.latents = torch.from_numpy(np.load(work("data", "clips", "clips-latents.npy")))
        self.frame_times = torch.arange(16) / 8

    def sequence(self, index: int, follows: int | None, shift: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames [F, 1024] and times [F] of a clip moved by `shift` seconds, and of the one after it."""
        frames, times = self.latents[index].float(), self.frame_times + shift
        if follows is not None:
            frames, times = torch.cat([frames, self.latents[follows].float()]), torch.cat([times, times + 2])
        return frames, times

    def events(self, index: int, shift: float) -> torch.Tensor:
        """Seconds of what happens in a clip moved by `shift`."""
        return torch.tensor(self.clips[index]["events"], dtype=torch.float32) + shift


def noised(frames: torch.Tensor) -> torch.Tensor:
    """Frames as a generator's would be: noise that stays, noise of each frame, a little blur of time."""
    shape = frames.shape
    x = frames + torch.rand(shape[0], 1, 1) * 0.35 * torch.randn(shape[0], 1, shape[2]) + torch.rand(shape[0], 1, 1) * 0.35 * torch.randn(shape)
    if torch.rand(()) < 0.3:
        x = x * 0.8 + 0.1 * torch.roll(x, 1, 1) + 0.1 * torch.roll(x, -1, 1)
        x = torch.cat([frames[:, :1], x[:, 1:]], 1)
    return x


def targets(seen: Seen, indices: list[int], shifts: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether something happens at a position, and how far from its middle, both [B, 64]."""
    happens, offset = torch.zeros(len(indices), POSITIONS), torch.zeros(len(indices), POSITIONS)
    for row, (index, shift) in enumerate(zip(indices, shifts)):
        for event in seen.events(index, shift).tolist():
            place = int(event / SECONDS_EACH)
            if place < POSITIONS:
                happens[row, place], offset[row, place] = 1, event / SECONDS_EACH - place - 0.5
    return happens, offset


@torch.inference_mode()
def score(model: Environment, seen: Seen, indices: list[int]) -> dict:
    """Share of events found within 100 ms by the peaks of the map, and of peaks that are events, on clips as they are."""
    found = total = right = peaks = kinds = 0
    for index in indices:
        frames, times = seen.sequence(index, None, 0.0)
        said = model.heads(model(frames[None], times[None]))[0]
        map_ = said[:, 0].sigmoid()
        high = [i for i in range(1, 63) if map_[i] > 0.3 and map_[i] >= map_[i - 1] and map_[i] > map_[i + 1]]
        at = torch.tensor([(i + 0.5) * SECONDS_EACH for i in high])
        events = seen.events(index, 0.0)
        if len(events) and len(at):
            gaps = (events[:, None] - at[None]).abs()
            found, right = found + int((gaps.min(1).values < 0.1).sum()), right + int((gaps.min(0).values < 0.1).sum())
        total, peaks = total + len(events), peaks + len(at)
        kinds += int(said[:31, 2:].mean(0).argmax() == KINDS.index(seen.clips[index]["kind"]))
    return {"recall": found / total, "precision": right / max(1, peaks), "kind": kinds / len(indices)}


def main() -> None:
    seconds = float(sys.argv[1])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    seen, dice = Seen(), np.random.RandomState(0)
    train, held = [i for i, c in enumerate(seen.clips) if c["split"] == "train"], [i for i, c in enumerate(seen.clips) if c["split"] != "train"]
    model = Environment()
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.02)
    start, step, mean = time.time(), 0, None
    while (passed := time.time() - start) < seconds:
        for group in optimiser.param_groups:
            group["lr"] = 2.5e-3 * min(1, (step + 1) / 50) * min(1, 2 * (1 - passed / seconds))
        indices = [train[i] for i in dice.randint(0, len(train), 32)]
        shifts = [0.0 if dice.rand() < 0.6 else dice.uniform(0, 2) for _ in indices]
        frames = noised(seen.latents[indices].float())
        times = seen.frame_times[None] + torch.tensor(shifts, dtype=torch.float32)[:, None]
        happens, offset = targets(seen, indices, shifts)
        said = model.heads(model(frames, times))
        loss = F.binary_cross_entropy_with_logits(said[..., 0], happens, pos_weight=torch.tensor(4.0)) + 0.5 * ((said[..., 1] - offset).square() * happens).sum() / happens.sum()
        inside = (happens.cumsum(1) > 0).float()
        kind = torch.tensor([KINDS.index(seen.clips[i]["kind"]) for i in indices])
        each = F.cross_entropy(said[..., 2:].transpose(1, 2), kind[:, None].expand(-1, POSITIONS), reduction="none")
        loss = loss + 0.2 * (each * happens).sum() / happens.sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        mean = loss.item() if mean is None else 0.97 * mean + 0.03 * loss.item()
        if step % 50 == 0:
            print(step, f"{mean:.3f} {step * 32 / passed:.0f} clips/s", flush=True)
    model.eval()
    print("held out", score(model, seen, held), "seen", score(model, seen, train[:100]), flush=True)
    # The transformer likes inputs of about unit size; the head undoes it.
    with torch.inference_mode():
        size = model(seen.latents[train[:200]].float(), seen.frame_times[None].expand(200, -1))[:, :31].std()
        model.out.weight /= size
        model.out.bias /= size
        model.heads.weight *= size
    torch.save({k: v.half() for k, v in model.state_dict().items()}, work("checkpoints", "audio-environment.pt"))
    write_motion(model, seen)


@torch.inference_mode()
def write_motion(model: Environment, seen: Seen, variants: int = 3) -> None:
    """motion.npy float16 [n, variants, 64, 64] for the rows in step, in their order: as it is, and through noise."""
    rows = json.loads(work("data", "audio", "rows.json").read_text())
    own = [row for row in rows if row["split"] in ("step", "test-step")]
    out = np.zeros((len(own), variants, POSITIONS, MOTION), np.float16)
    for i, row in enumerate(own):
        frames, times = seen.sequence(row["clip"], row["follows"], row["shift"])
        several = torch.cat([frames[None]] + [noised(frames[None]) for _ in range(variants - 1)])
        out[i] = model(several, times[None].expand(variants, -1)).numpy()
    np.save(work("data", "audio", "motion.npy"), out)
    print("motion", out.shape, out.astype(np.float32).std())


if __name__ == "__main__":
    main()
