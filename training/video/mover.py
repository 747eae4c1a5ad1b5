"""The video transformer that ships: a motion chosen from a book by the words, then the first frame moved along its curves. Knows no data.

A planner reads the words, gives every motion of the book its probability and draws one; a motion is 16 x 7 curves (place, size, turn, opacity, light). The noise is read off frame 0:
its difference is zero, so x_t / t there is the noise that sampling began with, at every step. The first frame's latents are moved along the curves and repainted by convolutions;
the velocity leads there.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

FRAMES, CURVES, TEXT_TOKENS, TEXT_WIDTH, SIDE = 16, 7, 16, 384, 16
#: What leaves on one side comes back on the other after this length (motions.move).
WRAP = 3.5


class Reader(nn.Module):
    """tokens [B,16,384] to logits [B,MOTIONS]: which motion the words ask for. A small transformer, since what goes from left to right and from right to left differs in order alone."""

    def __init__(self, motions: int, width: int = 192, blocks: int = 3, heads: int = 3):
        super().__init__()
        self.width, self.heads = width, heads
        self.words_in, self.sentence = nn.Linear(TEXT_WIDTH, width), nn.Linear(TEXT_WIDTH, width, bias=False)
        self.place = nn.Parameter(0.02 * torch.randn(1, TEXT_TOKENS, width))
        self.layers = nn.ModuleList(nn.ModuleDict({"qkv": nn.Linear(width, 3 * width, bias=False), "out": nn.Linear(width, width, bias=False), "up": nn.Linear(width, 3 * width), "down": nn.Linear(3 * width, width)}) for _ in range(blocks))
        self.say = nn.Linear(width, motions)
        for layer in self.layers:
            nn.init.zeros_(layer["out"].weight)
            nn.init.zeros_(layer["down"].weight)

    def forward(self, tokens):
        x = self.words_in(tokens) + self.place
        x = torch.cat([x[:, :1] + self.sentence(tokens[:, :1]), x[:, 1:]], 1)
        for layer in self.layers:
            q, k, v = layer["qkv"](F.layer_norm(x, (self.width,))).view(-1, TEXT_TOKENS, 3, self.heads, self.width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            attended = (q @ k.transpose(-1, -2) * (self.width // self.heads) ** -0.5).softmax(-1) @ v
            x = x + layer["out"](attended.transpose(1, 2).reshape(-1, TEXT_TOKENS, self.width))
            x = x + layer["down"](F.gelu(layer["up"](F.layer_norm(x, (self.width,))), approximate="tanh"))
        return self.say(F.layer_norm(x[:, 0], (self.width,)))


class Planner(nn.Module):
    """Draws one motion of a book [MOTIONS, EACH, 16, 7] by the words' probabilities: tokens [B,16,384] and noise [B,112] to curves [B,16,7] in their own units.

    The noise makes both choices (the larger of logits and Gumbel noise: Maddison 2014), so that the same noise and words are the same motion. `sure` sharpens the first.
    """

    def __init__(self, motions: int, each: int, sure: float = 2.0):
        super().__init__()
        self.sure, self.reader = sure, Reader(motions)
        self.register_buffer("book", torch.zeros(motions, each, FRAMES, CURVES))

    def forward(self, tokens, noise):
        motions, each = self.book.shape[:2]
        even = (0.5 + 0.5 * torch.erf(noise[:, :motions] * 0.70710678)).clamp(1e-4, 1 - 1e-4)
        which = (self.sure * self.reader(tokens) - (-even.log()).log()).argmax(1)
        return self.book.flatten(0, 1)[which * each + noise[:, motions : motions + each].argmax(1)]


def ground_of(first: torch.Tensor) -> torch.Tensor:
    """The mean of the four corners [B,4,1,1]."""
    return (first[:, :, :1, :1] + first[:, :, -1:, :1] + first[:, :, :1, -1:] + first[:, :, -1:, -1:]) / 4


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

    def __init__(self, planner: Planner, painter: Painter, scale: float):
        super().__init__()
        self.planner, self.painter, self.scale = planner, painter, scale
        self.shape = dict(scale=scale)

    def forward(self, latents, first, timestep, tokens):
        batch = latents.shape[0]
        t = timestep.clamp(min=1e-3).view(-1, 1, 1, 1, 1)
        noise = (latents[:, 0] / t[:, 0]).reshape(batch, 1024)[:, : FRAMES * CURVES]
        curves = self.planner(tokens, noise).reshape(batch * FRAMES, CURVES)
        each = first[:, None].expand(-1, FRAMES, -1, -1, -1)
        frames = self.painter(each.reshape(batch * FRAMES, 4, SIDE, SIDE), curves).view(batch, FRAMES, 4, SIDE, SIDE)
        wanted = (frames - each) * self.scale
        wanted = torch.cat([torch.zeros_like(wanted[:, :1]), wanted[:, 1:]], 1)
        return (latents - wanted) / t
