"""A 4-bit grid of weight blocks as `MatMulNBits` reads it: value = scale * (code - zero), one scale and one zero a block of 32 inputs.

Scales are 8-bit steps on a logarithmic ladder above one number a matrix (double quantisation, as in QLoRA, arXiv 2305.14314 section 3):
4.375 bits a weight in all. Knows no model and no graph.
"""
from dataclasses import dataclass

import numpy as np

#: Weights that share a scale. 64 saves 2 % of the size and costs three times as much quality here (training/log.md).
BLOCK = 32
LEVELS = 15
#: Steps of the scales' ladder in a factor of two: 256 of them span 2^10.6, 3 % apart, finer than the search below needs.
STEPS = 24
#: Fractions of a block's full range that are tried as its quantised range.
SHRINKS = np.linspace(1.0, 0.62, 20, dtype=np.float32)


@dataclass
class BlockGrid:
    """codes [out, in], steps and zeros [out, in / BLOCK] as uint8; a block's scale is unit * 2^(step / STEPS)."""

    codes: np.ndarray
    steps: np.ndarray
    zeros: np.ndarray
    unit: np.ndarray

    def scales(self) -> np.ndarray:
        return ladder(self.steps, self.unit)

    def dequantise(self) -> np.ndarray:
        """float32 [out, in]"""
        blocks = self.codes.reshape(len(self.codes), -1, BLOCK).astype(np.float32) - self.zeros[..., None]
        return (blocks * self.scales()[..., None]).reshape(self.codes.shape)

    def packed_codes(self) -> np.ndarray:
        """uint8 [out, in / BLOCK, BLOCK / 2]; the even input is in the low nibble."""
        blocks = self.codes.reshape(len(self.codes), -1, BLOCK)
        return blocks[..., 0::2] | blocks[..., 1::2] << 4

    def packed_zeros(self) -> np.ndarray:
        """uint8 [out, ceil(in / BLOCK / 2)]; the even block is in the low nibble."""
        zeros = np.pad(self.zeros, ((0, 0), (0, self.zeros.shape[1] % 2)))
        return zeros[:, 0::2] | zeros[:, 1::2] << 4

    def size(self) -> int:
        """Bytes as shipped."""
        return self.packed_codes().size + self.steps.size + self.packed_zeros().size


def ladder(steps: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """float32 scales"""
    return unit * np.exp2(steps.astype(np.float32) * np.float32(1 / STEPS))


def unit_for(weights: np.ndarray) -> np.ndarray:
    """The lowest scale, float32 scalar: the ladder's top is half an octave above what the widest block needs."""
    return np.float32(max(np.abs(weights).max(), 1e-6) * 2 / LEVELS * 2 ** (0.5 - 255 / STEPS))


def fit_block(block: np.ndarray, unit: np.ndarray, importance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best steps and zeros (uint8 [out] each) of one block [out, BLOCK] under squared error weighted by importance [BLOCK] or
    [out, BLOCK], by search over SHRINKS of the range and, for each, the two zeros that keep its middle or its proportions."""
    low, high = np.minimum(block.min(-1), 0), np.maximum(block.max(-1), 0)
    best = np.full(len(block), np.inf, np.float32)
    best_step, best_zero = np.zeros(len(block), np.uint8), np.zeros(len(block), np.uint8)
    for shrink in SHRINKS:
        step = np.clip(np.rint(STEPS * np.log2(np.maximum((high - low) * shrink / LEVELS, 1e-12) / unit)), 0, 255).astype(np.uint8)
        scale = ladder(step, unit)
        for lowest in (low * shrink, low * shrink + (high + low) * (1 - shrink) / 2):
            zero = np.clip(np.rint(-lowest / scale), 0, LEVELS)
            rounded = (np.clip(np.rint(block / scale[:, None]) + zero[:, None], 0, LEVELS) - zero[:, None]) * scale[:, None]
            error = ((rounded - block) ** 2 * importance).sum(-1)
            better = error < best
            best[better], best_step[better], best_zero[better] = error[better], step[better], zero[better]
    return best_step, best_zero


def round_to_grid(weights: np.ndarray, importance: np.ndarray | None = None) -> BlockGrid:
    """Round-to-nearest with a searched scale per block; importance [in] weighs the inputs' errors (their mean square, say)."""
    unit = unit_for(weights)
    importance = np.ones(weights.shape[1], np.float32) if importance is None else importance.astype(np.float32)
    codes, steps, zeros = [], [], []
    for start in range(0, weights.shape[1], BLOCK):
        block = weights[:, start : start + BLOCK]
        step, zero = fit_block(block, unit, importance[start : start + BLOCK])
        codes.append(np.clip(np.rint(block / ladder(step, unit)[:, None]) + zero[:, None], 0, LEVELS).astype(np.uint8))
        steps.append(step)
        zeros.append(zero)
    return BlockGrid(np.concatenate(codes, 1), np.stack(steps, 1), np.stack(zeros, 1), unit)


def compensate(weights: np.ndarray, second_moment: np.ndarray, damping: float = 0.01) -> BlockGrid:
    """GPTQ (arXiv 2210.17323, algorithm 1, no reordering): columns are rounded in order and each one's error is spread over the columns
    not yet rounded, in the metric of second_moment = E[x x^T], [in, in]. Scales are searched when their block is reached."""
    weights = weights.astype(np.float32).copy()
    unit, width = unit_for(weights), weights.shape[1]
    metric = second_moment.astype(np.float64).copy()
    dead = np.diag(metric) <= 0
    metric[dead, dead] = 1
    metric[np.diag_indices(width)] += damping * np.mean(np.diag(metric))
    importance = np.diag(metric).astype(np.float32)
    upper = np.linalg.cholesky(np.linalg.inv(metric)).T.astype(np.float32)
    codes = np.zeros(weights.shape, np.uint8)
    steps = np.zeros((len(weights), width // BLOCK), np.uint8)
    zeros = np.zeros_like(steps)
    for index, start in enumerate(range(0, width, BLOCK)):
        block = weights[:, start : start + BLOCK]
        steps[:, index], zeros[:, index] = fit_block(block, unit, importance[start : start + BLOCK])
        scale, zero = ladder(steps[:, index], unit), zeros[:, index].astype(np.float32)
        errors = np.zeros_like(block)
        for column in range(BLOCK):
            at = start + column
            value = block[:, column]
            code = np.clip(np.rint(value / scale) + zero, 0, LEVELS)
            codes[:, at] = code
            errors[:, column] = (value - (code - zero) * scale) / upper[at, at]
            block[:, column:] -= errors[:, column, None] * upper[at, at : start + BLOCK]
        weights[:, start + BLOCK :] -= errors @ upper[start : start + BLOCK, start + BLOCK :]
    return BlockGrid(codes, steps, zeros, unit)
