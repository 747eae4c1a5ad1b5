"""The video transformer that ships: motion curves by a small diffusion transformer, then the first frame moved along them. Knows no data.

A planner draws 16 x 7 curves (place, size, turn, opacity, light) by flow matching in the space of curves, from the text, the first frame's outline and
noise; its steps are unrolled in the graph. The noise is read off frame 0: its difference is zero, so x_t / t there is the noise that sampling
began with, at every step. The first frame's latents are moved along the curves and repainted by convolutions; the velocity leads there.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from training.image.transformer import Block

FRAMES, CURVES, TEXT_TOKENS, TEXT_WIDTH, SIDE = 16, 7, 16, 384, 16
#: What leaves on one side comes back on the other after this length (motions.move).
WRAP = 3.5
#: Deviations of the curves x, y, log width, log height, turn, 1 - opacity, light: what the planner's numbers are multiplied by.
SPREAD = (0.8, 0.7, 0.25, 0.25, 1.0, 0.35, 0.35)


class CurveBlock(Block):
    """The picture transformer's block with sizes that a tracing exporter sees as constants."""

    def forward(self, x, scale1, shift1, gate1, scale2, shift2, gate2):
        width = self.qkv.in_features
        y = F.layer_norm(x, (width,)) * (1 + scale1) + shift1
        q, k, v = self.qkv(y).view(-1, FRAMES + TEXT_TOKENS + 1, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = F.normalize(q.float(), dim=-1) * self.temperature, F.normalize(k.float(), dim=-1)
        attended = (q @ k.transpose(-1, -2)).softmax(-1) @ v.float()
        x = x + gate1 * self.out(attended.transpose(1, 2).reshape(-1, FRAMES + TEXT_TOKENS + 1, width).to(y.dtype))
        y = F.layer_norm(x, (width,)) * (1 + scale2) + shift2
        return x + gate2 * self.down(F.gelu(self.up(y), approximate="tanh"))


class Planner(nn.Module):
    """curves [B,16,7] seen through noise, timestep [B], tokens [B,16,384], outline [B,256] to the velocity of the curves [B,16,7]."""

    def __init__(self, width: int = 192, blocks: int = 4, heads: int = 3):
        super().__init__()
        self.width = width
        self.curves_in, self.text_in, self.outline_in = nn.Linear(CURVES, width), nn.Linear(TEXT_WIDTH, width), nn.Linear(SIDE * SIDE, width)
        self.place = nn.Parameter(0.02 * torch.randn(1, FRAMES + TEXT_TOKENS + 1, width))
        self.whole = nn.Linear(FRAMES * CURVES, width)
        self.time, self.sentence = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width)), nn.Linear(TEXT_WIDTH, width, bias=False)
        self.blocks = nn.ModuleList(CurveBlock(width, heads) for _ in range(blocks))
        self.modulation, self.modulation_bias = nn.Linear(width, 6 * width), nn.Parameter(torch.zeros(blocks, 6 * width))
        self.out = nn.Linear(width, CURVES)
        for layer in (self.modulation, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.modulation_bias.view(blocks, 6, width)[:, [2, 5]] = 1
        self.register_buffer("frequencies", torch.exp(-math.log(1e4) * torch.arange(64) / 64), persistent=False)

    def forward(self, curves, timestep, tokens, outline):
        batch, width = curves.shape[0], self.width
        angles = 1000 * timestep[:, None] * self.frequencies
        condition = F.silu(self.time(torch.cat([angles.sin(), angles.cos()], 1)) + self.sentence(tokens[:, 0]) + self.whole(curves.reshape(batch, FRAMES * CURVES)))
        shared = self.modulation(condition).view(batch, 1, 6, width)
        x = torch.cat([self.curves_in(curves), self.text_in(tokens), self.outline_in(outline)[:, None]], 1) + self.place
        for block, bias in zip(self.blocks, self.modulation_bias):
            x = block(x, *(shared + bias.view(1, 1, 6, width)).unbind(2))
        return self.out(F.layer_norm(x[:, :FRAMES], (width,)))


def ground_of(first: torch.Tensor) -> torch.Tensor:
    """The mean of the four corners [B,4,1,1]."""
    return (first[:, :, :1, :1] + first[:, :, -1:, :1] + first[:, :, :1, -1:] + first[:, :, -1:, -1:]) / 4


def outline_of(first: torch.Tensor) -> torch.Tensor:
    """How far each latent pixel is from the ground [B,256]."""
    return (first - ground_of(first)).abs().mean(1).clamp(max=2).flatten(1)


class Painter(nn.Module):
    """The first frame [n,4,16,16] moved along curves [n,7] (in their own units) to the latents of that frame [n,4,16,16]."""

    def __init__(self, inner: int = 64):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(10, inner, 3, padding=1), nn.SiLU(), nn.Conv2d(inner, inner, 3, padding=1), nn.SiLU(), nn.Conv2d(inner, inner, 3, padding=1), nn.SiLU(), nn.Conv2d(inner, 4, 3, padding=1))
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)
        middle = (torch.arange(SIDE) + 0.5) * 2 / SIDE - 1
        self.register_buffer("grid", torch.stack([middle.expand(SIDE, SIDE), middle[:, None].expand(SIDE, SIDE)], -1), persistent=False)

    def forward(self, first, curves):
        x, y, wide, high, turn, faded, light = (curves[:, i].view(-1, 1, 1) for i in range(CURVES))
        ground = ground_of(first)
        cosine, sine = turn.cos(), turn.sin()
        x, y = (v - WRAP * torch.floor(v / WRAP + 0.5) for v in (x, y))

        def taken(shift_x, shift_y):
            away_x, away_y = self.grid[None, :, :, 0] - shift_x, self.grid[None, :, :, 1] - shift_y
            place = torch.stack([(cosine * away_x + sine * away_y) / wide.exp(), (cosine * away_y - sine * away_x) / high.exp()], -1)
            return F.grid_sample(first - ground, place, mode="bilinear", padding_mode="zeros", align_corners=False)

        # The copies one length behind come in while the drawing goes out.
        behind_x, behind_y = (v - WRAP * torch.where(v > 0, 1.0, -1.0) for v in (x, y))
        moved = taken(x, y) + taken(behind_x, y) + taken(x, behind_y)
        shown = ground + moved * (1 - faded)[:, None]
        maps = [v[:, None].expand(-1, 1, SIDE, SIDE) for v in (faded, light)]
        return shown + self.layers(torch.cat([shown, moved, *maps], 1))


class Mover(nn.Module):
    """latents [B,16,4,16,16] (scaled differences to `first`), first [B,4,16,16], timestep [B] in 0..1, tokens [B,16,384] to velocity [B,16,4,16,16]."""

    def __init__(self, planner: Planner, painter: Painter, scale: float, steps: int = 6, guidance: float = 1.5):
        super().__init__()
        self.planner, self.painter, self.scale, self.steps, self.guidance = planner, painter, scale, steps, guidance
        self.shape = dict(scale=scale, steps=steps, guidance=guidance)
        self.register_buffer("spread", torch.tensor(SPREAD), persistent=False)

    def plan(self, noise, tokens, first):
        """Curves [B,16,7] in their own units from noise [B,16,7]; frame 0 is at rest."""
        outline, x, none = outline_of(first), noise, torch.zeros_like(tokens)
        levels = [1 - k / self.steps for k in range(self.steps + 1)]
        levels = [2 * t / (1 + t) for t in levels]
        for now, after in zip(levels[:-1], levels[1:]):
            t = torch.full_like(x[:, 0, 0], now)
            v = self.planner(x, t, tokens, outline)
            if self.guidance != 1:
                u = self.planner(x, t, none, outline)
                v = u + self.guidance * (v - u)
            x = x + (after - now) * v
        still = x * self.spread
        return torch.cat([torch.zeros_like(still[:, :1]), still[:, 1:]], 1)

    def forward(self, latents, first, timestep, tokens):
        batch = latents.shape[0]
        t = timestep.clamp(min=1e-3).view(-1, 1, 1, 1, 1)
        noise = (latents[:, 0] / t[:, 0]).reshape(batch, 1024)[:, : FRAMES * CURVES].reshape(batch, FRAMES, CURVES)
        curves = self.plan(noise, tokens, first).reshape(batch * FRAMES, CURVES)
        each = first[:, None].expand(-1, FRAMES, -1, -1, -1)
        frames = self.painter(each.reshape(batch * FRAMES, 4, SIDE, SIDE), curves).view(batch, FRAMES, 4, SIDE, SIDE)
        wanted = (frames - each) * self.scale
        wanted = torch.cat([torch.zeros_like(wanted[:, :1]), wanted[:, 1:]], 1)
        return (latents - wanted) / t
