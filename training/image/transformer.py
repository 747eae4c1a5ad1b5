"""The diffusion transformer: predicts the velocity of noisy latents from text tokens, an optional source picture and a mask.

Knows nothing about training or sampling. Flow matching: x_t = (1 - t) x_0 + t eps, velocity = eps - x_0.
Normalised queries and keys, adaLN with one shared projection and a bias per block; 64 picture tokens before 16 text tokens.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

CHANNELS, SIDE, PATCH = 4, 16, 2
TEXT_TOKENS, TEXT_WIDTH = 16, 384


class Block(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.temperature = nn.Parameter(torch.full((1, heads, 1, 1), math.sqrt(width / heads)))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x, scale1, shift1, gate1, scale2, shift2, gate2):
        batch, count, width = x.shape
        y = F.layer_norm(x, (width,)) * (1 + scale1) + shift1
        q, k, v = self.qkv(y).view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        # Attention over 80 tokens is faster in float32 than in bf16 on a CPU.
        q, k = F.normalize(q.float(), dim=-1) * self.temperature.float(), F.normalize(k.float(), dim=-1)
        attended = F.scaled_dot_product_attention(q, k, v.float(), scale=1.0)
        x = x + gate1 * self.out(attended.transpose(1, 2).reshape(batch, count, width).to(y.dtype))
        y = F.layer_norm(x, (width,)) * (1 + scale2) + shift2
        return x + gate2 * self.down(F.gelu(self.up(y), approximate="tanh"))


class Transformer(nn.Module):
    """latents [B,4,16,16], source [B,4,16,16], mask [B,1,16,16], timestep [B] in 0..1, tokens [B,16,384] to velocity [B,4,16,16]."""

    def __init__(self, width: int = 384, blocks: int = 6, heads: int = 3):
        super().__init__()
        self.shape = dict(width=width, blocks=blocks, heads=heads)
        patch = PATCH * PATCH
        self.picture_in = nn.Linear(patch * (2 * CHANNELS + 1), width)
        self.text_in = nn.Linear(TEXT_WIDTH, width)
        self.place = nn.Parameter(0.02 * torch.randn(1, (SIDE // PATCH) ** 2 + TEXT_TOKENS, width))
        self.time = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.sentence = nn.Linear(TEXT_WIDTH, width, bias=False)  # one bias in the sum: with two of equal gradient, inductor 2.15 fails
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.modulation = nn.Linear(width, 6 * width)
        self.modulation_bias = nn.Parameter(torch.zeros(blocks, 6 * width))
        self.last_modulation = nn.Linear(width, 2 * width)
        self.picture_out = nn.Linear(width, patch * CHANNELS)
        for layer in (self.modulation, self.last_modulation, self.picture_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # gates start at one, the blocks' own output matrices at zero
            self.modulation_bias.view(blocks, 6, width)[:, [2, 5]] = 1
        self.register_buffer("frequencies", torch.exp(-math.log(1e4) * torch.arange(64) / 64), persistent=False)

    def forward(self, latents, source, mask, timestep, tokens):
        kind = self.picture_in.weight.dtype
        batch, width = latents.shape[0], self.shape["width"]
        count = (SIDE // PATCH) ** 2
        angles = 1000 * timestep[:, None].float() * self.frequencies.float()
        condition = self.time(torch.cat([angles.sin(), angles.cos()], 1).to(kind)) + self.sentence(tokens[:, 0].to(kind))
        condition = F.silu(condition)
        shared = self.modulation(condition).view(batch, 1, 6, width)
        picture = torch.cat([latents, source, mask], 1).to(kind)
        picture = picture.view(batch, 2 * CHANNELS + 1, SIDE // PATCH, PATCH, SIDE // PATCH, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(batch, count, -1)
        x = torch.cat([self.picture_in(picture), self.text_in(tokens.to(kind))], 1) + self.place
        for block, bias in zip(self.blocks, self.modulation_bias):
            x = block(x, *(shared + bias.view(1, 1, 6, width)).unbind(2))
        scale, shift = self.last_modulation(condition)[:, None].chunk(2, -1)
        x = self.picture_out(F.layer_norm(x[:, :count], (width,)) * (1 + scale) + shift).float()
        x = x.view(batch, SIDE // PATCH, SIDE // PATCH, CHANNELS, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5)
        return x.reshape(batch, CHANNELS, SIDE, SIDE)
