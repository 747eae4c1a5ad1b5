"""Builds the image data: python -m training.data.build. Writes sprites.npy and sprites.json to $ANYMODAL_WORK/data.

Knows nothing about models. Needs rsvg-convert and the npm packages of `packages()`, which it installs when they are missing.
"""
import json
import subprocess
import time

import numpy as np

from training.data import nouns, sprites
from training.paths import work

NPM = [f"@iconify-json/{name}" for name in sprites.SETS.values()] + ["emojibase-data@17.0.0", "@lobehub/fluent-emoji-3d@1.1.0"]


def packages():
    """node_modules with the sticker sets, installed into the work folder when missing."""
    folder = work("packages", "node_modules")
    if not (folder / "@iconify-json").exists():
        subprocess.run(["npm", "init", "-y"], cwd=folder.parent, check=True, capture_output=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *NPM], cwd=folder.parent, check=True)
    return folder


def main() -> None:
    start = time.time()
    pictures, keys, labels = sprites.render_all(packages())
    np.save(work("data", "sprites.npy"), pictures)
    work("data", "sprites.json").write_text(json.dumps([{"family": family, "name": name, "label": labels[name]} for family, name in keys]))
    names = {name for family, name in keys if family != sprites.HELD_OUT}
    print(f"{len(keys)} sprites, {len(names)} names, {len(names & set(nouns.EVERYDAY))} of {len(nouns.EVERYDAY)} everyday, {time.time() - start:.0f} s")
    print("everyday names without a drawing:", sorted(set(nouns.EVERYDAY) - names))


if __name__ == "__main__":
    main()
