"""All clips of sound as samples, log-mels and labels: python -m training.audio.prepare. Knows no models.

Writes data/audio/{samples.npy int16 [N,65536], mels.npy float16 [N,128,256], rows.json}: training clips, held-out ones (other renders), hits in step with moving pictures.
"""
import argparse
import json
import random

import numpy as np
import torch

from training.audio.compose import SAMPLES, SHORT, Bank, classes, compose, levelled, single, struck
from training.audio.mel import log_mel
from training.data.sounds import FORTY, NAMES, SOUNDS, caption
from training.paths import work


def in_step(dice: random.Random, bank: Bank, clips: list[dict], index: int) -> tuple[np.ndarray, dict]:
    """The sound of one moving picture, or of two after each other; a fifth has another class at the events, a tenth a lasting sound that pays them no heed."""
    clip = clips[index]
    shift = dice.choice([0.0, 0.0, 0.0, dice.uniform(0, 1.9)])
    times, follows = [t + shift for t in clip["events"]], None
    alike = [i for i in range(len(clips)) if clips[i]["kind"] == clip["kind"] and clips[i]["split"] == clip["split"]]
    if shift == 0 and dice.random() < 0.3:
        follows = dice.choice(alike)
        times += [t + 2.0 for t in clips[follows]["events"]]
    draw, noun = dice.random(), clip["noun"]
    label = {"pattern": 1, "density": 1, "height": -1, "count": 0, "what": None, "second": None, "level": 1, "clip": index, "follows": follows, "shift": shift, "events": times}
    text = dice.choice(clip["captions"])
    if draw < 0.1:
        name = dice.choice(["rain", "wind", "train", "applause", "sea", "violin", "piano"])
        wave, _ = single(dice, bank, name)
        text = dice.choice(SOUNDS[name].events)
    elif draw < 0.3:
        wave, name = struck(dice, bank, dice.choice(SHORT), noun, times)
        text = dice.choice(SOUNDS[name].events + SOUNDS[name].things)
    else:
        wave, name = struck(dice, bank, clip["kind"], noun, times)
    return levelled(wave, 1).astype(np.float32), label | {"name": name, "kind": clip["kind"], "plain": draw >= 0.3, "captions": [text, dice.choice(clip["captions"]) if draw >= 0.3 else text]}


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--train", type=int, default=8200)
    arguments.add_argument("--test", type=int, default=720)
    arguments.add_argument("--steps", type=int, default=3200)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    clips = json.loads(work("data", "clips", "clips.json").read_text())["clips"]
    total = options.train + options.test + options.steps
    samples = np.lib.format.open_memmap(work("data", "audio", "samples.npy"), "w+", np.int16, (total, SAMPLES))
    mels = np.lib.format.open_memmap(work("data", "audio", "mels.npy"), "w+", np.float16, (total, 128, 256))
    rows = []

    def keep(wave: np.ndarray, label: dict, split: str) -> None:
        i = len(rows)
        samples[i] = np.rint(wave * 32000).astype(np.int16)
        rows.append(label | {"split": split})
        if len(rows) % 64 == 0 or len(rows) == total:
            first = (len(rows) - 1) // 64 * 64
            mels[first : len(rows)] = log_mel(torch.from_numpy(samples[first : len(rows)].astype(np.float32) / 32000)).numpy()

    for split, count, seed in (("train", options.train, 1), ("test", options.test, 2)):
        dice, bank = random.Random(seed), Bank(split)
        names = classes(dice, count, FORTY) if split == "train" else [FORTY[i % 40] if i < 480 else NAMES[i % len(NAMES)] for i in range(count)]
        for name in names:
            wave, label = compose(dice, bank, name, 0.08 if split == "train" else 0.0)
            keep(wave, label | {"captions": [caption(dice, name, label) for _ in range(4)]}, split)
    dice, banks = random.Random(3), {s: Bank(s) for s in ("train", "test")}
    held_out = [i for i, clip in enumerate(clips) if clip["split"] != "train"]
    trained = [i for i, clip in enumerate(clips) if clip["split"] == "train"]
    print(len(trained), "moving pictures to train on,", len(held_out), "held out")
    for k in range(options.steps):
        kept = held_out[k % len(held_out)] if held_out and k >= options.steps - 160 else None
        wave, label = in_step(dice, banks["test" if kept else "train"], clips, kept if kept is not None else dice.choice(trained))
        keep(wave, label, "test-step" if kept is not None else "step")
    samples.flush(), mels.flush()
    work("data", "audio", "rows.json").write_text(json.dumps(rows))
    texts = sorted({text for row in rows for text in row["captions"]})
    print(len(rows), "clips,", len(texts), "captions;", "silent:", sum(int(np.abs(samples[i]).max() < 500) for i in range(0, total, 7)), "of", total // 7)


if __name__ == "__main__":
    main()
