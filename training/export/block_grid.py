"""A 4-bit grid of weight blocks as `MatMulNBits` reads it: value = scale * (code - zero), one scale and one zero a block of 32 inputs.

Scale and zero share one byte: five bits are steps of a logarithmic ladder above one float16 a row (double quantisation, as in QLoRA,
arXiv 2305.14314 section 3), three bits are the zero, 4 to 11. 4.27 bits a weight in all. Knows no model and no graph.
"""
from dataclasses import dataclass

import numpy as np

#: Weights that share a scale. 64 saves 2 % of the size and costs three times as much quality here (training/log.md).
BLOCK = 32
LEVELS = 15
#: Steps of the scales' ladder in a factor of two; 32 of them span 2^2.6, 6 % apart, no coarser than the search below.
STEPS = 12
#: Zeros are 4 to 11: a block's range is rarely one-sided.
LOWEST_ZERO, ZEROS = 4, 8
#: Fractions of a block's full range that are tried as its quantised range.
SHRINKS = np.linspace(1.0, 0.62, 20, dtype=np.float32)


@dataclass
class BlockGrid:
    """codes [out, in] and marks [out, in / BLOCK] as uint8, units [out] as float16. A mark is step * ZEROS + zero - LOWEST_ZERO; a block's
    scale is unit * 2^(step / STEPS)."""

    codes: np.ndarray
    marks: np.ndarray
    units: np.ndarray

    def scales(self) -> np.ndarray:
        return ladder(self.marks // ZEROS, self.units.astype(np.float32)[:, None])

    def zeros(self) -> np.ndarray:
        return self.marks % ZEROS + LOWEST_ZERO

    def dequantise(self) -> np.ndarray:
        """float32 [out, in]"""
        blocks = self.codes.reshape(len(self.codes), -1, BLOCK).astype(np.float32) - self.zeros()[..., None]
        return (blocks * self.scales()[..., None]).reshape(self.codes.shape)

    def packed_codes(self) -> np.ndarray:
        """uint8 [out, in / BLOCK, BLOCK / 2]; the even input is in the low nibble."""
        blocks = self.codes.reshape(len(self.codes), -1, BLOCK)
        return blocks[..., 0::2] | blocks[..., 1::2] << 4


def ladder(steps: np.ndarray, units: np.ndarray) -> np.ndarray:
    """float32 scales"""
    return units * np.exp2(steps.astype(np.float32) * np.float32(1 / STEPS))


def units_for(weights: np.ndarray) -> np.ndarray:
    """The lowest scale of each row, float16 [out]: the ladder's top is a fifth above what the row's widest block needs."""
    blocks = weights.reshape(len(weights), -1, BLOCK)
    widest = np.maximum((blocks.max(-1) - blocks.min(-1)).max(-1), 1e-5) / LEVELS
    return np.maximum(widest * 1.2 * 2 ** (-31 / STEPS), 1e-7).astype(np.float16)


def fit_block(block: np.ndarray, units: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """Best marks (uint8 [out]) of one block [out, BLOCK] under squared error weighted by importance [BLOCK], by search over SHRINKS of
    the range and, for each, the two zeros that keep its proportions or its middle."""
    low, high = np.minimum(block.min(-1), 0), np.maximum(block.max(-1), 0)
    row = units.astype(np.float32)
    best, best_mark = np.full(len(block), np.inf, np.float32), np.zeros(len(block), np.uint8)
    for shrink in SHRINKS:
        step = np.clip(np.rint(STEPS * np.log2(np.maximum((high - low) * shrink / LEVELS, 1e-12) / row)), 0, 31)
        scale = ladder(step, row)
        for lowest in (low * shrink, low * shrink + (high + low) * (1 - shrink) / 2):
            zero = np.clip(np.rint(-lowest / scale), LOWEST_ZERO, LOWEST_ZERO + ZEROS - 1)
            rounded = (np.clip(np.rint(block / scale[:, None]) + zero[:, None], 0, LEVELS) - zero[:, None]) * scale[:, None]
            error = ((rounded - block) ** 2 * importance).sum(-1)
            better = error < best
            best[better], best_mark[better] = error[better], (step * ZEROS + zero - LOWEST_ZERO).astype(np.uint8)[better]
    return best_mark


def round_to_grid(weights: np.ndarray) -> BlockGrid:
    """Round-to-nearest with a searched scale and zero per block."""
    units, uniform = units_for(weights), np.ones(BLOCK, np.float32)
    marks = np.stack([fit_block(weights[:, start : start + BLOCK], units, uniform) for start in range(0, weights.shape[1], BLOCK)], 1)
    grid = BlockGrid(np.zeros(weights.shape, np.uint8), marks, units)
    blocks = weights.reshape(len(weights), -1, BLOCK) / grid.scales()[..., None] + grid.zeros()[..., None]
    grid.codes = np.clip(np.rint(blocks), 0, LEVELS).astype(np.uint8).reshape(weights.shape)
    return grid


def compensate(weights: np.ndarray, second_moment: np.ndarray, damping: float = 0.01) -> BlockGrid:
    """GPTQ (arXiv 2210.17323, algorithm 1, no reordering): columns are rounded in order and each one's error is spread over the columns
    not yet rounded, in the metric of second_moment = E[x x^T], [in, in]. Scales are searched when their block is reached."""
    weights = weights.astype(np.float32).copy()
    units, width = units_for(weights), weights.shape[1]
    metric = second_moment.astype(np.float64).copy()
    dead = np.diag(metric) <= 0
    metric[dead, dead] = 1
    metric[np.diag_indices(width)] += damping * np.mean(np.diag(metric))
    importance = np.diag(metric).astype(np.float32)
    upper = np.linalg.cholesky(np.linalg.inv(metric)).T.astype(np.float32)
    grid = BlockGrid(np.zeros(weights.shape, np.uint8), np.zeros((len(weights), width // BLOCK), np.uint8), units)
    for index, start in enumerate(range(0, width, BLOCK)):
        block = weights[:, start : start + BLOCK]
        mark = grid.marks[:, index] = fit_block(block, units, importance[start : start + BLOCK])
        scale, zero = ladder(mark // ZEROS, units.astype(np.float32)), (mark % ZEROS + LOWEST_ZERO).astype(np.float32)
        errors = np.zeros_like(block)
        for column in range(BLOCK):
            at = start + column
            value = block[:, column]
            code = np.clip(np.rint(value / scale) + zero, 0, LEVELS)
            grid.codes[:, at] = code
            errors[:, column] = (value - (code - zero) * scale) / upper[at, at]
            block[:, column:] -= errors[:, column, None] * upper[at, at : start + BLOCK]
        weights[:, start + BLOCK :] -= errors @ upper[start : start + BLOCK, start + BLOCK :]
    return grid
