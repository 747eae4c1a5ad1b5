"""Principal components of mel patches, every clip as latents and every caption as tokens: python -m training.audio.latents. Knows no models but these.

A position is 4 frames of 128 log-mels; 64 components are kept, scaled by their deviation to the power 0.6 and to a mean square of one, so that what is heard most weighs most.
"""
import json

import numpy as np
import torch
from torch import nn

from training.audio.mel import MELS, PATCH, POSITIONS, from_patches, to_patches
from training.conditioning import conditioning_tokens
from training.paths import work

LATENT = 64
#: Log-mels below this (72 dB under a loud tone) are all silence.
QUIET = -8.0


class Components(nn.Module):
    """Log-mels [B, 128, 4 n] to latents [B, n, 64] and back."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(MELS * PATCH))
        self.register_buffer("down", torch.zeros(LATENT, MELS * PATCH))
        self.register_buffer("up", torch.zeros(MELS * PATCH, LATENT))

    def encode(self, mel: torch.Tensor) -> torch.Tensor:
        return (to_patches(mel.clamp(min=QUIET)) - self.mean) @ self.down.T

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return from_patches(latents @ self.up.T + self.mean).clamp(min=QUIET)

    forward = encode


def load_components() -> Components:
    model = Components()
    model.load_state_dict({k: v.float() for k, v in torch.load(work("checkpoints", "audio-components.pt")).items()})
    return model.eval()


def fit(mels: np.ndarray, rows: np.ndarray) -> tuple[Components, float]:
    """Components of the patches of some clips, and the share of the variance they keep."""
    patches = to_patches(torch.from_numpy(mels[rows].astype(np.float32)).clamp(min=QUIET)).flatten(0, 1)[::3]
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    values, vectors = values.flip(0)[:LATENT], vectors.flip(1)[:, :LATENT]
    kept = float(values.sum() / (patches - mean).square().mean(0).sum())
    deviation = values.sqrt()
    target = deviation**0.6
    target = target / target.square().mean().sqrt()
    model = Components()
    model.mean, model.down, model.up = mean, (vectors * (target / deviation)).T.contiguous(), (vectors * (deviation / target)).contiguous()
    return model, kept


@torch.inference_mode()
def main() -> None:
    torch.set_num_threads(1)
    rows, mels = json.loads(work("data", "audio", "rows.json").read_text()), np.load(work("data", "audio", "mels.npy"), mmap_mode="r")
    train = np.array([i for i, row in enumerate(rows) if row["split"] in ("train", "step")])
    components, kept = fit(mels, np.sort(np.random.RandomState(0).permutation(train)[:1500]))
    torch.save(components.state_dict(), work("checkpoints", "audio-components.pt"))
    latents = np.zeros((len(rows), POSITIONS, LATENT), np.float16)
    error = []
    for first in range(0, len(rows), 256):
        mel = torch.from_numpy(mels[first : first + 256].astype(np.float32))
        coded = components.encode(mel)
        latents[first : first + 256] = coded.numpy()
        error.append((components.decode(coded) - mel.clamp(min=QUIET)).abs().mean().item())
    np.save(work("data", "audio", "latents.npy"), latents)
    print(f"variance kept {kept:.4f}, mean error of log-mels {np.mean(error):.3f}, deviation of latents {latents[::7].astype(np.float32).std():.3f}", flush=True)
    texts = sorted({text for row in rows for text in row["captions"]})
    order = sorted(texts, key=len)
    place = {text: i for i, text in enumerate(order)}
    tokens = np.zeros((len(order), 16, 384), np.float16)
    for first in range(0, len(order), 256):
        tokens[first : first + 256] = conditioning_tokens(order[first : first + 256])
    np.save(work("data", "audio", "tokens.npy"), tokens)
    work("data", "audio", "texts.json").write_text(json.dumps(order))
    np.save(work("data", "audio", "captions.npy"), np.array([[place[row["captions"][k % len(row["captions"])]] for k in range(4)] for row in rows]))
    print(len(texts), "captions")


if __name__ == "__main__":
    main()
