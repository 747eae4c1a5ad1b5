"""The audio transformer: predicts the velocity of noisy latents of sound from text tokens, known positions and what is seen. Knows nothing about training.

Flow matching: x_t = (1 - t) x_0 + t eps, velocity = eps - x_0. Blocks are the image transformer's; 64 positions before 16 text tokens. The notes of a tune
that the words name are given to it position by position (`Plan`).
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from training.audio.plan import ROLL, Plan
from training.image.transformer import TEXT_TOKENS, TEXT_WIDTH, Block

POSITIONS, LATENT, MOTION = 64, 64, 64


class AudioTransformer(nn.Module):
    """latents, prefix [B,64,64], mask [B,64,1] (1 known), motion [B,64,64], timestep [B] in 0..1, tokens [B,16,384] to velocity [B,64,64].
    `roll` [B,64,640] are the notes to be played; without it they are read off the tokens. What goes on from a known beginning goes on by ear, without notes."""

    def __init__(self, width: int = 256, blocks: int = 6, heads: int = 4):
        super().__init__()
        self.shape = dict(width=width, blocks=blocks, heads=heads)
        self.sound_in = nn.Linear(2 * LATENT + 1 + MOTION, width)
        self.text_in = nn.Linear(TEXT_WIDTH, width)
        self.plan, self.plan_in = Plan(), nn.Linear(ROLL, width, bias=False)
        self.place = nn.Parameter(0.02 * torch.randn(1, POSITIONS + TEXT_TOKENS, width))
        self.time = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.sentence = nn.Linear(TEXT_WIDTH, width, bias=False)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.modulation, self.last_modulation = nn.Linear(width, 6 * width), nn.Linear(width, 2 * width)
        self.modulation_bias = nn.Parameter(torch.zeros(blocks, 6 * width))
        self.out = nn.Linear(width, LATENT)
        for layer in (self.modulation, self.last_modulation, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.plan_in.weight)
        with torch.no_grad():  # gates start at one, the blocks' own output matrices at zero
            self.modulation_bias.view(blocks, 6, width)[:, [2, 5]] = 1
        self.register_buffer("frequencies", torch.exp(-math.log(1e4) * torch.arange(64) / 64), persistent=False)

    def forward(self, latents, prefix, mask, motion, timestep, tokens, roll=None):
        kind, width = self.sound_in.weight.dtype, self.shape["width"]
        angles = 1000 * timestep[:, None].float() * self.frequencies.float()
        condition = F.silu(self.time(torch.cat([angles.sin(), angles.cos()], 1).to(kind)) + self.sentence(tokens[:, 0].to(kind)))
        shared = self.modulation(condition).view(-1, 1, 6, width)
        # Notes are few and matter at once: in small units their weights would be learnt last.
        notes = self.plan_in((3 * (self.plan(tokens) if roll is None else roll) * (1 - mask[:, :1])).to(kind))
        x = torch.cat([self.sound_in(torch.cat([latents, prefix, mask, motion], -1).to(kind)) + notes, self.text_in(tokens.to(kind))], 1) + self.place
        for block, bias in zip(self.blocks, self.modulation_bias):
            x = block(x, *(shared + bias.view(1, 1, 6, width)).unbind(2))
        scale, shift = self.last_modulation(condition)[:, None].chunk(2, -1)
        return self.out(F.layer_norm(x[:, :POSITIONS], (width,)) * (1 + scale) + shift).float()
