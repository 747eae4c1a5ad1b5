"""From any picture to what the image encoder reads: [3, 96, 96] in [-1, 1] on white.

1. RGBA, 8 bits, not premultiplied, orientation applied. 2. Over white, in float: c * a + 255 * (1 - a). 3. Whole picture centred in a
white square of its longer side, floor((side - width) / 2) columns on the left, floor((side - height) / 2) rows on top. 4. Area mean to
96 x 96: output pixel i is the mean of the input over [i * s, (i + 1) * s), s = side / 96, partial pixels by their share (both when
shrinking and enlarging). 5. / 127.5 - 1. No rounding between the steps.
"""
import numpy as np
from PIL import Image, ImageOps

SIZE = 96


def area_matrix(length: int, size: int = SIZE) -> np.ndarray:
    """[size, length] float32 rows that sum to 1: the share of each input pixel in each output pixel."""
    scale = length / size
    start = np.arange(size)[:, None] * scale
    pixel = np.arange(length)[None, :]
    return (np.clip(np.minimum(start + scale, pixel + 1) - np.maximum(start, pixel), 0, None) / scale).astype(np.float32)


def preprocess(image: Image.Image, size: int = SIZE) -> np.ndarray:
    """A PIL picture to float32 [3, size, size] in [-1, 1], axes channel, row, column."""
    rgba = np.asarray(ImageOps.exif_transpose(image).convert('RGBA'), np.float32)
    alpha = rgba[..., 3:] / 255
    rgb = rgba[..., :3] * alpha + 255 * (1 - alpha)
    height, width = rgb.shape[:2]
    side = max(width, height)
    square = np.full((side, side, 3), 255, np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    square[top:top + height, left:left + width] = rgb
    weights = area_matrix(side, size)
    small = np.einsum('oy,yxc,px->cop', weights, square, weights, optimize=True)
    return (small / 127.5 - 1).astype(np.float32)
