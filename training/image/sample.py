"""Contact sheets of what the diffusion transformer draws and edits: python -m training.image.sample CHECKPOINT --out SHEET.png.

The sampler is the one that ships: Euler steps over shifted sigmas, classifier-free guidance against all-zero tokens.
"""
import argparse
import json

import numpy as np
import torch

from training.conditioning import conditioning_tokens
from training.data import sprites
from training.image.autoencoder import Autoencoder
from training.image.latents import over
from training.image.sheet import save_sheet
from training.image.transformer import Transformer
from training.paths import work

PROMPTS = ["a house", "a fish", "a red apple", "a dog", "a cat", "a car", "a tree", "a flower", "a boat", "a bird", "the sun", "a cup", "a guitar", "a pizza", "a star", "a heart",
           "a rocket", "a snowman", "a key", "a book", "a banana", "a rabbit", "a green car", "a blue flower"]
#: Drawings of the held-out family, what to do with them, as (CLDR name, instruction).
EDITS = [("red-apple", "make it green"), ("automobile", "turn it blue"), ("rose", "paint it yellow"), ("bird", "make the bird red"), ("crown", "change the colour to purple"),
         ("dolphin", "in pink please"), ("guitar", "on a blue background"), ("fire-engine", "flip it")]


def load_transformer(path) -> Transformer:
    """The averaged weights of a checkpoint in float32."""
    saved = torch.load(path)
    model = Transformer(**saved["shape"])
    model.load_state_dict(saved["average"])
    print(f"{path}: step {saved['step']}, {saved['step'] * saved['batch']} samples, loss {saved['loss']:.4f}, edits {saved['editLoss']:.4f}")
    return model.eval()


def load_autoencoder() -> Autoencoder:
    model = Autoencoder()
    model.load_state_dict(torch.load(work("checkpoints", "autoencoder.pt")))
    return model.to(memory_format=torch.channels_last).eval()


def sigmas_of(steps: int, shift: float) -> np.ndarray:
    """steps + 1 noise levels from 1 to 0; a shift above 1 spends more of them on high noise."""
    t = np.linspace(1, 0, steps + 1)
    return shift * t / (1 + (shift - 1) * t)


@torch.inference_mode()
def sample(model, tokens, source, mask, sigmas, guidance: float, seed: int = 0) -> torch.Tensor:
    """Normalised latents [B,4,16,16] from noise."""
    x = torch.randn(tokens.shape[0], 4, 16, 16, generator=torch.Generator().manual_seed(seed))
    both = torch.cat([tokens, torch.zeros_like(tokens)])
    with torch.autocast("cpu", torch.bfloat16):
        for now, after in zip(sigmas[:-1], sigmas[1:]):
            t = torch.full((len(both),), float(now))
            (v, u), (copied, _) = (part.float().chunk(2) for part in model(x.repeat(2, 1, 1, 1), source.repeat(2, 1, 1, 1), mask.repeat(2, 1, 1, 1), t, both)[:2])
            # What is copied needs no guidance, and would overshoot under it.
            x = x + float(after - now) * (v + (1 - copied) * (guidance - 1) * (v - u))
    return x


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("checkpoint")
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--steps", type=int, default=20)
    arguments.add_argument("--guidance", type=float, default=3.5)
    arguments.add_argument("--shift", type=float, default=1.5)
    arguments.add_argument("--seed", type=int, default=5)
    arguments.add_argument("--prompts", nargs="*")
    options = arguments.parse_args()
    torch.set_num_threads(2)
    model, autoencoder = load_transformer(options.checkpoint), load_autoencoder()
    table = json.loads(work("data", "sprites.json").read_text())
    pictures = np.load(work("data", "sprites.npy"), mmap_mode="r")
    prompts = options.prompts or PROMPTS
    edits = [] if options.prompts else EDITS
    originals = []
    for name, _ in edits:
        found = [i for i, e in enumerate(table) if e["name"] == name]
        held = [i for i in found if table[i]["family"] == sprites.HELD_OUT]
        originals.append(over(pictures[(held or found)[0]]))
    count = len(prompts) + len(edits)
    source, mask = torch.zeros(count, 4, 16, 16), torch.ones(count, 1, 16, 16)
    with torch.inference_mode():
        if edits:
            pixels = torch.from_numpy(np.stack(originals)).permute(0, 3, 1, 2).float().div(127.5).sub(1)
            source[len(prompts):] = autoencoder.encode(pixels.contiguous(memory_format=torch.channels_last))
        tokens = torch.from_numpy(conditioning_tokens(prompts + [instruction for _, instruction in edits]))
        latents = sample(model, tokens, source, mask, sigmas_of(options.steps, options.shift), options.guidance, options.seed)
        drawn = autoencoder.decode(latents.contiguous(memory_format=torch.channels_last))
    titles = prompts + [instruction for _, instruction in edits]
    if edits:
        drawn = torch.cat([drawn[: len(prompts)], pixels, drawn[len(prompts):]])
        titles = prompts + [name for name, _ in edits] + titles[len(prompts):]
    save_sheet(drawn, options.out, columns=8, titles=titles)


if __name__ == "__main__":
    main()
