"""Log-mels as media/log-mel.ts computes them, in torch, and their patches. Knows no models.

16 kHz mono, frame 1024, hop 256, periodic Hann, centred with reflect padding, magnitude, 128 slaney mels of 0 to 8,000 Hz, ln(max(x, 1e-5)).
"""
import torch
from transformers.audio_utils import mel_filter_bank

RATE, FRAME, HOP, MELS = 16000, 1024, 256, 128
#: Mel frames of one position, positions and samples of a window.
PATCH, POSITIONS, SAMPLES = 4, 64, 65536
FLOOR = 1e-5
FILTERS = torch.from_numpy(mel_filter_bank(FRAME // 2 + 1, MELS, 0, RATE / 2, RATE, norm="slaney", mel_scale="slaney").T.copy()).float()
WINDOW = torch.hann_window(FRAME, periodic=True)


def log_mel(waves: torch.Tensor) -> torch.Tensor:
    """Samples [B, n] to log-mels [B, 128, n // 256]; the frame after the last whole hop is left out."""
    spectrum = torch.stft(waves, FRAME, HOP, window=WINDOW, center=True, pad_mode="reflect", return_complex=True).abs()
    return (FILTERS @ spectrum).clamp(min=FLOOR).log()[..., : waves.shape[-1] // HOP]


def to_patches(mel: torch.Tensor) -> torch.Tensor:
    """Log-mels [B, 128, 4 n] to [B, n, 512]: four frames after each other."""
    batch, mels, frames = mel.shape
    return mel.transpose(1, 2).reshape(batch, frames // PATCH, PATCH * mels)


def from_patches(patches: torch.Tensor) -> torch.Tensor:
    """The inverse of to_patches."""
    batch, count, _ = patches.shape
    return patches.reshape(batch, count * PATCH, MELS).transpose(1, 2)
