"""Trains the vocoder on crops of a second: python -m training.audio.train_vocoder MINUTES [--resume]; prints how far its log-mels are from real ones.

Losses: log-magnitudes of its own frames, complex spectra, multi-resolution STFT of the samples before any Griffin-Lim. Knows no captions.
"""
import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F

from training.audio.latents import load_components
from training.audio.mel import HOP, log_mel
from training.audio.vocoder import Vocoder
from training.data.sounds import INSTRUMENTS, SOUNDS
from training.image.train_transformer import save
from training.paths import work

FRAMES = 64
RESOLUTIONS = ((512, 128), (256, 64), (1024, 256), (2048, 256), (4096, 512))
#: Share of crops in which an instrument plays: there an ear hears what is wrong first.
MUSIC = 0.5


def untrained() -> Vocoder:
    torch.manual_seed(0)
    model = Vocoder()
    model.components.load_state_dict(load_components().state_dict())
    return model


def load_vocoder() -> Vocoder:
    model = untrained()
    model.load_state_dict({k: v.float() for k, v in torch.load(work("checkpoints", "audio-vocoder.pt"))["model"].items()})
    return model.eval()


def spectral(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Mean over resolutions of spectral convergence and distance of log-magnitudes."""
    loss = 0.0
    for size, hop in RESOLUTIONS:
        window = torch.hann_window(size)
        a, b = (torch.stft(x, size, hop, window=window, return_complex=True).abs().clamp(min=1e-4) for x in (made, real))
        loss = loss + (a - b).norm() / b.norm() + (a.clamp(min=1e-3).log() - b.clamp(min=1e-3).log()).abs().mean()
    return loss / len(RESOLUTIONS)


class Crops:
    """Random crops of the training clips whose samples are not silent, with the log-mels of their latents around them."""

    def __init__(self, components, seed: int):
        rows = json.loads(work("data", "audio", "rows.json").read_text())
        self.rows = np.array([i for i, row in enumerate(rows) if row["split"] in ("train", "step")])
        self.music = np.array([i for i in self.rows if rows[i]["name"] in SOUNDS and SOUNDS[rows[i]["name"]].family in INSTRUMENTS])
        self.samples = np.load(work("data", "audio", "samples.npy"), mmap_mode="r")
        self.latents = np.load(work("data", "audio", "latents.npy"), mmap_mode="r")
        self.random, self.components = np.random.RandomState(seed), components

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-mels [B, 128, 64] and samples of the same frames, [B, 64 * 256]."""
        mels, waves = [], []
        while len(waves) < size:
            row, at = self.random.choice(self.music if self.random.rand() < MUSIC else self.rows), self.random.randint(0, 64 - FRAMES // 4 + 1)
            wave = self.samples[row, at * 1024 : at * 1024 + FRAMES * HOP].astype(np.float32) / 32000
            if np.abs(wave).max() > 0.01 or self.random.rand() < 0.03:
                waves.append(torch.from_numpy(wave))
                mels.append(torch.from_numpy(self.latents[row, at : at + FRAMES // 4].astype(np.float32)))
        with torch.no_grad():
            return self.components.decode(torch.stack(mels)), torch.stack(waves)


def loss_of(model: Vocoder, mel: torch.Tensor, wave: torch.Tensor) -> tuple[torch.Tensor, dict]:
    with torch.autocast("cpu", torch.bfloat16):
        loudness, real, imaginary = model.spectrum(mel)
    loudness, real, imaginary = loudness.float(), real.float(), imaginary.float()
    magnitude = loudness.exp()
    # Frames whose neighbours are in the crop; the same ones of the real sound.
    made = model.transform.inverse(magnitude * real, magnitude * imaginary).flatten(1)[:, 512 : 512 + wave.shape[1]]
    true = torch.stft(wave, 1024, HOP, window=model.transform.window, center=True, return_complex=True).transpose(1, 2)[:, : mel.shape[2]]
    inner = slice(2, -2)
    size = true.abs()
    level = (loudness[:, inner] - size.clamp(min=1e-3).log()[:, inner]).abs().mean()
    weight = (size / (size.mean((1, 2), keepdim=True) + 1e-3)).clamp(max=8)
    # Phases are compared after the overlap with neighbours, where only consistent ones survive.
    a, b = model.transform(F.pad(made, (512, 768 - 512 + 0)).reshape(made.shape[0], -1, HOP))
    complex_ = ((a - true.real).square() + (b - true.imag).square() + 1e-6).sqrt()[:, inner].mean() / (size[:, inner].mean() + 1e-2)
    stft = spectral(made[:, 768:-768], wave[:, 768:-768])
    phase = ((1 - (real * true.real + imaginary * true.imag) / size.clamp(min=1e-4)) * weight)[:, inner].mean()
    return level + stft + 0.3 * complex_, {"level": level.item(), "stft": stft.item(), "complex": complex_.item(), "phase": phase.item()}


@torch.inference_mode()
def measure(model: Vocoder, count: int = 24) -> dict:
    """Distance of log-mels (L1, floor at -8) of held-out clips: through the components alone, through the network, and with Griffin-Lim of several steps from its
    phases and from random ones."""
    rows = json.loads(work("data", "audio", "rows.json").read_text())
    chosen = [i for i, row in enumerate(rows) if row["split"] == "test"][:: max(1, 480 // count)][:count]
    mels = torch.from_numpy(np.load(work("data", "audio", "mels.npy"), mmap_mode="r")[chosen].astype(np.float32)).clamp(min=-8)
    latents = torch.from_numpy(np.load(work("data", "audio", "latents.npy"), mmap_mode="r")[chosen].astype(np.float32))
    waves = torch.from_numpy(np.load(work("data", "audio", "samples.npy"), mmap_mode="r")[chosen].astype(np.float32) / 32000)
    decoded = model.components.decode(latents)
    found = {"components": (decoded - mels).abs().mean().item()}
    kept = model.steps
    padded = torch.cat([decoded[:, :, :1], decoded, decoded[:, :, -1:], decoded[:, :, -1:]], 2)
    loudness, real, imaginary = model.spectrum(padded)
    angle = torch.rand_like(real) * 2 * np.pi
    for name, phases, steps in (("network", (real, imaginary), 0), ("network and 12 steps", (real, imaginary), 12), ("random and 12 steps", (angle.cos(), angle.sin()), 12), ("network and 32 steps", (real, imaginary), 32), ("random and 32 steps", (angle.cos(), angle.sin()), 32)):
        model.steps = steps
        made = model.signal(loudness.exp(), *phases)[:, 3:-3].flatten(1).clamp(-1, 1)
        found[name] = {"mel": (log_mel(made).clamp(min=-8) - mels).abs().mean().item(), "stft": spectral(made, waves).item()}
    model.steps = kept
    return found


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("minutes", type=float)
    arguments.add_argument("--resume", action="store_true")
    arguments.add_argument("--batch", type=int, default=8)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    path = work("checkpoints", "audio-vocoder.pt")
    model = load_vocoder() if options.resume else untrained()
    model.train()
    print(sum(p.numel() for p in model.parameters()) / 1e6, "M parameters", flush=True)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3, betas=(0.8, 0.98), weight_decay=0.01)
    crops, start, step, mean, last = Crops(model.components, int(time.time())), time.time(), 0, None, time.time()
    while (passed := (time.time() - start) / 60) < options.minutes:
        for group in optimiser.param_groups:
            group["lr"] = 1.2e-3 * min(1, (step + 1) / 50) * min(1, 2.5 * (1 - passed / options.minutes))
        loss, said = loss_of(model, *crops.batch(options.batch))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimiser.step()
        step += 1
        mean = said if mean is None else {k: 0.97 * mean[k] + 0.03 * v for k, v in said.items()}
        if step in (3, 20) or step % 50 == 0:
            print(step, {k: round(v, 3) for k, v in mean.items()}, f"{step * options.batch / passed / 60:.1f} crops/s", flush=True)
        if time.time() - last > 120:
            save(path, {"model": {k: v.half() for k, v in model.state_dict().items()}, "step": step})
            last = time.time()
    save(path, {"model": {k: v.half() for k, v in model.state_dict().items()}, "step": step})
    print(json.dumps(measure(model.eval()), indent=1), flush=True)


if __name__ == "__main__":
    main()
