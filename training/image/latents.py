"""Every training picture as latents and every caption as tokens, computed once: python -m training.image.latents.

Writes bank.npy (float16 [n,4,16,16], normalised), tokens.npy (float16 [m,16,384]) and plan.npz: which picture follows from which picture
by which words, and how often. Stores the latents' mean and deviation in the autoencoder's checkpoint. Knows nothing about diffusion.
"""
import argparse
import json
import multiprocessing
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from training.conditioning import TOKENS, WIDTH, encode_batch
from training.data import captions, nouns, sprites, thesaurus
from training.data.colours import COLOURS, Painter
from training.evaluate import judge
from training.evaluate.nouns import JUDGED_CLASS
from training.hardware import FAST_KIND
from training.image.autoencoder import Autoencoder
from training.image.transformer import MOVES
from training.paths import work

CORE = set((Path(captions.__file__).parent / "core.txt").read_text().split())
BACKGROUNDS = {"red": (225, 70, 60), "orange": (250, 160, 60), "yellow": (253, 222, 90), "green": (100, 190, 100), "blue": (85, 150, 225), "purple": (160, 105, 200),
               "pink": (250, 175, 205), "brown": (140, 95, 65), "black": (25, 25, 28), "grey": (150, 150, 150)}
#: Kinds of training sample and their shares of a batch. The last four are composed anew every time, out of things at half size (`scenes.py`).
SHARES = {"plain": 0.45, "coloured": 0.21, "scene": 0.02, "recolour": 0.06, "background": 0.04, "flip": 0.02, "rotate": 0.02, "resize": 0.02, "style": 0.04, "inpaint": 0.03,
          "sides": 0.03, "add": 0.01, "remove": 0.03, "replace": 0.02}
#: How a picture has been turned, anticlockwise by quarters, and the move from each to each.
TURNS = {1: "left", 2: "over", 3: "right"}


def over(sprite: np.ndarray, background=(255, 255, 255)) -> np.ndarray:
    alpha = sprite[..., 3:].astype(np.float32) / 255
    return (sprite[..., :3] * alpha + np.array(background, np.float32) * (1 - alpha)).round().astype(np.uint8)


def scaled(sprite: np.ndarray, size: int, centre: tuple[int, int]) -> np.ndarray:
    """The sprite at `size` pixels around `centre` (x, y) of an empty picture."""
    small = np.asarray(Image.fromarray(sprite, "RGBA").resize((size, size), Image.BOX if size * 2 == sprites.SIZE else Image.LANCZOS))
    canvas = np.zeros_like(sprite)
    canvas[..., :3] = 255
    x, y = max(0, min(sprites.SIZE - size, centre[0] - size // 2)), max(0, min(sprites.SIZE - size, centre[1] - size // 2))
    canvas[y : y + size, x : x + size] = small
    return canvas


def draw(job: tuple) -> np.ndarray:
    """One picture of the bank, uint8 [128,128,3]; job is (kind, argument, sprite or sprites)."""
    kind, argument, sprite = job
    if kind == "scene":
        left, right = (scaled(s, 62, (32 + 64 * k, 64)) for k, s in enumerate(sprite))
        return np.minimum(over(left), over(right))
    if kind == "paint":
        return over(Painter(sprite).paint(argument))
    if kind == "flip":
        return over(sprite[:, ::-1])
    if kind == "rotate":
        return over(np.rot90(sprite, argument))
    if kind == "half":
        return over(scaled(sprite, 62, (argument, 64)))
    if kind == "small":
        return over(scaled(sprite, 64, (64, 64)))
    if kind == "background":
        return over(sprite, BACKGROUNDS[argument])
    if kind == "greyscale":
        return np.repeat(over(sprite).astype(np.float32).dot([0.299, 0.587, 0.114])[..., None], 3, -1).round().astype(np.uint8)
    return over(sprite)


class Plan:
    """Collects pictures to draw and samples to learn: (kind, source picture or -1, target picture, captions, weight)."""

    def __init__(self):
        self.jobs: list[tuple] = []
        self.samples: list[tuple[str, int, int, list[str], float, str]] = []
        #: What scenes are composed of: pictures of the whole and of both halves, family, words.
        self.things: list[dict] = []

    def picture(self, *job) -> int:
        self.jobs.append(job)
        return len(self.jobs) - 1

    def learn(self, kind: str, source: int, target: int, texts: list[str], weight: float, move: str = "stay") -> None:
        self.samples.append((kind, source, target, texts, weight, move))


def analyse(sprite: np.ndarray) -> tuple[str | None, bool]:
    painter = Painter(sprite)
    return painter.colour, painter.paintable


def plan_one(plan: Plan, sprite: np.ndarray, entry: dict, colour: str | None, paintable: bool, dice: random.Random) -> int:
    """Plans what one drawing gives; the place of its plain picture."""
    name, words, style = entry["name"], nouns.words(entry["name"], entry["label"]), sprites.STYLES[entry["family"]]
    weight, everyday = captions.weight(name, entry["family"]), name in nouns.EVERYDAY
    core = name in CORE
    base = plan.picture("plain", None, sprite)
    flipped = plan.picture("flip", None, sprite)
    texts = captions.plain(words, style, colour, dice, 8 if everyday else 4)
    plan.learn("plain", -1, base, texts, weight)
    plan.learn("plain", -1, flipped, texts, 0.25 * weight)
    other = thesaurus.others(words[0]) if everyday or name in JUDGED_CLASS else ()
    if other:
        plan.learn("plain", -1, base, captions.plain([dice.choice(other) for _ in range(6)], style, None, dice, 4), 0.3 * weight)
    bare = [w for w in words if not any(c in w.split() for c in COLOURS)] or words
    if paintable and not any(c in words[0].split() for c in ("red", "blue", "pink", "brown", "purple", "orange")):
        names = dice.sample(sorted(COLOURS), 7 if core else 4 if everyday else 2)
        painted = {c: plan.picture("paint", c, sprite) for c in names}
        for c, target in painted.items():
            plan.learn("coloured", -1, target, [captions.coloured(bare, c, dice) for _ in range(2)], weight * {"white": 0.6, "black": 1.6, "brown": 1.5, "yellow": 1.5}.get(c, 1))
        named = dict(painted) | ({colour: base} if colour else {})
        sources = list(painted.items()) + [(colour, base)] * 3
        for c, target in named.items():
            for old, source in dice.sample(sources, min(4, len(sources))):
                if source != target and old != c:
                    orders = [captions.recolour(bare, c, dice, dice.random() < (0.15 if core else 0.06)) for _ in range(4)]
                    plan.learn("recolour", source, target, orders, weight)
    if dice.random() < (0.6 if everyday else 0.15):
        c = dice.choice(sorted(BACKGROUNDS))
        target = plan.picture("background", c, sprite)
        word = dice.choice(words)
        plan.learn("coloured", -1, target, [t.format(a=nouns.article(word), w=word, c=c, ac=nouns.article(c)) for t in captions.BACKGROUND[:3]], 0.5 * weight)
        plan.learn("background", base, target, [t.format(c=c, ac=nouns.article(c)) for t in captions.TO_BACKGROUND], 2)
        plan.learn("background", target, base, captions.NO_BACKGROUND, 0.7)
    if everyday:
        small = plan.picture("small", None, sprite)
        plan.learn("scene", -1, small, [t.format(w=dice.choice(words)) for t in captions.SMALL], 0.4 * weight)
        plan.learn("resize", base, small, captions.SMALLER, 1, "smaller")
        plan.learn("resize", small, base, captions.BIGGER, 1, "bigger")
        plan.learn("flip", base, flipped, captions.FLIP, 1, "flip")
        plan.learn("flip", flipped, base, captions.FLIP, 1, "flip")
        if dice.random() < 0.4:
            turns, orders = dice.choice([(1, captions.ROTATE_LEFT), (2, captions.UPSIDE_DOWN), (3, captions.ROTATE_RIGHT)])
            plan.learn("rotate", base, plan.picture("rotate", turns, sprite), orders, 1.5, TURNS[turns])
        if dice.random() < 0.25 and colour not in ("grey", "black", "white"):
            plan.learn("style", base, plan.picture("greyscale", None, sprite), captions.GREYSCALE, 2)
    plan.learn("inpaint", base, base, texts, weight)
    return base


def plan_scenes(plan: Plan, pictures: np.ndarray, table: list[dict], count: int, dice: random.Random) -> None:
    families = defaultdict(list)
    for i, entry in enumerate(table):
        if entry["name"] in CORE:
            families[entry["family"]].append(i)
    for _ in range(count):
        pair = dice.sample(families[dice.choice(["noto", "twemoji", "flat", "fluent3d", "emojione"])], 2)
        a, b = (nouns.article(nouns.words(table[i]["name"], table[i]["label"])[0]) for i in pair)
        texts = [t.format(a=a, b=b) for t in dice.sample(captions.SCENE_SIDES, 2) + dice.sample(captions.SCENE, 1)]
        plan.learn("scene", -1, plan.picture("scene", None, pictures[pair]), texts, 1)


def plan_turns(plan: Plan, pictures: np.ndarray, bases: list[int], dice: random.Random) -> None:
    """Drawings in all four turns, each to each."""
    for sprite, base in zip(pictures, bases):
        turned = [base, *[plan.picture("rotate", turns, sprite) for turns in TURNS]]
        for before in range(4):
            for turns, move in TURNS.items():
                orders = {1: captions.ROTATE_LEFT, 2: captions.UPSIDE_DOWN, 3: captions.ROTATE_RIGHT}[turns]
                plan.learn("rotate", turned[before], turned[(before + turns) % 4], orders, 1 if before == 0 else 0.3, move)


def plan_things(plan: Plan, pictures: np.ndarray, table: list[dict], bases: list[int]) -> None:
    """Things at half size on either side, and one drawing in several renderings."""
    for sprite, entry, base in zip(pictures, table, bases):
        left, right = (plan.picture("half", x, sprite) for x in (32, 96))
        plan.things.append({"whole": base, "left": left, "right": right, "family": entry["family"], "noun": JUDGED_CLASS[entry["name"]],
                            "words": nouns.words(entry["name"], entry["label"]), "weight": captions.weight(entry["name"], entry["family"])})
    renderings = defaultdict(dict)
    for entry, base in zip(table, bases):
        if entry["family"] in ("flat", "fluent", "fluent3d"):
            renderings[entry["name"]][entry["family"]] = base
    for found in renderings.values():
        for before in found:
            for after in found:
                if before != after:
                    plan.learn("style", found[before], found[after], [t.format(s=sprites.STYLES[after]) for t in captions.STYLE_ORDERS], 1)


def encode_bank(jobs: list[tuple], model: Autoencoder, pool) -> np.ndarray:
    """Raw latents of every picture, float32 [n,4,16,16]."""
    out = np.empty((len(jobs), 4, 16, 16), np.float32)
    start, chunk, done = time.time(), [], 0
    for i, picture in enumerate(pool.imap(draw, jobs, chunksize=32)):
        chunk.append(picture)
        if len(chunk) == 128 or i == len(jobs) - 1:
            pixels = torch.from_numpy(np.stack(chunk)).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=FAST_KIND is torch.bfloat16):
                out[done : i + 1] = model.encoder(pixels).float().numpy()
            done, chunk = i + 1, []
            if done % 5120 == 0:
                print(f"{done} of {len(jobs)} pictures, {done / (time.time() - start):.0f}/s", flush=True)
    return out


def encode_texts(texts: list[str]) -> np.ndarray:
    """Tokens float16 [n,16,384], computed in order of length; bf16 errors are far below the noise that training adds."""
    out = np.zeros((len(texts), TOKENS, WIDTH), np.float16)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), 256):
        part = order[start : start + 256]
        with torch.autocast("cpu", torch.bfloat16, enabled=FAST_KIND is torch.bfloat16):
            out[part] = encode_batch([texts[i] for i in part])
        if start % 12800 == 0:
            print(f"{start} of {len(texts)} texts", flush=True)
    return out


def write_tokens(texts: list[str], known: dict[str, int]) -> None:
    """Tokens of every text; those that are `known` are taken from the file that is there."""
    fresh = [text for text in texts if text not in known]
    computed = dict(zip(fresh, encode_texts(fresh)))
    old = np.load(work("data", "tokens.npy"), mmap_mode="r") if known else None
    tokens = np.stack([computed[text] if text in computed else old[known[text]] for text in texts])
    np.save(work("data", "tokens.part.npy"), tokens)
    work("data", "tokens.part.npy").replace(work("data", "tokens.npy"))
    pieces = tokens[:4000, 1:].astype(np.float32)
    print(f"word pieces: std {pieces[np.abs(pieces).sum(-1) > 0].std():.4f}")


def planned(scenes: int, turns: int, pool) -> tuple[Plan, int]:
    """The whole plan, and the place of the empty picture."""
    pictures = np.load(work("data", "sprites.npy"))
    table = json.loads(work("data", "sprites.json").read_text())
    dice, plan, bases = random.Random(0), Plan(), {}
    kept = [i for i, entry in enumerate(table) if entry["family"] != sprites.HELD_OUT]
    for i, (colour, paintable) in zip(kept, pool.imap(analyse, (pictures[i] for i in kept), chunksize=32)):
        bases[i] = plan_one(plan, pictures[i], table[i], colour, paintable, dice)
    plan_scenes(plan, pictures[kept], [table[i] for i in kept], scenes, dice)
    blank = plan.picture("plain", None, np.zeros((128, 128, 4), np.uint8))
    plan.learn("inpaint", blank, blank, captions.ERASE, 0)
    # What the judge is measured on is no source of an edit and no part of a scene.
    aside = set(judge.split()[1])
    free = [i for i in kept if i not in aside and table[i]["name"] in JUDGED_CLASS]
    chosen = sorted(dice.sample(free, turns))
    plan_turns(plan, pictures[chosen], [bases[i] for i in chosen], dice)
    plan_things(plan, pictures[free], [table[i] for i in free], [bases[i] for i in free])
    return plan, blank


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--scenes", type=int, default=3000)
    arguments.add_argument("--turns", type=int, default=1000, help="drawings that are seen in all four turns")
    arguments.add_argument("--dry", action="store_true", help="plan only, and print what it holds")
    arguments.add_argument("--keep", action="store_true", help="keep the latents' mean and deviation of the autoencoder's checkpoint, as one restored from shipped graphs needs")
    arguments.add_argument("--extend", action="store_true", help="keep the latents and tokens that are there: the plan begins as it did, and the latents' mean and deviation stay")
    options = arguments.parse_args()
    torch.set_num_threads(2)
    start, dice = time.time(), random.Random(1)
    pool = multiprocessing.get_context("fork").Pool(2)
    plan, blank = planned(options.scenes, options.turns, pool)
    known = {text: i for i, text in enumerate(json.loads(work("data", "texts.json").read_text()))} if options.extend else {}
    texts = sorted({text for sample in plan.samples for text in sample[3]})
    place = {text: i for i, text in enumerate(texts)}
    print(f"{len(plan.jobs)} pictures, {len(plan.samples)} samples, {len(plan.things)} things, {len(texts)} texts ({len(set(texts) - set(known))} new), {time.time() - start:.0f} s", flush=True)
    kinds = list(SHARES)
    flat, offsets = [], [0]
    for sample in plan.samples:
        flat += [place[text] for text in sample[3]]
        offsets.append(len(flat))
    for kind in kinds:
        found = [s for s in plan.samples if s[0] == kind]
        print(kind, len(found), [dice.choice(s[3]) for s in dice.sample(found, min(12, len(found)))])
    if options.dry:
        return
    model = Autoencoder().to(memory_format=torch.channels_last)
    model.load_state_dict(torch.load(work("checkpoints", "autoencoder.pt")))
    model.eval()
    old = np.load(work("data", "bank.npy")) if options.extend else None
    latents = encode_bank(plan.jobs[len(old):] if options.extend else plan.jobs, model, pool)
    pool.close()
    if options.extend or options.keep:
        mean, deviation = model.mean.numpy(), model.std.numpy()
    else:
        base = latents[sorted({s[2] for s in plan.samples if s[0] in ("plain", "coloured")})]
        mean, deviation = base.mean((0, 2, 3), keepdims=True), base.std((0, 2, 3), keepdims=True)
        model.mean.copy_(torch.from_numpy(mean))
        model.std.copy_(torch.from_numpy(deviation))
        torch.save(model.state_dict(), work("checkpoints", "autoencoder.pt"))
    fresh = ((latents - mean) / deviation).astype(np.float16)
    np.save(work("data", "bank.part.npy"), np.concatenate([old, fresh]) if options.extend else fresh)
    print(f"latents: mean {mean.flatten()}, std {deviation.flatten()}, {time.time() - start:.0f} s", flush=True)
    write_tokens(texts, known)
    work("data", "bank.part.npy").replace(work("data", "bank.npy"))
    np.savez(work("data", "plan.npz"), kinds=kinds, shares=list(SHARES.values()), kind=[kinds.index(s[0]) for s in plan.samples], source=[s[1] for s in plan.samples],
             target=[s[2] for s in plan.samples], weight=[s[4] for s in plan.samples], move=[MOVES.index(s[5]) for s in plan.samples], texts=np.array(flat), offsets=np.array(offsets), blank=blank)
    work("data", "things.json").write_text(json.dumps(plan.things))
    work("data", "texts.json").write_text(json.dumps(texts))
    print(f"done in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
