"""The shards side by side for training, and the eventful clips for the sounds: python -m training.video.prepare [--events-only].

Writes data/clips/latents.npy [n,16,4,16,16], matrices.npy, rows.json, texts.json, tokens.npy [m,16,384], and clips.json with clips-latents.npy
(float16 [k,16,1024], the latents of frames flattened) of the clips with events. Knows no model but the sentence encoder.
"""
import argparse
import json
import re

import numpy as np
import torch

from training.data.motions import EVENTFUL, RATE
from training.image.latents import encode_texts
from training.paths import work
from training.video.clips import load_shards

SWAPS = {"left": "right", "right": "left", "leftwards": "rightwards", "rightwards": "leftwards", "clockwise": "counterclockwise", "counterclockwise": "clockwise"}
SIDED = re.compile(r"\b(" + "|".join(SWAPS) + r")\b")


def mirrored(text: str) -> str:
    """What is said about the clip seen in a mirror."""
    return SIDED.sub(lambda found: SWAPS[found.group()], text)


def write_events(latents: np.ndarray, rows: list[dict]) -> None:
    chosen = [i for i, row in enumerate(rows) if row["kind"] in EVENTFUL]
    np.save(work("data", "clips", "clips-latents.npy"), latents[chosen].reshape(len(chosen), 16, 1024))
    clips = [{k: rows[i][k] for k in ("kind", "caption", "captions", "noun", "colour", "events", "split")} for i in chosen]
    work("data", "clips", "clips.json").write_text(json.dumps({"framesPerSecond": RATE, "latents": "normalised, 4 x 16 x 16 flattened", "clips": clips}))
    print(f"{len(chosen)} clips with events, {sum(len(c['events']) for c in clips)} events")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--events-only", action="store_true")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    arrays, rows = load_shards()
    write_events(arrays["latents"], rows)
    if options.events_only:
        return
    np.save(work("data", "clips", "latents.npy"), arrays["latents"])
    np.save(work("data", "clips", "matrices.npy"), arrays["matrices"])
    said = {text for row in rows for text in row["captions"]}
    texts = sorted(said | {mirrored(text) for text in said})
    place = {text: i for i, text in enumerate(texts)}
    for row in rows:
        row["texts"] = [place[text] for text in row["captions"]]
        row["mirrored"] = [place[mirrored(text)] for text in row["captions"]]
    difference = arrays["latents"][::7].astype(np.float32) - arrays["latents"][::7, :1]
    print(f"{len(rows)} clips, {len(texts)} texts, differences: std {difference[:, 1:].std():.4f}, scale {1 / difference[:, 1:].std():.4f}", flush=True)
    work("data", "clips", "rows.json").write_text(json.dumps(rows))
    work("data", "clips", "texts.json").write_text(json.dumps(texts))
    np.save(work("data", "clips", "tokens.npy"), encode_texts(texts))


if __name__ == "__main__":
    main()
