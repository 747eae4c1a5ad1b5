"""python -m training.align.memory [--layers 2 4] [--tokens 512] [--rank 8] [--device cpu]: the memory that a step of `align dialogues` takes on a 7B model in 4 bits, measured.

LLaMA 7B's shape with random blocks and few layers, each in a process of its own: forward, backward and a step of AdamW. What 32 layers take follows from the difference. Reads no model.
"""
import argparse
import resource
import subprocess
import sys

import numpy as np
import torch
from torch.nn import functional as F

from ..export.llama_graph import linear_shapes
from ..export.llama_torch import Decoder
from ..export.llama_weights import LINEARS, LlamaShape
from ..export.torch_blocks import BLOCK, Blocks

WHOLE = 32


def blocks(random: np.random.Generator, shape: tuple[int, int], bits: int) -> Blocks:
    out, width = shape
    bytes_of = lambda *size: random.integers(0, 256, size, np.uint8)
    return Blocks(bytes_of(out, width // BLOCK, BLOCK * bits // 8), random.random((out, width // BLOCK), np.float32) * 0.002, bytes_of(out, width // BLOCK) & ((1 << bits) - 1), torch.bfloat16)


def step(layers: int, tokens: int, rank: int, device: str) -> tuple[float, float]:
    """GB of the frozen weights and at the highest."""
    random, shape = np.random.default_rng(0), LlamaShape(layers, 4096, 32, 32, 128, 11008, 32000, 10000.0, 1e-5)
    sizes, norm = linear_shapes(shape), np.ones(shape.width, np.float32)
    weights = [{'attention_norm': norm, 'inner_norm': norm, **{name: blocks(random, sizes[name], 4) for name in LINEARS}} for _ in range(layers)]
    model = Decoder(shape, weights, norm, blocks(random, (32000, 4096), 8), dict.fromkeys(LINEARS, rank), 4, torch.bfloat16, blocks(random, (32000, 4096), 8), frugal=True).to(device)
    del weights
    frozen = sum(part.numel() * part.element_size() for part in model.buffers()) / 1e9
    optimiser = torch.optim.AdamW([part for part in model.parameters() if part.requires_grad])
    ids = torch.from_numpy(random.integers(0, 32000, (1, tokens))).to(device)
    F.cross_entropy(model.logits(model.states(model.embed(ids))[0, :-1]), ids[0, 1:]).backward()
    optimiser.step()
    peak = torch.cuda.max_memory_allocated() if device.startswith('cuda') else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return frozen, peak / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m training.align.memory', description='Memory of a step of tuning a 7B model in 4 bits.')
    parser.add_argument('--layers', type=int, nargs=2, default=[2, 4])
    parser.add_argument('--tokens', type=int, default=512)
    parser.add_argument('--rank', type=int, default=8)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--one', type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    rest = ['--tokens', str(given.tokens), '--rank', str(given.rank), '--device', given.device]
    if given.one:
        print(*step(given.one, given.tokens, given.rank, given.device))
        return
    found = {}
    for layers in given.layers:
        told = subprocess.run([sys.executable, '-W', 'ignore', '-m', 'training.align.memory', '--one', str(layers), *rest], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
        found[layers] = [float(value) for value in told]
        print(f'{layers} layers: frozen weights {found[layers][0]:.2f} GB, at the highest {found[layers][1]:.2f} GB', flush=True)
    fewer, more = given.layers
    each = [(b - a) / (more - fewer) for a, b in zip(found[fewer], found[more])]
    print(f'{WHOLE} layers: frozen weights {found[fewer][0] + each[0] * (WHOLE - fewer):.1f} GB, at the highest {found[fewer][1] + each[1] * (WHOLE - fewer):.1f} GB')


if __name__ == '__main__':
    main()
