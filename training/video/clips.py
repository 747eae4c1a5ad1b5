"""Training clips as latents: python -m training.video.clips FROM TO [--animations]; shards of 250 are written as they are done and skipped when there.

A shard holds rows (json) and arrays: latents float16 [n,16,4,16,16] (normalised), matrices float16 [n,16,2,3] (where the points of a frame
come from; NaN for animations), quarters uint8 [n,4,96,96,3] (the video encoder's pixels). Clip i is the same whenever it is made.
"""
import argparse
import copy
import json
import time

import numpy as np
import torch
import torch.nn.functional as F

from training.data import nouns, sprites
from training.data.colours import COLOURS, Painter
from training.data.motion_captions import describe, describe_animation
from training.data.motions import EVENTFUL, FRAMES, SHARES, draw_motion
from training.image.latents import BACKGROUNDS, CORE
from training.image.sample import load_autoencoder
from training.paths import work
from training.video.render import floor_of, frames_of, still

SHARD = 250
#: Nouns whose sprites never move in training.
HELD_OUT = {"turtle", "pear", "anchor", "umbrella", "tiger", "bus", "crown", "shark", "lemon", "camera", "bomb", "trumpet", "chicken", "cookie", "taxi", "key", "unicorn", "cactus", "owl", "teapot"}
#: Frames at the middles of the four quarters.
QUARTERS = [2, 6, 10, 14]
#: What fits a kind, drawn half of the time.
FITTING = {
    "bounce": "soccer-ball basketball tennis volleyball baseball pool-8-ball red-circle blue-circle green-circle orange-circle yellow-circle purple-circle frog rabbit kangaroo balloon yarn red-apple orange tangerine egg",
    "beat": "red-heart orange-heart yellow-heart green-heart blue-heart purple-heart pink-heart heart-suit drum long-drum red-heart drum loudspeaker bell",
    "knock": "hammer raised-fist oncoming-fist door boxing-glove woodpecker axe ram goat hammer wrench broom",
    "flash": "light-bulb police-car ambulance fire-engine high-voltage star camera flashlight candle sun glowing-star christmas-tree alarm-clock vertical-traffic-light lantern cloud-with-lightning",
    "spin": "soccer-ball wheel gear star optical-disk basketball globe-showing-europe-africa snowflake windmill sun ferris-wheel", "roll": "soccer-ball basketball tennis wheel red-circle blue-circle tangerine orange egg",
    "swing": "bell monkey light-bulb key wrapped-gift medal sports-medal cherries lantern", "fall": "red-apple maple-leaf snowflake droplet star coin umbrella-with-rain-drops parachute egg",
    "jump": "frog rabbit dog cat kangaroo horse monkey", "dance": "robot snowman dog cat penguin bear ghost", "float": "balloon ghost cloud jellyfish feather astronaut", "shake": "alarm-clock mobile-phone telephone bell",
}


def often(name: str, family: str) -> float:
    """How often a drawing moves; by its own rule, so that clip i stays what it is whatever pictures are trained on."""
    thing = 6.0 if name in CORE else 2.0 if name in nouns.EVERYDAY else 0.5
    return thing * {"noto": 1.2, "flat": 1.2, "fluent": 1.2, "fluent3d": 1.2, "twemoji": 1.0, "emojione": 0.7, "noto1": 0.6, "fx": 0.4}.get(family, 1.0)


class Sprites:
    """Chooses drawings by name and kind."""

    def __init__(self):
        self.pictures = np.load(work("data", "sprites.npy"), mmap_mode="r")
        self.table = json.loads(work("data", "sprites.json").read_text())
        kept = [i for i, e in enumerate(self.table) if e["family"] != sprites.HELD_OUT]
        weight = np.array([often(self.table[i]["name"], self.table[i]["family"]) for i in kept])
        self.kept, self.chance = kept, weight / weight.sum()
        self.named: dict[str, list[int]] = {}
        for i in kept:
            self.named.setdefault(self.table[i]["name"], []).append(i)

    def choose(self, dice, kind: str) -> int:
        fitting = [n for n in FITTING.get(kind, "").split() if n in self.named]
        if fitting and dice.random() < 0.5:
            return int(dice.choice(self.named[fitting[dice.integers(len(fitting))]]))
        return int(self.kept[dice.choice(len(self.kept), p=self.chance)])


def clip(index: int, source: Sprites, kind: str | None = None) -> tuple[torch.Tensor, np.ndarray, dict]:
    """Clip number `index`: frames [16,3,128,128] in 0..1, matrices [16,2,3], its row. Of the first 3,000 more are eventful."""
    dice = np.random.default_rng([index, 77])
    kinds, shares = list(SHARES), np.array(list(SHARES.values()), float)
    if index < 3000:
        shares *= [1.8 if k in EVENTFUL else 0.7 for k in kinds]
    kind = kind or kinds[dice.choice(len(kinds), p=shares / shares.sum())]
    which = source.choose(dice, kind)
    entry, sprite = source.table[which], source.pictures[which]
    painter, colour = Painter(np.array(sprite)), None
    words = nouns.words(entry["name"], entry["label"])
    if painter.paintable and dice.random() < 0.35 and not any(c in words[0].split() for c in COLOURS):
        colour = str(dice.choice([c for c in COLOURS if c != "white"]))
        sprite = painter.paint(colour)
    elif painter.colour and dice.random() < 0.5 and painter.colour != "white":
        colour = painter.colour
    if dice.random() < 0.15:
        sprite = np.ascontiguousarray(sprite[:, ::-1])
    picture = still(np.array(sprite), 1.0 if dice.random() < 0.6 else float(dice.uniform(0.6, 0.95)))
    motion = draw_motion(dice, kind, floor_of(picture))
    ground_name = "white" if dice.random() < 0.9 or kind == "flash" else str(dice.choice(sorted(BACKGROUNDS)))
    frames, matrices = frames_of(picture, motion, BACKGROUNDS.get(ground_name, (255, 255, 255)))
    bare = [w for w in words if not any(c in w.split() for c in COLOURS)] or words
    word = (bare if colour else words)[0 if dice.random() < 0.7 else dice.integers(len(bare if colour else words))]
    texts = describe(dice, kind, motion.direction, entry["name"], word, colour)
    split = "held" if entry["name"] in HELD_OUT else "valid" if index % 20 == 7 else "train"
    return frames, matrices, {"index": index, "kind": kind, "direction": motion.direction, "caption": texts[0], "captions": texts, "noun": word, "slug": entry["name"], "colour": colour or painter.colour or "",
                              "ground": ground_name, "events": motion.events, "split": split}


class LatentEncoder:
    """The autoencoder's encoder in bf16, compiled for four clips at a time (165 frames a second on one core; 98 under autocast)."""

    def __init__(self):
        self.autoencoder = load_autoencoder()
        self.run = torch.compile(copy.deepcopy(self.autoencoder.encoder).bfloat16().to(memory_format=torch.channels_last))

    @torch.inference_mode()
    def __call__(self, frames: torch.Tensor) -> np.ndarray:
        """Normalised latents float16 [n,16,4,16,16] of frames [n,16,3,128,128] in 0..1; n is at most 4."""
        pixels = torch.ones(4, *frames.shape[1:])
        pixels[: len(frames)] = frames
        pixels = pixels.flatten(0, 1).mul(2).sub(1).bfloat16().contiguous(memory_format=torch.channels_last)
        raw = self.run(pixels).float()
        return ((raw - self.autoencoder.mean) / self.autoencoder.std).unflatten(0, (4, FRAMES))[: len(frames)].half().numpy()


def quarters_of(frames: torch.Tensor) -> np.ndarray:
    """uint8 [4,96,96,3]: the frames that the video encoder sees."""
    small = F.interpolate(frames[QUARTERS], (96, 96), mode="bilinear", antialias=True, align_corners=False)
    return small.mul(255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def shard_path(name: str, index: int):
    return work("data", "clips", f"{name}-{index:03d}.npz")


def write_shard(name: str, number: int, made, encode: LatentEncoder) -> None:
    """`made` yields (frames, matrices, row)."""
    latents, matrices, quarters, rows, waiting = [], [], [], [], []
    for frames, matrix, row in made:
        waiting.append(frames)
        if len(waiting) == 4:
            latents.append(encode(torch.stack(waiting)))
            waiting.clear()
        matrices.append(matrix.astype(np.float16))
        quarters.append(quarters_of(frames))
        rows.append(row)
    if waiting:
        latents.append(encode(torch.stack(waiting)))
    path = shard_path(name, number)
    np.savez(path.with_suffix(".part.npz"), latents=np.concatenate(latents), matrices=np.stack(matrices), quarters=np.stack(quarters), rows=json.dumps(rows))
    path.with_suffix(".part.npz").replace(path)


def load_shards(arrays=("latents", "matrices"), names=("clips", "animations")) -> tuple[dict[str, np.ndarray], list[dict]]:
    """All shards that are there, side by side."""
    found, rows = {a: [] for a in arrays}, []
    for name in names:
        for path in sorted(work("data", "clips", "x").parent.glob(f"{name}-[0-9][0-9][0-9].npz")):
            with np.load(path) as shard:
                for a in arrays:
                    found[a].append(shard[a])
                rows += json.loads(str(shard["rows"]))
    return {a: np.concatenate(v) for a, v in found.items()}, rows


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("first", type=int, help="number of the first shard")
    arguments.add_argument("last", type=int, help="one more than the last")
    arguments.add_argument("--animations", action="store_true")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    encode = LatentEncoder()
    if options.animations:
        from training.data.animations import Animations

        collection = Animations()
    else:
        collection = Sprites()
    start, done = time.time(), 0
    for number in range(options.first, options.last):
        name = "animations" if options.animations else "clips"
        if shard_path(name, number).exists():
            continue
        if options.animations:
            items = collection.items[number * SHARD : (number + 1) * SHARD]
            if not items:
                break
            dice = np.random.default_rng([number, 78])
            made = ((frames, np.full((FRAMES, 2, 3), np.nan), {
                "index": item, "kind": "animation", "direction": "", "captions": (texts := describe_animation(dice, word)), "caption": texts[0], "noun": word, "slug": slug, "colour": "",
                "ground": "white", "events": [], "split": "held" if slug in HELD_OUT else "valid" if k % 20 == 7 else "train"})
                    for k, item in enumerate(items) for frames, slug, word in [collection.load(item)])
            done += len(items)
        else:
            made = (clip(i, collection) for i in range(number * SHARD, (number + 1) * SHARD))
            done += SHARD
        write_shard(name, number, made, encode)
        print(f"{name} {number}: {done / (time.time() - start):.1f} clips/s", flush=True)


if __name__ == "__main__":
    main()
