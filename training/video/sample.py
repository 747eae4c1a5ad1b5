"""Clips drawn by the video transformer from first frames and prompts, and strips of them. The sampler is the one that ships. Knows no judge."""
import torch

from training.image.sample import sigmas_of

STRIP = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]


@torch.inference_mode()
def sample_clips(model, first: torch.Tensor, tokens: torch.Tensor, scale: float, steps: int = 12, guidance: float = 2.5, shift: float = 3.0, seed: int = 0) -> torch.Tensor:
    """Latents of frames [B,16,4,16,16] from first frames [B,4,16,16] and tokens [B,16,384]."""
    noise = torch.Generator().manual_seed(seed)
    x = torch.randn(len(first), 16, 4, 16, 16, generator=noise)
    sigmas = sigmas_of(steps, shift)
    both, firsts = torch.cat([tokens, torch.zeros_like(tokens)]), torch.cat([first, first])
    for now, after in zip(sigmas[:-1], sigmas[1:]):
        t = torch.full((len(both),), float(now))
        v, u = model(torch.cat([x, x]), firsts, t, both).chunk(2)
        x = x + float(after - now) * (u + guidance * (v - u))
    x[:, 0] = 0
    return first[:, None] + x / scale


@torch.inference_mode()
def decode(autoencoder, latents: torch.Tensor) -> torch.Tensor:
    """Frames [B,16,3,128,128] in 0..1."""
    with torch.autocast("cpu", torch.bfloat16):
        pixels = torch.cat([autoencoder.decode(part.contiguous(memory_format=torch.channels_last)).float() for part in latents.flatten(0, 1).split(64)])
    return (pixels.clamp(-1, 1) + 1).div(2).unflatten(0, latents.shape[:2])
