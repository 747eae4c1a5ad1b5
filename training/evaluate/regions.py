"""Where the drawn thing is in a picture, what colour it and its ground have, and the thing cut out as the judge is used to see it. Pixels only."""
import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from training.data.colours import Painter, name_of, to_hsv
from training.data.sprites import EXTENT

#: Channels may differ that much (of 255) from the ground and still be ground.
NEAR = 28


def pixels(x: torch.Tensor) -> np.ndarray:
    """[3, H, W] in [-1, 1] to uint8 [H, W, 3]."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()


def ground_of(rgb: np.ndarray) -> np.ndarray:
    """Colour of the ground, uint8 [3]: the median of the outermost four pixels."""
    edge = np.concatenate([rgb[:4].reshape(-1, 3), rgb[-4:].reshape(-1, 3), rgb[:, :4].reshape(-1, 3), rgb[:, -4:].reshape(-1, 3)])
    return np.median(edge, 0)


def object_of(rgb: np.ndarray) -> np.ndarray:
    """bool [H, W]: all that the ground does not reach from the borders, in pieces of 30 pixels and more."""
    like = np.abs(rgb.astype(np.float32) - ground_of(rgb)).max(-1) < NEAR
    parts, _ = ndimage.label(like)
    outside = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    drawn = ~(np.isin(parts, outside[outside > 0]))
    pieces, count = ndimage.label(drawn)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    sizes[0] = 0
    return (sizes >= 30)[pieces]


def colour_name(rgb: np.ndarray) -> str | None:
    """Name of one colour, uint8 or float [3] in 0..255."""
    hue, saturation, value = (float(v) for v in to_hsv(np.asarray(rgb, np.float32) / 255))
    return name_of(hue, saturation, value)


def colour_of(rgb: np.ndarray, drawn: np.ndarray) -> str | None:
    """Name of the dominant colour of what is drawn, by the rule that made the data's captions; None where there is none."""
    if drawn.sum() < 100:
        return None
    return Painter(np.concatenate([rgb, drawn[..., None].astype(np.uint8) * 255], -1)).colour


def extent(drawn: np.ndarray) -> tuple[int, int, int, int] | None:
    """top, bottom, left, right of what is drawn; None for nothing."""
    if not drawn.any():
        return None
    rows, columns = np.flatnonzero(drawn.any(1)), np.flatnonzero(drawn.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def cut_out(x: torch.Tensor, drawn: np.ndarray | None = None) -> torch.Tensor:
    """The thing alone on white, scaled to the size of training drawings; a picture [3, 128, 128] like the given one. White for nothing."""
    drawn = object_of(pixels(x)) if drawn is None else drawn
    box = extent(drawn)
    out = torch.ones(3, 128, 128)
    if box is None:
        return out
    top, bottom, left, right = box
    part = torch.where(torch.from_numpy(drawn)[None], x, torch.ones(()))[:, top:bottom, left:right]
    scale = EXTENT / max(part.shape[1:])
    height, width = (max(1, round(side * scale)) for side in part.shape[1:])
    part = F.interpolate(part[None], (height, width), mode='bilinear', antialias=True)[0]
    y, x_ = (128 - height) // 2, (128 - width) // 2
    out[:, y:y + height, x_:x_ + width] = part
    return out


def halves(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Left and right thing of a picture, cut out: parted where fewest pixels are drawn in the middle two fifths."""
    drawn = object_of(pixels(x))
    columns = ndimage.uniform_filter1d(drawn.sum(0).astype(float), 3)
    middle = columns[38:90] + 0.02 * np.abs(np.arange(38, 90) - 63.5)
    at = 38 + int(middle.argmin())
    left, right = drawn.copy(), drawn.copy()
    left[:, at:], right[:, :at] = False, False
    return cut_out(x, left), cut_out(x, right)


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap over union of two masks."""
    return float((a & b).sum() / max(1, (a | b).sum()))
