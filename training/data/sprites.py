"""Licensed sticker sets of npm to one array of transparent sprites. Knows nothing about captions or tensors.

Sets: noto, noto-v1, fxemoji (Apache-2.0), fluent-emoji in three renderings (MIT), twemoji, emojione (CC-BY-4.0), and streamline
(CC-BY-4.0), which is held out of training as an unseen style.
"""
import io
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from training.data import nouns

SIZE = 128
#: Longest side of every sprite inside its picture, so that size is never a matter of the set.
EXTENT = 112
HELD_OUT = "streamline"
SETS = {"noto": "noto", "noto1": "noto-v1", "twemoji": "twemoji", "flat": "fluent-emoji-flat", "fluent": "fluent-emoji", "emojione": "emojione", "fx": "fxemoji", HELD_OUT: "streamline-emojis"}
#: What a drawing family is called in a caption.
STYLES = {"noto": "cartoon", "noto1": "cartoon", "twemoji": "flat", "flat": "flat", "fluent": "glossy", "emojione": "flat", "fx": "cartoon", "fluent3d": "3D", HELD_OUT: "outline"}


def names(packages: Path) -> tuple[dict[str, tuple[str, int | None]], dict[str, str]]:
    """CLDR slugs with label and group, and code points to slugs."""
    entries = json.loads((packages / "emojibase-data/en/data.json").read_text())
    by_slug = {nouns.slug(e["label"]): (e["label"], e.get("group")) for e in entries}
    by_code = {e["hexcode"].lower().replace("-fe0f", ""): nouns.slug(e["label"]) for e in entries}
    return by_slug, by_code


def match(icon: str, family: str, known: dict[str, tuple[str, int | None]], joined: dict[str, str]) -> str | None:
    """CLDR slug of an icon's name, or None. Older names end in -face or -N, one set writes names without spaces."""
    if family == "fx":
        if icon in nouns.NOT_NOUNS:
            return None
        return nouns.RENAMED.get(icon) or (icon if icon in known else joined.get(icon))
    icon = re.sub(r"-\d$", "", icon) if family == HELD_OUT else icon
    if icon in known:
        return icon
    if icon in nouns.RENAMED:
        return nouns.RENAMED[icon]
    plain = re.sub(r"-face$", "", icon)
    return plain if plain in known else None


def fit(image: Image.Image) -> np.ndarray | None:
    """Crop to what is drawn, scale to EXTENT, centre on transparent SIZE x SIZE. uint8 [S, S, 4], or None when empty."""
    image = image.convert("RGBA")
    alpha = np.asarray(image)[..., 3] > 16
    if alpha.sum() < 200:
        return None
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    image = image.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    scale = EXTENT / max(image.size)
    size = tuple(max(1, round(side * scale)) for side in image.size)
    # Colours are premultiplied while scaling: transparent pixels of some sets are black and would darken the edges.
    data = np.asarray(image).astype(np.float32) / 255
    data[..., :3] *= data[..., 3:]
    planes = [np.asarray(Image.fromarray(np.ascontiguousarray(data[..., c])).resize(size, Image.BOX if scale < 0.5 else Image.LANCZOS)) for c in range(4)]
    small = np.stack(planes, -1).clip(0, 1)
    small[..., :3] = np.where(small[..., 3:] > 1e-3, small[..., :3] / np.maximum(small[..., 3:], 1e-3), 1)
    canvas = np.full((SIZE, SIZE, 4), 255, np.uint8)
    canvas[..., 3] = 0
    y, x = (SIZE - size[1]) // 2, (SIZE - size[0]) // 2
    canvas[y : y + size[1], x : x + size[0]] = (small.clip(0, 1) * 255).round()
    return canvas


def render(job: tuple[str, str, str | Path]) -> np.ndarray | None:
    """One icon, SVG text or a raster file, to a sprite; None when it cannot be drawn."""
    source = job[2]
    try:
        if isinstance(source, Path):
            return fit(Image.open(source))
        png = subprocess.run(["rsvg-convert", "-w", "256", "-h", "256", "-a"], input=source.encode(), capture_output=True, timeout=20).stdout
        return fit(Image.open(io.BytesIO(png)))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def jobs(packages: Path) -> tuple[list[tuple[str, str, str | Path]], dict[str, str]]:
    """(family, slug, source) of every wanted icon, and the label of each slug."""
    known, by_code = names(packages)
    joined = {name.replace("-", ""): name for name in known}
    found: list[tuple[str, str, str | Path]] = []
    for family, package in SETS.items():
        icons = json.loads((packages / f"@iconify-json/{package}/icons.json").read_text())
        for icon, body in icons["icons"].items():
            if re.search(r"skin-tone|-(light|dark|medium|medium-light|medium-dark)$|^flag-", icon):
                continue
            name = match(icon, family, known, joined)
            if name is None or name not in known or not nouns.wanted(name, known[name][1]):
                continue
            width, height = body.get("width", icons.get("width", 16)), body.get("height", icons.get("height", 16))
            found.append((family, name, (
                '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
                f'viewBox="{body.get("left", 0)} {body.get("top", 0)} {width} {height}" width="256" height="256">{body["body"]}</svg>')))
    for path in sorted((packages / "@lobehub/fluent-emoji-3d/assets").glob("*.webp")):
        name = by_code.get(path.stem.lower().replace("-fe0f", ""))
        if name and nouns.wanted(name, known[name][1]):
            found.append(("fluent3d", name, path))
    return found, {name: label for name, (label, _) in known.items()}


def render_all(packages: Path, threads: int = 2) -> tuple[np.ndarray, list[tuple[str, str]], dict[str, str]]:
    """Sprites uint8 [n, 128, 128, 4], their (family, slug), and labels by slug."""
    todo, labels = jobs(packages)
    with ThreadPoolExecutor(threads) as pool:
        drawn = list(pool.map(render, todo))
    kept = [i for i, sprite in enumerate(drawn) if sprite is not None]
    return np.stack([drawn[i] for i in kept]), [todo[i][:2] for i in kept], labels
