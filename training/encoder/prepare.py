"""Draws the training pictures once: python -m training.encoder.prepare SHARD COUNT. Knows batches and the autoencoder, no encoder.

A share of the pictures goes through the picture autoencoder with noise on its latents, so that they look as a decoder's output does.
"""
import sys
import time

import numpy as np
import torch

from training.image.autoencoder import Autoencoder
from training.paths import work

from .phrases import PAIRS
from .pictures import Bank, Batches

AUTOENCODED = 0.2
BATCH = 128


@torch.inference_mode()
def through_autoencoder(model: Autoencoder, pixels: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Pictures [B, 3, 96, 96] encoded, disturbed by `noise` [B] standard deviations and decoded."""
    with torch.autocast('cpu', torch.bfloat16):
        latents = model.encode(pixels.contiguous(memory_format=torch.channels_last)).float()
        return model.decode(latents + noise[:, None, None, None] * torch.randn_like(latents)).float().clamp(-1, 1)


def main() -> None:
    shard, count = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(shard)
    bank = Bank()
    pairs = np.load(work('encoder', 'pairs-names.npy'))
    assert len(pairs) == PAIRS
    batches = Batches(bank, pairs, 100 + shard)
    model = Autoencoder().to(memory_format=torch.channels_last).eval()
    model.load_state_dict(torch.load(work('checkpoints', 'autoencoder.pt')))
    pictures, labels, start = np.empty((count, 96, 96, 3), np.uint8), [], time.time()
    for at in range(0, count, BATCH):
        pixels, label = batches.draw(BATCH)
        through = torch.rand(BATCH) < AUTOENCODED
        if through.any():
            pixels[through] = through_autoencoder(model, pixels[through], torch.rand(int(through.sum())) * 0.35)
        label['autoencoded'] = through
        pictures[at:at + BATCH] = ((pixels.permute(0, 2, 3, 1) + 1) * 127.5).round().clamp(0, 255).byte().numpy()[:count - at]
        labels.append(label)
        if at % (BATCH * 40) == 0:
            print(f'{at} pictures, {(at + BATCH) / (time.time() - start):.0f}/s', flush=True)
    np.save(work('encoder', f'drawn-{shard}.npy'), pictures)
    np.savez(work('encoder', f'drawn-{shard}.npz'), **{k: torch.cat([l[k] for l in labels])[:count].numpy() for k in labels[0]})


if __name__ == '__main__':
    main()
