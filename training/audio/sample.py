"""Sounds from captions: flow matching by Euler steps with guidance. Knows no files."""
import torch

from training.image.sample import sigmas_of

#: Sampler as it ships.
STEPS, GUIDANCE, SHIFT = 20, 3.0, 1.5


@torch.inference_mode()
def sample(model, tokens: torch.Tensor, motion: torch.Tensor | None = None, prefix: torch.Tensor | None = None, mask: torch.Tensor | None = None, guidance: float = GUIDANCE,
           steps: int = STEPS, shift: float = SHIFT, seed: int = 0) -> torch.Tensor:
    """Latents [B, 64, 64] of tokens [B, 16, 384]."""
    count = len(tokens)
    x = torch.randn(count, 64, 64, generator=torch.Generator().manual_seed(seed))
    motion = torch.zeros(count, 64, 64) if motion is None else motion
    prefix = torch.zeros(count, 64, 64) if prefix is None else prefix
    mask = torch.zeros(count, 64, 1) if mask is None else mask
    both = lambda a, b: torch.cat([a, b])
    sigmas = sigmas_of(steps, shift)
    for now, after in zip(sigmas[:-1], sigmas[1:]):
        t = torch.full((2 * count,), float(now))
        with_, without = model(both(x, x), both(prefix, prefix), both(mask, mask), both(motion, motion), t, both(tokens, torch.zeros_like(tokens))).chunk(2)
        x = x + (float(after) - float(now)) * (without + guidance * (with_ - without))
    return x * (1 - mask) + prefix * mask
