"""The video transformer: predicts the velocity of noisy differences to a first frame. Knows nothing about training or sampling.

Frames go in pairs: 8 steps of 16 patches of 4 x 4, and before them the first frame's 16 patches as a step of its own. Blocks look across places (own step,
first frame, text) and across steps (same place) in turn. After the first blocks a flow says where every latent pixel comes from in the first frame:
the moved first frame is the prediction that the remaining blocks, and convolutions in each frame, correct. Moving the latents by the true flow leaves
a fifth of the differences' variance, so coarse patches are enough. Flow matching: x_t = (1 - t) x_0 + t eps, velocity = eps - x_0.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

FRAMES, CHANNELS, SIDE, PATCH, PAIR = 16, 4, 16, 4, 2
STEPS, PLACES, INSIDE = FRAMES // PAIR, (SIDE // PATCH) ** 2, PATCH * PATCH
TEXT_TOKENS, TEXT_WIDTH = 16, 384
FEATURES, MAPS, INNER = 12, 8, 48


def to_patches(x: torch.Tensor) -> torch.Tensor:
    """[B,16,C,16,16] to [B,8,16,2*C*16]."""
    batch, _, channels = x.shape[:3]
    x = x.reshape(batch, STEPS, PAIR, channels, SIDE // PATCH, PATCH, SIDE // PATCH, PATCH).permute(0, 1, 4, 6, 2, 3, 5, 7)
    return x.reshape(batch, STEPS, PLACES, PAIR * channels * INSIDE)


def from_patches(x: torch.Tensor, channels: int) -> torch.Tensor:
    """The inverse of to_patches."""
    x = x.view(x.shape[0], STEPS, SIDE // PATCH, SIDE // PATCH, PAIR, channels, PATCH, PATCH).permute(0, 1, 4, 5, 2, 6, 3, 7)
    return x.reshape(x.shape[0], FRAMES, channels, SIDE, SIDE)


class Block(nn.Module):
    """Attention across places with the first frame and the text, or across steps; then a perceptron."""

    def __init__(self, width: int, heads: int, spatial: bool, ratio: int = 3):
        super().__init__()
        self.heads, self.spatial = heads, spatial
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, ratio * width, bias=False), nn.Linear(ratio * width, width, bias=False)
        self.text = nn.Linear(width, 2 * width, bias=False) if spatial else None
        self.temperature = nn.Parameter(torch.full((heads, 1, 1), math.sqrt(width / heads)))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x, text, scale1, shift1, gate1, scale2, shift2, gate2):
        batch, steps, places, width = x.shape
        y = F.layer_norm(x, (width,)) * (1 + scale1) + shift1
        qkv = self.qkv(y).view(batch, steps, places, 3, self.heads, width // self.heads).float()
        if self.spatial:
            q, k, v = qkv.permute(3, 0, 1, 4, 2, 5).unbind(0)
            words = self.text(text).view(batch, 1, TEXT_TOKENS, 2, self.heads, width // self.heads).float().permute(3, 0, 1, 4, 2, 5)
            k, v = (torch.cat([own, own[:, :1].expand(-1, steps, -1, -1, -1), said.expand(-1, steps, -1, -1, -1)], 3) for own, said in ((k, words[0]), (v, words[1])))
        else:
            q, k, v = qkv.permute(3, 0, 2, 4, 1, 5).unbind(0)
        q, k = F.normalize(q, dim=-1) * self.temperature.float(), F.normalize(k, dim=-1)
        shape = q.shape
        attended = F.scaled_dot_product_attention(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), scale=1.0).view(shape)
        attended = attended.permute(0, 1, 3, 2, 4) if self.spatial else attended.permute(0, 3, 1, 2, 4)
        x = x + gate1 * self.out(attended.reshape(batch, steps, places, width).to(y.dtype))
        y = F.layer_norm(x, (width,)) * (1 + scale2) + shift2
        return x + gate2 * self.down(F.gelu(self.up(y), approximate="tanh"))


class VideoTransformer(nn.Module):
    """latents [B,16,4,16,16] (scaled differences to `first`), first [B,4,16,16], timestep [B] in 0..1, tokens [B,16,384] to velocity [B,16,4,16,16].

    `scale` is what differences are multiplied by. With `with_flow` also where every latent pixel comes from, float32 [B,16,16,16,2] in -1..1.
    """

    def __init__(self, width: int = 192, heads: int = 3, plan: str = "sts", refine: str = "ts", scale: float = 1.0):
        super().__init__()
        self.shape = dict(width=width, heads=heads, plan=plan, refine=refine, scale=scale)
        self.noisy_in, self.first_in = nn.Linear(PAIR * CHANNELS * INSIDE, width), nn.Linear(CHANNELS * INSIDE, width, bias=False)
        self.text_in = nn.Linear(TEXT_WIDTH, width, bias=False)
        self.place, self.step = nn.Parameter(0.02 * torch.randn(1, 1, PLACES, width)), nn.Parameter(0.02 * torch.randn(1, 1 + STEPS, 1, width))
        self.text_place = nn.Parameter(0.02 * torch.randn(1, TEXT_TOKENS, width))
        self.time, self.sentence = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width)), nn.Linear(TEXT_WIDTH, width, bias=False)
        self.blocks = nn.ModuleList(Block(width, heads, kind == "s") for kind in plan + refine)
        self.modulation, self.last_modulation = nn.Linear(width, 6 * width), nn.Linear(width, 2 * width)
        self.modulation_bias = nn.Parameter(torch.zeros(len(self.blocks), 6 * width))
        self.flow_out = nn.Linear(width, PAIR * 3 * INSIDE)
        self.features = nn.Conv2d(CHANNELS, FEATURES, 3, padding=1)
        self.moved_in = nn.Linear(PAIR * (2 * CHANNELS + FEATURES) * INSIDE, width, bias=False)
        self.out = nn.Linear(width, PAIR * MAPS * INSIDE)
        self.sharpen = nn.Sequential(nn.Conv2d(2 * CHANNELS + FEATURES + MAPS, INNER, 3, padding=1), nn.SiLU(), nn.Conv2d(INNER, INNER, 3, padding=1), nn.SiLU(), nn.Conv2d(INNER, CHANNELS, 3, padding=1))
        self.spread = nn.Parameter(torch.zeros(1, 1, CHANNELS, 1, 1))
        for layer in (self.modulation, self.last_modulation, self.sharpen[-1], self.flow_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # gates start at one, the blocks' own output matrices at zero
            self.modulation_bias.view(-1, 6, width)[:, [2, 5]] = 1
        self.register_buffer("frequencies", torch.exp(-math.log(1e4) * torch.arange(64) / 64), persistent=False)
        middle = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
        self.register_buffer("grid", torch.stack([middle.expand(SIDE, SIDE), middle[:, None].expand(SIDE, SIDE)], -1), persistent=False)

    def moved(self, first: torch.Tensor, flow: torch.Tensor, gain: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The scaled difference [B,16,4,16,16] of the first frame moved by the flow [B,16,16,16,2], and its features [B,16,F,16,16] moved likewise."""
        batch = first.shape[0]
        both = torch.cat([first, self.features(first.to(self.features.weight.dtype)).float()], 1)
        both = both[:, None].expand(-1, FRAMES, -1, -1, -1).flatten(0, 1)
        taken = F.grid_sample(both, flow.flatten(0, 1), mode="bilinear", padding_mode="border", align_corners=False).unflatten(0, (batch, FRAMES))
        ground = (first[:, :, :1, :1] + first[:, :, -1:, :1] + first[:, :, :1, -1:] + first[:, :, -1:, -1:])[:, None] / 4
        picture = ground + (1 + gain) * (taken[:, :, :CHANNELS] - ground)
        return (picture - first[:, None]) * self.shape["scale"], taken[:, :, CHANNELS:]

    def forward(self, latents, first, timestep, tokens, with_flow: bool = False):
        kind = self.noisy_in.weight.dtype
        batch, width = latents.shape[0], self.shape["width"]
        angles = 1000 * timestep[:, None].float() * self.frequencies
        condition = F.silu(self.time(torch.cat([angles.sin(), angles.cos()], 1).to(kind)) + self.sentence(tokens[:, 0].to(kind)))
        shared = self.modulation(condition).view(batch, 1, 1, 6, width)
        text = self.text_in(tokens.to(kind)) + self.text_place
        patches = first.reshape(batch, CHANNELS, SIDE // PATCH, PATCH, SIDE // PATCH, PATCH).permute(0, 2, 4, 1, 3, 5).reshape(batch, 1, PLACES, -1)
        still = self.first_in(patches.to(kind))
        x = torch.cat([still, self.noisy_in(to_patches(latents).to(kind)) + still], 1) + self.place + self.step
        planned = len(self.shape["plan"])
        for block, bias in zip(self.blocks[:planned], self.modulation_bias[:planned]):
            x = block(x, text, *(shared + bias.view(1, 1, 1, 6, width)).unbind(3))
        said = from_patches(self.flow_out(F.layer_norm(x[:, 1:], (width,))).float(), 3)
        flow, gain = self.grid + said[:, :, :2].permute(0, 1, 3, 4, 2), said[:, :, 2:]
        guess, features = self.moved(first.float(), flow, gain)
        t = timestep.float().view(-1, 1, 1, 1, 1)
        rest = latents - (1 - t) * guess
        x = torch.cat([x[:, :1], x[:, 1:] + self.moved_in(to_patches(torch.cat([guess, rest, features], 2)).to(kind))], 1)
        for block, bias in zip(self.blocks[planned:], self.modulation_bias[planned:]):
            x = block(x, text, *(shared + bias.view(1, 1, 1, 6, width)).unbind(3))
        scale, shift = self.last_modulation(condition)[:, None, None].chunk(2, -1)
        maps = from_patches(self.out(F.layer_norm(x[:, 1:], (width,)) * (1 + scale) + shift), MAPS)
        seen = torch.cat([guess.to(kind), rest.to(kind), features.to(kind), maps], 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        correction = self.sharpen(seen).float().unflatten(0, (batch, FRAMES)) + maps[:, :, :CHANNELS].float()
        # The best guess of the velocity if the moved first frame were right up to a normal error of this variance.
        variance = self.spread.float().exp()
        velocity = (t - (1 - t) * variance) / (t * t + (1 - t) ** 2 * variance) * rest - guess + correction
        return (velocity, flow) if with_flow else velocity
