"""The diffusion transformer: predicts the velocity of noisy latents from text tokens, an optional source picture and a mask.

Knows nothing about training or sampling. Flow matching: x_t = (1 - t) x_0 + t eps, velocity = eps - x_0.
Normalised queries and keys, adaLN with one shared projection and a bias per block; 64 picture tokens before 16 text tokens.
A source is first moved as the text asks (`Moves`), and where a gate opens it is copied instead of drawn anew.
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


#: What an edit does with the whole picture; what none of them names is done by the network.
MOVES = ("stay", "flip", "left", "over", "right", "smaller", "bigger")
#: Copying divides by the noise level; below this one the network does the rest.
LEAST = 0.04


class Moves(nn.Module):
    """Reads off the text how the source is to be turned or scaled, and does it: fixed permutations and resamplings of latents, weighted by a softmax."""

    def __init__(self):
        super().__init__()
        self.read = nn.Sequential(nn.Linear(2 * TEXT_WIDTH, 96), nn.SiLU(), nn.Linear(96, len(MOVES)))
        #: Latents of an empty white picture, [1,4,16,16].
        self.register_buffer("blank", torch.zeros(1, CHANNELS, SIDE, SIDE))
        frame = torch.ones(1, 1, SIDE, SIDE)
        frame[:, :, SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] = 0
        self.register_buffer("frame", frame, persistent=False)

    def forward(self, source, tokens):
        """source [B,4,16,16], tokens [B,16,384] to (moved source, logits [B,7])."""
        quarter = SIDE // 4
        turned = source.transpose(2, 3)
        half = F.pad(F.avg_pool2d(source, 2), (quarter,) * 4) + self.frame * self.blank
        double = F.interpolate(source[:, :, quarter:-quarter, quarter:-quarter], scale_factor=2, mode="bilinear")
        each = torch.stack([source, source.flip(3), turned.flip(2), source.flip(2).flip(3), turned.flip(3), half, double], 1)
        pieces = tokens[:, 1:]
        kind = self.read[0].weight.dtype
        logits = self.read(torch.cat([tokens[:, 0], pieces.sum(1) / 4], 1).to(kind)).float()
        return (each * logits.softmax(1).view(-1, len(MOVES), 1, 1, 1)).sum(1), logits


class Transformer(nn.Module):
    """latents [B,4,16,16], source [B,4,16,16], mask [B,1,16,16], timestep [B] in 0..1, tokens [B,16,384] to
    (velocity [B,4,16,16], how far each place is a copy of the source [B,1,16,16] in 0..1, logits of the moves [B,7], and what the velocity is made
    of: that of what is drawn, and the copy itself, both [B,4,16,16])."""

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
        self.moves = Moves()
        #: What is added to a copy, and the gate.
        self.copy_out = nn.Linear(width, patch * (CHANNELS + 1))
        for layer in (self.modulation, self.last_modulation, self.picture_out, self.copy_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # gates begin almost shut
            self.copy_out.bias[-patch:] = -4
        with torch.no_grad():  # gates start at one, the blocks' own output matrices at zero
            self.modulation_bias.view(blocks, 6, width)[:, [2, 5]] = 1
        self.register_buffer("frequencies", torch.exp(-math.log(1e4) * torch.arange(64) / 64), persistent=False)

    def forward(self, latents, source, mask, timestep, tokens):
        kind = self.picture_in.weight.dtype
        batch, width, side = latents.shape[0], self.shape["width"], SIDE // PATCH
        shown = (source.abs().amax((1, 2, 3), keepdim=True) > 0).float()
        moved, logits = self.moves(source, tokens)
        moved = moved * shown
        angles = 1000 * timestep[:, None].float() * self.frequencies.float()
        condition = self.time(torch.cat([angles.sin(), angles.cos()], 1).to(kind)) + self.sentence(tokens[:, 0].to(kind))
        condition = F.silu(condition)
        shared = self.modulation(condition).view(batch, 1, 6, width)
        picture = torch.cat([latents, moved, mask], 1).to(kind)
        picture = picture.view(batch, 2 * CHANNELS + 1, side, PATCH, side, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(batch, side * side, -1)
        x = torch.cat([self.picture_in(picture), self.text_in(tokens.to(kind))], 1) + self.place
        for block, bias in zip(self.blocks, self.modulation_bias):
            x = block(x, *(shared + bias.view(1, 1, 6, width)).unbind(2))
        scale, shift = self.last_modulation(condition)[:, None].chunk(2, -1)
        x = F.layer_norm(x[:, : side * side], (width,)) * (1 + scale) + shift

        def planes(y, channels):
            return y.float().view(batch, side, side, channels, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, SIDE, SIDE)

        drawn, beside = planes(self.picture_out(x), CHANNELS), planes(self.copy_out(x), CHANNELS + 1)
        copied = beside[:, CHANNELS:].sigmoid() * shown
        copy = (moved + beside[:, :CHANNELS]) * shown
        velocity = (1 - copied) * drawn + copied * (latents - copy) / timestep.clamp(min=LEAST)[:, None, None, None]
        return velocity, copied, logits, drawn, copy
