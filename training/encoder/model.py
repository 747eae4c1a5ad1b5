"""The image encoder: a small convolutional trunk and nine attention queries into the sentence encoder's space. Knows no data.

Batch normalisation folds into the convolutions at export. Channels-last under bf16 autocast when training.
"""
import torch
import torch.nn.functional as F
from torch import nn

WIDTH, TOKENS, HEADS, INNER, HIGH = 384, 9, 4, 192, 192


class Unit(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, wide: int, out: int, kernel: int = 3, stride: int = 1):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(wide, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)

    def forward(self, x):
        return F.silu(self.norm(self.conv(x)))


class Residual(nn.Module):
    """x + two units through half of the channels."""

    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.first, self.second = Unit(channels, inner, 3), Unit(inner, channels, 3)

    def forward(self, x):
        return x + self.second(self.first(x))


class ImageEncoder(nn.Module):
    """pixels [B, 3, 96, 96] in [-1, 1] -> tokens [B, 9, 384] of unit length: 0 the whole, 1 colour, 2 background, 3 count, 4 side,
    5 style, 6 and 7 the words of the left and the right thing, 8 the layout; joint [B, 384] is token 0."""

    def __init__(self):
        super().__init__()
        self.trunk12 = nn.Sequential(
            nn.PixelUnshuffle(4), Unit(48, 64), Unit(64, 128, 3, 2), Residual(128, 96), Residual(128, 96))
        self.trunk6 = nn.Sequential(Unit(128, HIGH, 3, 2), Residual(HIGH, 96), Residual(HIGH, 96))
        self.keys12, self.keys6 = nn.Linear(128, INNER), nn.Linear(HIGH, INNER)
        self.values12, self.values6 = nn.Linear(128, INNER), nn.Linear(HIGH, INNER)
        self.places = nn.Parameter(torch.randn(144 + 36, INNER) * 0.05)
        self.queries = nn.Parameter(torch.randn(TOKENS, INNER) * 0.05)
        self.mixer = nn.Sequential(nn.LayerNorm(INNER), nn.Linear(INNER, 384), nn.GELU(), nn.Linear(384, INNER))
        self.out, self.whole = nn.Linear(INNER, WIDTH), nn.Linear(HIGH, WIDTH)

    def features(self, pixels):
        """What the queries gathered [B, 9, INNER] and the mean of the last map [B, HIGH]."""
        middle = self.trunk12(pixels)
        high = self.trunk6(middle)
        flat12, flat6 = middle.flatten(2).transpose(1, 2), high.flatten(2).transpose(1, 2)
        keys = torch.cat([self.keys12(flat12), self.keys6(flat6)], 1) + self.places
        values = torch.cat([self.values12(flat12), self.values6(flat6)], 1) + self.places
        split = lambda t: t.reshape(t.shape[0], -1, HEADS, INNER // HEADS).transpose(1, 2).float()
        weights = (split(self.queries[None]) @ split(keys).transpose(-1, -2)).mul((INNER // HEADS) ** -0.5 * 4).softmax(-1)
        return (weights @ split(values)).transpose(1, 2).reshape(-1, TOKENS, INNER) + self.queries, high.mean((2, 3))

    def heads(self, gathered, mean):
        x = gathered + self.mixer(gathered)
        x = self.out(x).float()
        x = torch.cat([x[:, :1] + self.whole(mean)[:, None].float(), x[:, 1:]], 1)
        tokens = x / x.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        return tokens, tokens[:, 0]

    def forward(self, pixels):
        return self.heads(*self.features(pixels))
