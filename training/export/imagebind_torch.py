"""ImageBind's six encoders (Girdhar et al., arXiv 2305.05665) in plain PyTorch, with the tensor names of the released checkpoint.

Written anew from the published facts of the architecture; knows no file and no preprocessing. Attention is written out, so that
an exporter sees products and a softmax; `bias_kv` appends one learned key and value to each attention, as torch's
MultiheadAttention(add_bias_kv=True) does.
"""
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Trunk:
    dim: int
    blocks: int
    heads: int
    bias_kv: bool = False


@dataclass(frozen=True)
class Shape:
    """Widths of a model; sizes of the inputs are those of every ImageBind."""
    trunks: dict[str, Trunk]
    out: int
    vocabulary: int
    context: int = 77


HUGE = Shape({'vision': Trunk(1280, 32, 16), 'text': Trunk(1024, 24, 16), 'audio': Trunk(768, 12, 12, True), 'depth': Trunk(384, 12, 8, True),
              'thermal': Trunk(768, 12, 12, True), 'imu': Trunk(512, 6, 8, True)}, 1024, 49408)
#: Factors on the unit vectors that the training's softmax needs; similarity of any two modalities is that of unit vectors.
SCALES = {'vision': 1.0, 'text': None, 'audio': 20.0, 'depth': 5.0, 'thermal': 10.0, 'imu': 5.0}


def norm(dim: int) -> nn.LayerNorm:
    return nn.LayerNorm(dim, eps=1e-6)


class Attention(nn.Module):
    def __init__(self, trunk: Trunk):
        super().__init__()
        self.heads = trunk.heads
        self.in_proj_weight = nn.Parameter(torch.randn(3 * trunk.dim, trunk.dim) * trunk.dim ** -0.5)
        self.in_proj_bias = nn.Parameter(torch.randn(3 * trunk.dim) * 0.02)
        self.out_proj = nn.Linear(trunk.dim, trunk.dim)
        self.bias_k = nn.Parameter(torch.randn(1, 1, trunk.dim)) if trunk.bias_kv else None
        self.bias_v = nn.Parameter(torch.randn(1, 1, trunk.dim)) if trunk.bias_kv else None

    def forward(self, x, mask):
        batch, _, dim = x.shape
        q, k, v = nn.functional.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
        if self.bias_k is not None:
            k = torch.cat([k, self.bias_k.expand(batch, 1, dim)], 1)
            v = torch.cat([v, self.bias_v.expand(batch, 1, dim)], 1)
        q, k, v = (t.reshape(batch, -1, self.heads, dim // self.heads).transpose(1, 2) for t in (q, k, v))
        scores = q @ k.transpose(-1, -2) * (dim // self.heads) ** -0.5
        weights = (scores if mask is None else scores + mask).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(batch, -1, dim))


class Mlp(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x):
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, trunk: Trunk):
        super().__init__()
        self.attn, self.norm_1, self.mlp, self.norm_2 = Attention(trunk), norm(trunk.dim), Mlp(trunk.dim), norm(trunk.dim)

    def forward(self, x, mask):
        x = x + self.attn(self.norm_1(x), mask)
        return x + self.mlp(self.norm_2(x))


class Blocks(nn.Module):
    def __init__(self, trunk: Trunk, first_norm: bool):
        super().__init__()
        self.pre_transformer_layer = nn.Sequential(norm(trunk.dim) if first_norm else nn.Identity())
        self.blocks = nn.ModuleList(Block(trunk) for _ in range(trunk.blocks))

    def forward(self, x, mask=None):
        x = self.pre_transformer_layer(x)
        for block in self.blocks:
            x = block(x, mask)
        return x


class Stem(nn.Module):
    """Patches to tokens: `proj` is a convolution or a linear layer without bias, or a sequence whose second part is one."""

    def __init__(self, proj: nn.Module, dim: int, with_norm: bool):
        super().__init__()
        self.proj, self.norm_layer = proj, nn.LayerNorm(dim) if with_norm else nn.Identity()

    def forward(self, x):
        x = self.proj(x)
        return self.norm_layer(x if x.ndim == 3 else x.flatten(2).transpose(1, 2))


class Positions(nn.Module):
    def __init__(self, count: int, dim: int):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.randn(1, count, dim) * 0.02)


class Patches(nn.Module):
    """A picture or spectrogram to tokens, the class token first. `stem` is the name under which the checkpoint keeps the patches' weights."""

    def __init__(self, stem: str, proj: nn.Module, count: int, dim: int, with_norm: bool = True):
        super().__init__()
        self.stem = stem
        setattr(self, stem, Stem(proj, dim, with_norm))
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos_embedding_helper = Positions(count + 1, dim)

    def forward(self, x):
        x = getattr(self, self.stem)(x)
        return torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embedding_helper.pos_embed


class Motion(nn.Module):
    """[B, 6, 2000] readings to 250 tokens of 8 steps each, the class token first."""

    def __init__(self, dim: int, steps: int = 2000, kernel: int = 8):
        super().__init__()
        self.kernel = kernel
        self.imu_stem = Stem(nn.Linear(6 * kernel, dim, bias=False), dim, True)
        self.cls_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos_embed = nn.Parameter(torch.randn(1, steps // kernel + 1, dim) * 0.02)

    def forward(self, x):
        x = x.reshape(x.shape[0], x.shape[1], -1, self.kernel).transpose(1, 2).reshape(x.shape[0], -1, x.shape[1] * self.kernel)
        x = self.imu_stem(x)
        return torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embed


class Words(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        dim = shape.trunks['text'].dim
        self.token_embedding = nn.Embedding(shape.vocabulary, dim)
        self.pos_embed = nn.Parameter(torch.randn(1, shape.context, dim) * 0.02)
        self.register_buffer('mask', torch.full((shape.context, shape.context), float('-inf')).triu(1))

    def forward(self, ids):
        return self.token_embedding(ids) + self.pos_embed


class First(nn.Module):
    def forward(self, x):
        return x[:, 0]


class TextHead(nn.Module):
    def __init__(self, dim: int, out: int):
        super().__init__()
        self.proj = nn.Sequential(norm(dim), nn.Linear(dim, out, bias=False))


class Scale(nn.Module):
    """Only there to take the checkpoint's value: a unit vector times a number is as near to others as without it."""

    def __init__(self, value: float | None):
        super().__init__()
        if value is None:
            self.log_logit_scale = nn.Parameter(torch.tensor([1 / 0.07]).log())
        else:
            self.register_buffer('log_logit_scale', torch.tensor([value]).log())


class TwoFrames(nn.Module):
    """A still picture [B, 3, H, W] stands for two equal frames; [B, 3, 2, H, W] is a clip."""

    def forward(self, x):
        return x if x.ndim == 5 else x.unsqueeze(2).expand(-1, -1, 2, -1, -1)


class ImageBind(nn.Module):
    """Each modality's input to a unit vector [B, out]; has the modalities that the shape names a trunk for."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        dims = {name: trunk.dim for name, trunk in shape.trunks.items()}

        def plane(dim):
            return nn.Conv2d(1, dim, 16, 16, bias=False)

        def head(dim, *between):
            return nn.Sequential(norm(dim), First(), *between, nn.Linear(dim, shape.out, bias=False))

        words = {
            'vision': lambda dim: Patches('rgbt_stem', nn.Sequential(TwoFrames(), nn.Conv3d(3, dim, (2, 14, 14), (2, 14, 14), bias=False)), 256, dim, False),
            'text': lambda dim: Words(shape),
            'audio': lambda dim: Patches('rgbt_stem', nn.Conv2d(1, dim, 16, 10, bias=False), 228, dim),
            'depth': lambda dim: Patches('depth_stem', plane(dim), 196, dim),
            'thermal': lambda dim: Patches('rgbt_stem', plane(dim), 196, dim),
            'imu': Motion,
        }
        heads = {'text': lambda dim: TextHead(dim, shape.out), 'imu': lambda dim: head(dim, nn.Dropout(0.5))}
        self.modality_preprocessors = nn.ModuleDict({name: words[name](dim) for name, dim in dims.items()})
        self.modality_trunks = nn.ModuleDict({name: Blocks(trunk, name == 'vision') for name, trunk in shape.trunks.items()})
        self.modality_heads = nn.ModuleDict({name: heads.get(name, head)(dim) for name, dim in dims.items()})
        self.modality_postprocessors = nn.ModuleDict({name: nn.Sequential(nn.Identity(), Scale(SCALES[name])) for name in dims if name != 'vision'})

    def forward(self, modality: str, x):
        trunk, words = self.modality_trunks[modality], self.modality_preprocessors[modality]
        if modality == 'text':
            y = trunk(words(x), words.mask)
            # The end of a text has the largest id of all.
            end = y.gather(1, x.argmax(-1)[:, None, None].expand(-1, 1, y.shape[-1]))[:, 0]
            y = self.modality_heads['text'].proj(end)
        else:
            y = self.modality_heads[modality](trunk(words(x)))
        return y / y.norm(dim=-1, keepdim=True).clamp(min=1e-12)
