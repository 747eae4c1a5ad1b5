"""NExT-GPT's output projector: the states of a group of signal tokens to the conditioning tokens of a decoder, and the same as plain products.

Source: NExT-GPT-Lagacy/code/model/layers.py, `TextFcLayer` in mode `transformer`, at 60d618b. Parameter names are those of the released checkpoint.
"""
import torch
from torch import nn


class TransformerProjector(nn.Module):
    """hidden, embedded [1, n, wide] -> [1, n_out, out]; parameter names are those of the released checkpoint."""

    def __init__(self, wide: int, out: int, n_out: int, width: int = 512, heads: int = 4, feed_forward: int = 2048, layers: int = 4):
        super().__init__()
        self.fc = nn.Linear(wide, width)
        self.tfm = nn.Transformer(width, heads, layers, layers, feed_forward, dropout=0.0, norm_first=True, batch_first=True)
        self.model = nn.Linear(width, out)
        self.query_embs = nn.Parameter(torch.randn(1, n_out, width))

    def forward(self, hidden, embedded):
        x = self.fc(hidden + embedded)
        return self.model(self.tfm(x, self.query_embs.repeat(x.shape[0], 1, 1)))


class TransformerProjectorGraph(nn.Module):
    """The same function in plain products, so that the exported graph takes any n; reads the modules of a TransformerProjector."""

    def __init__(self, source: TransformerProjector):
        super().__init__()
        self.source, self.heads = source, source.tfm.nhead

    def attention(self, layer: nn.MultiheadAttention, x, memory):
        width = x.shape[-1]
        q, k, v = ((x if i == 0 else memory) @ w.T + b for i, (w, b) in enumerate(
            zip(layer.in_proj_weight.split(width), layer.in_proj_bias.split(width))))
        q, k, v = (t.view(1, -1, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v))
        weights = (q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5).softmax(-1)
        return layer.out_proj((weights @ v).transpose(1, 2).reshape(1, -1, width))

    def forward(self, hidden, embedded):
        s = self.source
        x = s.fc(hidden + embedded)
        for layer in s.tfm.encoder.layers:
            y = layer.norm1(x)
            x = x + self.attention(layer.self_attn, y, y)
            x = x + layer.linear2(layer.linear1(layer.norm2(x)).relu())
        memory, x = s.tfm.encoder.norm(x), s.query_embs
        for layer in s.tfm.decoder.layers:
            y = layer.norm1(x)
            x = x + self.attention(layer.self_attn, y, y)
            x = x + self.attention(layer.multihead_attn, layer.norm2(x), memory)
            x = x + layer.linear2(layer.linear1(layer.norm3(x)).relu())
        return s.model(s.tfm.decoder.norm(x))
