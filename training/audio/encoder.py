"""The audio encoder: a small convolutional trunk over a log-mel and nine attention queries into the sentence encoder's space. Knows no data."""
import torch
from torch import nn

from training.encoder.model import Residual, Unit

WIDTH, TOKENS, HEADS, INNER, MIDDLE, HIGH = 384, 9, 4, 192, 128, 192
#: Maps of the trunk: mels x time.
FIRST, SECOND = (16, 16), (8, 8)


class AudioEncoder(nn.Module):
    """mel [B, 128, 256] (log-mels as they are) -> tokens [B, 9, 384] of unit length: 0 the whole, 1 what is played, 2 pitch, 3 speed, 4 loudness, 5 family,
    6 the class's word, 7 the second class's word, 8 the level over time and mels; joint [B, 384] is token 0."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 48, (8, 8), (4, 8), (2, 0)), nn.SiLU(), Unit(48, MIDDLE, 3, 2), Residual(MIDDLE, 64), Residual(MIDDLE, 64))
        self.high = nn.Sequential(Unit(MIDDLE, HIGH, 3, 2), Residual(HIGH, 96), Residual(HIGH, 96))
        self.keys, self.values = nn.ModuleList(nn.Linear(c, INNER) for c in (MIDDLE, HIGH)), nn.ModuleList(nn.Linear(c, INNER) for c in (MIDDLE, HIGH))
        count = FIRST[0] * FIRST[1] + SECOND[0] * SECOND[1]
        self.places, self.queries = nn.Parameter(torch.randn(count, INNER) * 0.05), nn.Parameter(torch.randn(TOKENS, INNER) * 0.05)
        self.mixer = nn.Sequential(nn.LayerNorm(INNER), nn.Linear(INNER, 384), nn.GELU(), nn.Linear(384, INNER))
        self.out, self.whole = nn.Linear(INNER, WIDTH), nn.Linear(HIGH + MIDDLE, WIDTH)

    def forward(self, mel):
        x = (mel.clamp(min=-8) + 4) / 3
        middle = self.trunk(x[:, None])
        high = self.high(middle)
        maps = [m.flatten(2).transpose(1, 2) for m in (middle, high)]
        keys, values = (torch.cat([layer(m) for layer, m in zip(layers, maps)], 1) + self.places for layers in (self.keys, self.values))
        split = lambda t: t.reshape(t.shape[0], -1, HEADS, INNER // HEADS).transpose(1, 2).float()
        weights = (split(self.queries[None]) @ split(keys).transpose(-1, -2)).mul((INNER // HEADS) ** -0.5 * 4).softmax(-1)
        gathered = (weights @ split(values)).transpose(1, 2).reshape(-1, TOKENS, INNER) + self.queries
        y = self.out(gathered + self.mixer(gathered)).float()
        mean = torch.cat([high.mean((2, 3)), middle.mean((2, 3))], 1)
        y = torch.cat([y[:, :1] + self.whole(mean)[:, None].float(), y[:, 1:]], 1)
        tokens = y / y.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        return tokens, tokens[:, 0]
