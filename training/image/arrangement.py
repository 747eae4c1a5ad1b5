"""The reader of arrangements: says of a text whether it asks for one picture or for two things and where, and gives the words of each.

Conditioning tokens [B,16,384] to (logits of KINDS [B,7], tokens of the first thing [B,16,384], tokens of the second).
The first stands left or above; of an order that adds or replaces, the second is the new thing. Knows no pixels.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from training.image.transformer import TEXT_TOKENS, TEXT_WIDTH

#: What a text asks for. An `add` without a side takes the one that is free.
KINDS = ("whole", "beside", "above", "add left", "add right", "add", "replace")


class Layer(nn.Module):
    """Attention of all to all, normalised before, and a feed-forward network."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, present):
        batch, count, width = x.shape
        q, k, v = self.qkv(self.first(x)).view(batch, count, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=present)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, count, width))
        return x + self.down(F.gelu(self.up(self.second(x))))


class Arrangement(nn.Module):
    def __init__(self, width: int = 256, layers: int = 2, heads: int = 4):
        super().__init__()
        self.text_in = nn.Linear(TEXT_WIDTH, width)
        #: One token to decide by, and 16 for each of the two things.
        self.asked = nn.Parameter(0.02 * torch.randn(1, 1 + 2 * TEXT_TOKENS, width))
        self.place = nn.Parameter(0.02 * torch.randn(1, TEXT_TOKENS, width))
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm, self.kind = nn.LayerNorm(width), nn.Linear(width, len(KINDS))
        self.words, self.there = nn.Linear(width, TEXT_WIDTH), nn.Linear(width, 1)

    def forward(self, tokens):
        batch = tokens.shape[0]
        x = torch.cat([self.asked.expand(batch, -1, -1), self.text_in(tokens) + self.place], 1)
        said = tokens.abs().sum(-1) > 0
        present = torch.cat([torch.ones_like(said[:, :1]).expand(-1, self.asked.shape[1]), said], 1)
        present = torch.where(present, 0.0, -1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, present)
        x = self.norm(x)
        asked = x[:, 1 : 1 + 2 * TEXT_TOKENS]
        first, second = (self.words(asked) * self.there(asked).sigmoid()).chunk(2, 1)
        return self.kind(x[:, 0]), first, second
