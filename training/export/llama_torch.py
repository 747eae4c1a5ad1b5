"""The same decoder in PyTorch, for calibration, measuring and low-rank tuning: causal over whole rows, no cache. Knows no prompt."""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from .llama_graph import linear_shapes
from .llama_weights import LINEARS, LlamaShape
from .torch_blocks import Blocks


def rotations(shape: LlamaShape, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, [length, head_width]"""
    inverse = torch.tensor(shape.frequencies, dtype=torch.float64) if shape.frequencies else shape.rope_base ** (-torch.arange(0, shape.head_width, 2, dtype=torch.float64) / shape.head_width)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), inverse).float().repeat(1, 2)
    return (angles.cos(), angles.sin()) if shape.rope_scale == 1 else (angles.cos() * shape.rope_scale, angles.sin() * shape.rope_scale)


def frozen(weight: np.ndarray | Blocks, dtype: torch.dtype):
    return weight if isinstance(weight, Blocks) else nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight)).to(dtype), requires_grad=False)


def product(x: torch.Tensor, weight) -> torch.Tensor:
    return weight(x) if isinstance(weight, Blocks) else F.linear(x, weight)


class Linear(nn.Module):
    """A frozen weight [out, in], with a bias or without, and, where rank > 0, a trained low-rank pair in float32: y = W x + up(down(x))."""

    def __init__(self, weight: np.ndarray | Blocks, rank: int, dtype: torch.dtype, bias: np.ndarray | None = None):
        super().__init__()
        self.weight = frozen(weight, dtype)
        self.bias = None if bias is None else frozen(bias, dtype)
        self.rank = rank
        if rank:
            self.down = nn.Parameter(torch.randn(rank, weight.shape[1]) * weight.shape[1] ** -0.5)
            self.up = nn.Parameter(torch.zeros(weight.shape[0], rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = product(x, self.weight)
        y = y if self.bias is None else y + self.bias
        return y + F.linear(F.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype)) if self.rank else y


class Norm(nn.Module):
    def __init__(self, weight: np.ndarray, epsilon: float):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.from_numpy(weight.copy()), requires_grad=False), epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight, self.epsilon)


class Layer(nn.Module):
    def __init__(self, shape: LlamaShape, weights: dict[str, np.ndarray], ranks: dict[str, int], dtype: torch.dtype):
        super().__init__()
        self.shape, self.dtype = shape, dtype
        self.attention_norm, self.inner_norm = Norm(weights["attention_norm"], shape.epsilon), Norm(weights["inner_norm"], shape.epsilon)
        for name in LINEARS:
            setattr(self, name, Linear(weights[name], ranks.get(name, 0), dtype, weights.get(f"{name}.bias")))
        if shape.head_norms:
            self.q_norm, self.k_norm = (Norm(weights[f"{kind}_norm"], shape.epsilon) for kind in "qk")

    def attend(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """The heads' results before the output projection, [b, n, width], from normed states"""
        shape = self.shape
        batch, length, _ = x.shape
        qkv = self.qkv(x).float().view(batch, length, -1, shape.head_width).transpose(1, 2)
        turned, value = qkv[:, : -shape.key_heads], qkv[:, -shape.key_heads :]
        if shape.head_norms:
            turned = torch.cat([self.q_norm(turned[:, : shape.heads]), self.k_norm(turned[:, shape.heads :])], 1)
        half = shape.head_width // 2
        turned = turned * cos + torch.cat([-turned[..., half:], turned[..., :half]], -1) * sin
        query, key = turned[:, : shape.heads], turned[:, shape.heads :]
        group = shape.heads // shape.key_heads
        read = F.scaled_dot_product_attention(query, key.repeat_interleave(group, 1), value.repeat_interleave(group, 1), is_causal=True)
        return read.transpose(1, 2).reshape(batch, length, -1).to(self.dtype)

    def gated(self, x: torch.Tensor) -> torch.Tensor:
        gate, up = self.gate_up(x).chunk(2, -1)
        return F.silu(gate) * up

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        x = x + self.o(self.attend(self.attention_norm(x).to(self.dtype), cos, sin)).float()
        return x + self.down(self.gated(self.inner_norm(x).to(self.dtype))).float()


class Decoder(nn.Module):
    """Frozen table and layers with optional adapters; added tokens have trained rows of their own at both ends. `head` where it is not the table; with `frugal`
    layers are computed again for their gradients, of which only the inputs are kept."""

    def __init__(self, shape: LlamaShape, layers: list[dict], norm: np.ndarray, table: np.ndarray | Blocks, ranks: dict[str, int] | None = None, added: int = 0,
                 dtype: torch.dtype = torch.float32, head: np.ndarray | Blocks | None = None, frugal: bool = False):
        super().__init__()
        self.shape, self.dtype, self.frugal = shape, dtype, frugal
        self.table = frozen(table, dtype)
        self.head = None if head is None else frozen(head, dtype)
        self.layers = nn.ModuleList(Layer(shape, weights, ranks or {}, dtype) for weights in layers)
        self.norm = Norm(norm, shape.epsilon)
        self.rows = nn.Parameter(torch.zeros(added, shape.width))
        self.head_rows = nn.Parameter(torch.zeros(added, shape.width))

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        ids_known = ids.clamp(max=self.shape.vocabulary - 1)
        known = (self.table.dense(ids_known) if isinstance(self.table, Blocks) else F.embedding(ids_known, self.table)).float()
        if not len(self.rows):
            return known
        fresh = F.embedding((ids - self.shape.vocabulary).clamp(min=0), self.rows)
        return torch.where((ids < self.shape.vocabulary)[..., None], known, fresh)

    def states(self, x: torch.Tensor) -> torch.Tensor:
        """Final normed states, float32 [b, n, width], of embeddings [b, n, width]"""
        cos, sin = (part.to(x.device) for part in rotations(self.shape, x.shape[1]))
        for layer in self.layers:
            x = checkpoint(layer, x, cos, sin, use_reentrant=False) if self.frugal else layer(x, cos, sin)
        return self.norm(x)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """float32 [..., vocabulary + added]"""
        known = product(states.to(self.dtype), self.table if self.head is None else self.head).float()
        return torch.cat([known, F.linear(states, self.head_rows)], -1) if len(self.rows) else known
