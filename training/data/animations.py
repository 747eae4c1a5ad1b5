"""Animated stickers of npm (`@lobehub/fluent-emoji-anim-1` to `-4`, MIT), unpacked under packages/anim: 16 frames over the length of each.

Flags, keycaps, people in skin tones and files of one frame are dropped. Knows no captions and no models.
"""
import json
import re

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from training.data import nouns, sprites
from training.paths import work

FRAMES, SIZE = 16, 128
#: Faces and hearts besides the things that the drawings have.
MORE_GROUPS = (0, 3, 4, 5, 6, 7)


class Animations:
    """`items` are paths, everyday things first; `load` gives frames."""

    def __init__(self):
        packages = work("packages", "x").parent
        known, by_code = sprites.names(packages / "node_modules")
        found = []
        for path in sorted(packages.glob("anim/*/package/assets/*.webp")):
            name = by_code.get(path.stem.lower().replace("-fe0f", ""))
            if name is None or re.search(r"1f3f[b-f]", path.stem) or re.search(r"flag|keycap|button|square|family|kiss-|couple|people-|person|man-|woman-", name):
                continue
            label, group = known[name]
            if group in MORE_GROUPS or nouns.wanted(name, group):
                found.append((name not in nouns.EVERYDAY, group == 0, name, str(path), label))
        self.known = {path: (name, nouns.words(name, label)[0]) for _, _, name, path, label in found}
        self.items = [path for _, _, _, path, _ in sorted(found) if self.moves(path)]

    @staticmethod
    def moves(path: str) -> bool:
        return getattr(Image.open(path), "n_frames", 1) >= 12

    def load(self, path: str) -> tuple[torch.Tensor, str, str]:
        """Frames float32 [16,3,128,128] in 0..1 on white, the first fitted like a sprite; the name and its word."""
        image = Image.open(path)
        wanted = np.linspace(0, image.n_frames, FRAMES, endpoint=False).astype(int)
        frames = []
        for index in wanted:
            image.seek(int(index))
            frames.append(torch.from_numpy(np.asarray(image.convert("RGBA")).astype(np.float32) / 255).permute(2, 0, 1))
        x = torch.stack(frames)
        x = torch.cat([x[:, :3] * x[:, 3:], x[:, 3:]], 1)
        side = x.shape[-1]
        drawn = x[0, 3] > 16 / 255
        rows, columns = torch.nonzero(drawn.any(1)), torch.nonzero(drawn.any(0))
        if len(rows) < 8:
            drawn = (x[:, 3] > 16 / 255).any(0)
            rows, columns = torch.nonzero(drawn.any(1)), torch.nonzero(drawn.any(0))
        top, bottom, left, right = (float(v) for v in (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1))
        share = max(bottom - top, right - left) / side * SIZE / sprites.EXTENT  # of the source's side that the whole picture shows
        theta = torch.tensor([[[share, 0, (left + right) / side - 1], [0, share, (top + bottom) / side - 1]]]).expand(FRAMES, -1, -1)
        if share * side > 1.5 * SIZE:
            x = F.avg_pool2d(x, 2)
        x = F.grid_sample(x, F.affine_grid(theta, (FRAMES, 4, SIZE, SIZE), align_corners=False), mode="bilinear", align_corners=False).clamp(0, 1)
        return (x[:, :3] + 1 - x[:, 3:]).clamp(0, 1), *self.known[path]
