"""Colour names of sprites, and sprites repainted in a named colour. Pixels only; knows nothing about captions."""
from dataclasses import dataclass

import numpy as np

#: Eleven basic colour names: hue in turns, and the median saturation and value of the painted part.
COLOURS = {
    "red": (0.0, 0.82, 0.88), "orange": (28 / 360, 0.88, 0.97), "yellow": (50 / 360, 0.8, 0.98), "green": (125 / 360, 0.65, 0.68), "blue": (215 / 360, 0.75, 0.85),
    "purple": (275 / 360, 0.6, 0.72), "pink": (335 / 360, 0.45, 0.98), "brown": (24 / 360, 0.58, 0.5), "black": (0.0, 0.04, 0.2), "white": (0.0, 0.02, 0.95), "grey": (0.0, 0.02, 0.6),
}
NEUTRAL = {"black", "white", "grey"}


def to_hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RGB float [...,3] in 0..1 to hue in turns, saturation and value."""
    high, low = rgb.max(-1), rgb.min(-1)
    span = high - low
    safe = np.maximum(span, 1e-6)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    hue = np.where(high == red, (green - blue) / safe % 6, np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4)) / 6
    return hue * (span > 1e-6), span / np.maximum(high, 1e-6), high


def to_rgb(hue: np.ndarray, saturation: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The inverse of to_hsv."""
    sector = (np.array([5, 3, 1], np.float32) + hue[..., None] * 6) % 6
    return value[..., None] * (1 - saturation[..., None] * np.clip(np.minimum(sector, 4 - sector), 0, 1))


def name_of(hue: float, saturation: float, value: float) -> str | None:
    """The basic colour name of one HSV colour (hue in turns), or None between names."""
    degrees = hue * 360
    if saturation < 0.16:
        return "white" if value > 0.86 else "black" if value < 0.3 else "grey"
    if value < 0.2:
        return "black"
    if 10 <= degrees < 48 and value < 0.68:
        return "brown"
    if 8 <= degrees < 50 and saturation < 0.45:
        return None  # beige: people call it many things
    if (degrees >= 325 or degrees < 12) and saturation < 0.55 and value > 0.8:
        return "pink"
    for limit, name in ((13, "red"), (37, "orange"), (66, "yellow"), (168, "green"), (252, "blue"), (305, "purple"), (345, "pink")):
        if degrees < limit:
            return name
    return "red"


@dataclass
class Painter:
    """One sprite's dominant part, found once, and repainted in any colour.

    `colour` is the name of the dominant colour when it covers half of what is drawn, else None; `paintable` says whether
    a repainted picture would be recognised as that colour.
    """
    sprite: np.ndarray
    colour: str | None = None
    paintable: bool = False

    def __post_init__(self):
        rgb = self.sprite[..., :3].astype(np.float32) / 255
        self.hue, self.saturation, self.value = to_hsv(rgb)
        drawn = self.sprite[..., 3] > 128
        area = max(1, drawn.sum())
        vivid = drawn & (self.saturation > 0.25) & (self.value > 0.22)
        if vivid.sum() >= 0.3 * area:
            count = np.bincount((self.hue[vivid] * 72).astype(int) % 72, self.saturation[vivid] * self.value[vivid], 72)
            around = sum(np.roll(count, k) for k in range(-4, 5))
            centre = (int(around.argmax()) + 0.5) / 72
            distance = np.abs((self.hue - centre + 0.5) % 1 - 0.5)
            # Full weight within 30 degrees of the dominant hue, none beyond 45; pale highlights fade out.
            self.weight = np.clip((0.125 - distance) / 0.042, 0, 1) * np.clip((self.saturation - 0.08) / 0.12, 0, 1)
        else:
            self.weight = np.clip((0.3 - self.saturation) / 0.1, 0, 1) * np.clip((self.value - 0.12) / 0.12, 0, 1)
        part = drawn & (self.weight > 0.5)
        share = part.sum() / area
        self.paintable = share > 0.48
        if part.any():
            self.medians = [float(np.median(plane[part])) for plane in (self.saturation, self.value)]
            around = self.hue[part] * 2 * np.pi
            mean_hue = float(np.arctan2(np.sin(around).mean(), np.cos(around).mean()) / (2 * np.pi) % 1)
            self.centre = mean_hue
            if share > 0.5:
                self.colour = name_of(mean_hue, *self.medians)

    def paint(self, name: str) -> np.ndarray:
        """The sprite with its dominant part in the named colour; shading is kept. uint8 [H,W,4]."""
        hue, saturation, value = COLOURS[name]
        old_saturation, old_value = self.medians
        offset = (self.hue - self.centre + 0.5) % 1 - 0.5
        if name in NEUTRAL:
            new_saturation = np.full_like(self.saturation, saturation)
        elif old_saturation < 0.2:
            new_saturation = np.full_like(self.saturation, saturation)
        else:
            new_saturation = np.clip(self.saturation * (saturation / old_saturation), 0, 1)
        ratio = self.value / max(old_value, 0.05)
        # Lighter parts approach white gently, darker ones keep their ratio.
        new_value = np.where(ratio > 1, 1 - (1 - value) * np.clip((1 - self.value) / max(1 - old_value, 0.05), 0, 1), value * ratio).clip(0, 1)
        if name == "black":
            new_value = np.minimum(new_value, 0.2 + 0.5 * (ratio - 1).clip(0, 1))
        painted = to_rgb((hue + 0.3 * offset) % 1, new_saturation, new_value)
        old = self.sprite[..., :3].astype(np.float32) / 255
        mixed = old + self.weight[..., None] * (painted - old)
        return np.concatenate([(mixed * 255).round().clip(0, 255).astype(np.uint8), self.sprite[..., 3:]], -1)
