"""The vocoder: latents of sound to samples. A Vocos-like network (ConvNeXt blocks, arXiv 2306.00814) says magnitudes and phases, then a few steps of
fast Griffin-Lim make them agree; inverse and forward transforms are matrix products, so that the whole is one graph. Knows nothing about training.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from training.audio.latents import Components
from training.audio.mel import FILTERS, FRAME, HOP, MELS

BINS, OVERLAP = FRAME // 2 + 1, FRAME // HOP


def bases() -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine of bin k at sample n, each [513, 1024]."""
    angle = (torch.arange(BINS)[:, None] * torch.arange(FRAME)[None]) % FRAME * (2 * math.pi / FRAME)
    return angle.cos(), angle.sin()


class Transform(nn.Module):
    """Frames to spectra and back by matrix products; a signal of n frames has n * 256 + 768 samples, its frames begin every 256."""

    def __init__(self):
        super().__init__()
        cosine, sine = bases()
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.register_buffer("window", torch.hann_window(FRAME, periodic=True), persistent=False)
        weight = torch.full((BINS,), 2 / FRAME)
        weight[0] = weight[-1] = 1 / FRAME
        self.register_buffer("weight", weight, persistent=False)

    def inverse(self, real, imaginary):
        """Spectra [B, n, 513] to the overlap-added signal [B, (n + 3), 256]; inside, windows sum to 1.5."""
        frames = ((real * self.weight) @ self.cosine - (imaginary * self.weight) @ self.sine) * (self.window / 1.5)
        parts = frames.reshape(frames.shape[0], -1, OVERLAP, HOP)
        return sum(F.pad(parts[:, :, k], (0, 0, k, OVERLAP - 1 - k)) for k in range(OVERLAP))

    def forward(self, signal):
        """Blocks of 256 samples [B, n + 3, 256] to spectra [B, n, 513], real and imaginary."""
        count = signal.shape[1] - (OVERLAP - 1)
        frames = torch.cat([signal[:, k : k + count] for k in range(OVERLAP)], -1) * self.window
        return frames @ self.cosine.T, -(frames @ self.sine.T)


class Unit(nn.Module):
    """A ConvNeXt block over time."""

    def __init__(self, width: int, inner: int, kernel: int = 7):
        super().__init__()
        self.near = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, inner), nn.Linear(inner, width)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, x):
        y = self.near(x.transpose(1, 2)).transpose(1, 2)
        return x + self.down(F.gelu(self.up(self.norm(y)), approximate="tanh"))


class Vocoder(nn.Module):
    """latents [B, n, 64] to samples [B, n * 1024] around -1..1, louder ones as they are: cut off they would click, so who writes a file scales them; `steps` of Griffin-Lim from the network's phases."""

    def __init__(self, width: int = 256, blocks: int = 6, steps: int = 12):
        super().__init__()
        self.shape = dict(width=width, blocks=blocks)
        self.steps = steps
        self.components, self.transform = Components(), Transform()
        self.enter, self.blocks = nn.Conv1d(MELS, width, 7, padding=3), nn.ModuleList(Unit(width, 3 * width) for _ in range(blocks))
        self.norm, self.loudness, self.angle = nn.LayerNorm(width), nn.Linear(width, BINS), nn.Linear(width, 2 * BINS)
        for layer in (self.loudness,):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        # Each bin's first guess: the mels that hear it, by their share, over what they would say of a flat spectrum.
        share = FILTERS / FILTERS.sum(1, keepdim=True).clamp(min=1e-8)
        self.register_buffer("spread", (share / share.sum(0, keepdim=True).clamp(min=1e-6)).contiguous(), persistent=False)
        self.register_buffer("size", FILTERS.sum(1).log(), persistent=False)

    def spectrum(self, mel):
        """Log-mels [B, 128, n] to log-magnitudes and unit phases [B, n, 513] each, of the same frames."""
        x = self.enter((mel + 4) / 3).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        guess = ((mel.transpose(1, 2) - self.size) @ self.spread)
        real, imaginary = self.angle(x).chunk(2, -1)
        length = (real.square() + imaginary.square() + 1e-6).rsqrt()
        return (guess + self.loudness(x)).clamp(max=5.5), real * length, imaginary * length

    def signal(self, magnitude, real, imaginary):
        """Blocks [B, n + 3, 256] after the steps of Griffin-Lim with momentum (Perraudin 2013)."""
        before = None
        for _ in range(self.steps):
            a, b = self.transform(self.transform.inverse(magnitude * real, magnitude * imaginary))
            fast = (a, b) if before is None else (a + 0.9 * (a - before[0]), b + 0.9 * (b - before[1]))
            before = (a, b)
            length = (fast[0].square() + fast[1].square() + 1e-9).rsqrt()
            real, imaginary = fast[0] * length, fast[1] * length
        return self.transform.inverse(magnitude * real, magnitude * imaginary)

    def from_mel(self, mel):
        """Log-mels [B, 128, n], n frames centred at every 256 samples, to samples [B, n * 256]."""
        mel = torch.cat([mel[:, :, :1], mel, mel[:, :, -1:], mel[:, :, -1:]], 2)
        loudness, real, imaginary = self.spectrum(mel)
        blocks = self.signal(loudness.exp(), real, imaginary)
        return blocks[:, 3:-3].flatten(1)

    def forward(self, latents):
        return self.from_mel(self.components.decode(latents))
