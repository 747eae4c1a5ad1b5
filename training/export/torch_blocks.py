"""A matrix in blocks of 32 with 4 or 8 bits a value, as MatMulNBits has it, as a frozen part of a module in PyTorch: it is made dense for one product at a time.

A base model in 4 bits takes 5 bits a value so, gradients going through it and not to it (QLoRA, arXiv 2305.14314). Knows no model.
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

BLOCK = 32


class Blocks(nn.Module):
    """value = scale * (code - zero). codes uint8 [out, blocks, 32 * bits / 8], the even value in the low half of a byte; scales and zeros [out, blocks]."""

    def __init__(self, codes: np.ndarray, scales: np.ndarray, zeros: np.ndarray, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.bits, self.dtype = codes.shape[-1] * 8 // BLOCK, dtype
        if self.bits == 4 and zeros.shape != scales.shape:
            zeros = np.stack([zeros & 15, zeros >> 4], -1).reshape(len(zeros), -1)[:, :scales.shape[1]]
        # Scales were float16 before they were widened for the graph.
        for name, array in (('codes', codes), ('scales', scales.astype(np.float16)), ('zeros', zeros)):
            self.register_buffer(name, torch.from_numpy(np.array(array)))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.codes), self.codes.shape[1] * BLOCK

    def dense(self, rows: torch.Tensor | None = None) -> torch.Tensor:
        """[out, in], or the rows [...] of it, [..., in]"""
        codes, scales, zeros = (part if rows is None else part[rows] for part in (self.codes, self.scales, self.zeros))
        if self.bits == 4:
            codes = torch.stack([codes & 15, codes >> 4], -1).flatten(-2)
        return ((codes.to(self.dtype) - zeros[..., None].to(self.dtype)) * scales[..., None].to(self.dtype)).flatten(-2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x [..., in] to [..., out]"""
        return Product.apply(x, self)


class Product(torch.autograd.Function):
    """A product that keeps neither its input nor the dense matrix: the matrix is made again for the gradient."""

    @staticmethod
    def forward(context, x, blocks):
        context.blocks = blocks
        return F.linear(x, blocks.dense())

    @staticmethod
    def backward(context, gradient):
        return gradient @ context.blocks.dense(), None
