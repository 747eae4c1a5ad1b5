"""The sentence encoder's matrices on a 4-bit grid with little loss: GPTQ (arXiv 2210.17323), then scales, biases and norms tuned to the float32 model.

Works on a transformers BERT whose Linear layers become GridLinear; knows no ONNX and no size limit.
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LEVELS = 15
SHRINKS = torch.linspace(1.0, 0.6, 17)


def block_range(block: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and zero point [out] of one block [out, n]: the shrunken range with the least error, inputs weighted by `weight` [n]."""
    low, high = block.amin(1).clamp(max=0), block.amax(1).clamp(min=0)
    best, scale, zero = torch.full_like(low, torch.inf), torch.zeros_like(low), torch.zeros_like(low)
    for shrink in SHRINKS:
        s = ((high - low) * shrink / LEVELS).clamp(min=1e-6).half().float()
        z = (-low * shrink / s).round().clamp(0, LEVELS)
        q = ((block / s[:, None]).round() + z[:, None]).clamp(0, LEVELS)
        error = (((q - z[:, None]) * s[:, None] - block).square() * weight).sum(1)
        better = error < best
        best, scale, zero = torch.where(better, error, best), torch.where(better, s, scale), torch.where(better, z, zero)
    return scale, zero


def gptq(matrix: torch.Tensor, inputs: torch.Tensor, block: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes [out, in], scales and zeros [out, in / block] of a matrix [out, in] for inputs [n, in]."""
    hessian = inputs.T @ inputs / len(inputs)
    hessian += 0.01 * hessian.diagonal().mean() * torch.eye(len(hessian))
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    rest, codes, scales, zeros = matrix.clone(), torch.empty_like(matrix), [], []
    for start in range(0, matrix.shape[1], block):
        part, errors = rest[:, start:start + block], torch.empty(len(matrix), block)
        scale, zero = block_range(part, hessian.diagonal()[start:start + block])
        for i in range(block):
            column, factor = part[:, i], upper[start + i, start + i]
            code = ((column / scale).round() + zero).clamp(0, LEVELS)
            errors[:, i] = (column - (code - zero) * scale) / factor
            codes[:, start + i] = code
            part[:, i:] -= errors[:, i:i + 1] * upper[start + i, start + i:start + block]
        rest[:, start + block:] -= errors @ upper[start:start + block, start + block:]
        scales.append(scale)
        zeros.append(zero)
    return codes, torch.stack(scales, 1), torch.stack(zeros, 1)


class GridLinear(nn.Module):
    """A linear layer whose weights are (code - zero) * scale, with scale and bias free."""

    def __init__(self, source: nn.Linear, inputs: torch.Tensor, block: int):
        super().__init__()
        codes, scales, zeros = gptq(source.weight.detach(), inputs, block)
        self.block, self.scale, self.bias = block, nn.Parameter(scales), nn.Parameter(source.bias.detach().clone())
        self.register_buffer('codes', codes)
        self.register_buffer('zeros', zeros)

    def weight(self) -> torch.Tensor:
        grid = self.codes.view(len(self.codes), -1, self.block) - self.zeros[..., None]
        return (grid * self.scale[..., None]).flatten(1)

    def forward(self, x):
        return F.linear(x, self.weight(), self.bias)


class Seen(Exception):
    """Ends a calibration pass: what comes after the layer is not needed."""


def linear_names() -> list[str]:
    return ['attention.self.query', 'attention.self.key', 'attention.self.value', 'attention.output.dense', 'intermediate.dense', 'output.dense']


def quantise_layers(model, batches: list[dict], block: int, kept: set[str]) -> None:
    """Replaces the matrices of every layer in order, each calibrated on what the quantised layers before it put out; `kept` stay float."""
    for index, layer in enumerate(model.encoder.layer):
        for names in (linear_names()[:3], linear_names()[3:4], linear_names()[4:5], linear_names()[5:]):
            seen, handles = {n: [] for n in names}, []

            def watch(module, args, n):
                seen[n].append(args[0][current['attention_mask'].bool()])
                if n == names[-1]:
                    raise Seen

            for n in names:
                handles.append(layer.get_submodule(n).register_forward_pre_hook(lambda module, args, n=n: watch(module, args, n)))
            with torch.no_grad():
                for current in batches:
                    try:
                        model(**current)
                    except Seen:
                        pass
            for handle in handles:
                handle.remove()
            for n in names:
                if f'{index}.{n}' not in kept:
                    parent, leaf = n.rsplit('.', 1)
                    setattr(layer.get_submodule(parent), leaf, GridLinear(layer.get_submodule(n), torch.cat(seen[n]), block))
        print('layer', index, 'on the grid', flush=True)


def pooled(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return F.normalize((hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True), dim=-1)


def tune(model, teacher, batches: list[dict], steps: int, rate: float = 2e-4) -> None:
    """Moves scales, biases and norms so that tokens and embeddings come near to the teacher's; codes stay."""
    for p in model.parameters():
        p.requires_grad_(False)
    free = [p for n, p in model.encoder.named_parameters() if n.endswith(('scale', 'bias')) or 'LayerNorm' in n]
    free += list(model.embeddings.LayerNorm.parameters())
    for p in free:
        p.requires_grad_(True)
    optimiser, random = torch.optim.Adam(free, rate), np.random.RandomState(0)
    for step in range(steps):
        batch = batches[random.randint(len(batches))]
        mask = batch['attention_mask'].float()
        with torch.no_grad():
            want = teacher(**batch).last_hidden_state
        got = model(**batch).last_hidden_state
        near = 1 - F.cosine_similarity(got, want, dim=-1)[mask.bool()].mean()
        whole = 1 - (pooled(got, mask) * pooled(want, mask)).sum(-1).mean()
        loss = near + whole + 0.2 * (got - want).square().mean(-1)[mask.bool()].mean()
        for group in optimiser.param_groups:
            group['lr'] = rate * min(1, (step + 1) / 20) * (1 - step / steps)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 0 or step == steps - 1:
            print(f'tune {step}: tokens {1 - float(near.detach()):.4f}, embedding {1 - float(whole.detach()):.4f}', flush=True)
