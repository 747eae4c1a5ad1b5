"""Trains the reader of tunes and writes checkpoints/audio-reader.pt: python -m training.audio.reader [STEPS]. Knows no sound.

It learns from the captions of the sounds, from requests made here and from near misses ("a twinkling star") which tune is named, how fast and on what; wordings of
the evaluation are left out.
"""
import json
import random
import sys

import numpy as np
import torch
import torch.nn.functional as F

from training.audio.compose import Bank
from training.audio.named_tunes import middle
from training.audio.plan import BEATS, LOWEST, TONICS, Plan
from training.conditioning import conditioning_tokens
from training.data.sounds import INSTRUMENTS, SOUNDS, the
from training.data.tunes import TUNES
from training.paths import work

REQUESTS = ["please play {t} on {x}", "can you play {t} with {x}?", "I would like to hear {t}", "{t}", "play {t}", "the song {t} on {d}", "{x} playing {w} version of {t}", "{w} {t} on {x}", "make a sound of {x} playing {t}", "play me {t} on {d}", "the tune of {t}, {x}", "hum {t}", "music: {t}"]
#: What is no tune although its words are near one.
OTHERS = ["a twinkling star", "a little star", "a bridge in london", "a falling bridge", "a little lamb", "a lamb called mary", "jingling bells", "sleigh bells", "bells ringing", "a boat on a stream", "someone rowing a boat", "row of boats", "moonlight", "the moon",
          "joy", "a joyful song", "an ode", "brother james sleeping", "a happy tune", "a sad melody on the piano", "music", "a song", "a lullaby", "play the piano", "play a tune on the violin", "a rising scale on the flute", "a major chord", "a star that twinkles", "bells"]


def told(text: str, tonics: dict[str, int]) -> tuple[int, int, int]:
    """Place of the tune (the last for none), of the tempo and of the tonic that a text asks for."""
    low = f" {text.lower()} "
    tune = next((i for i, name in enumerate(TUNES) if name in low), len(TUNES))
    # The longest name first: "electric guitar" before "guitar".
    thing = next((name for name in sorted(tonics, key=len, reverse=True) if name in low or any(word.split(" ", 1)[-1] in low for word in SOUNDS[name].things)), "piano")
    return tune, next((i for i, word in enumerate(BEATS) if word and f" {word} " in low), 0), tonics[thing] - LOWEST


def main(steps: int = 1500) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    dice, bank = random.Random(5), Bank("train")
    tonics = {name: middle(bank, name) for name in bank.by_name if name in SOUNDS and SOUNDS[name].family in INSTRUMENTS}
    stored = [(json.loads(work("data", "audio", name + "texts.json").read_text()), np.load(work("data", "audio", name + "tokens.npy"), mmap_mode="r")) for name in ("tunes-", "")]
    for folder in (("data",), ("data", "clips")):  # captions of pictures and of videos name no tune, "a pig jumps for joy" either
        path = work(*folder, "texts.json")
        if path.exists():
            own, table = json.loads(path.read_text()), np.load(work(*folder, "tokens.npy"), mmap_mode="r")
            rows = sorted(dice.sample(range(len(own)), min(6000, len(own))))
            stored.append(([own[i] for i in rows], table[rows]))
    asked = {way.format(t=t, i=i) for t in TUNES for name in tonics for i in (name, f"a {name}") for way in ("{t} on the {i}", "{i} playing {t}", "play {t} with {i}")}
    extra = {thing for name in tonics for thing in SOUNDS[name].things} | set(OTHERS)
    for name in tonics:
        for tune in TUNES:
            thing = dice.choice(SOUNDS[name].things)
            extra.add(dice.choice(REQUESTS).format(t=tune, x=thing, d=the(thing), w=dice.choice(["a slow", "a fast"])).replace("a slow " + tune, "slow " + tune).replace("a fast " + tune, "fast " + tune))
    extra = sorted((extra | {way.format(t=t, x="a piano", d="the piano", w="slow") for way in REQUESTS[:6] for t in TUNES}) - asked, key=len)
    texts = [text for own, _ in stored for text in own] + extra
    tokens = np.concatenate([tokens for _, tokens in stored] + [conditioning_tokens(extra).astype(np.float16)])
    labels = torch.tensor([told(text, tonics) for text in texts])
    named = labels[:, 0] < len(TUNES)
    kept = torch.tensor([text not in asked for text in texts])
    groups = [torch.nonzero(named & kept)[:, 0], torch.nonzero(~named)[:, 0], torch.arange(len(texts) - len(extra), len(texts))]
    print([len(g) for g in groups], "named, others, made here;", int((named & ~kept).sum()), "left out", flush=True)
    features = torch.from_numpy(np.concatenate([tokens[:, 0], tokens[:, 1:].sum(1, dtype=np.float32) / 4], 1)).float()
    count = torch.from_numpy((np.abs(tokens[:, 1:]).max(-1) > 0).sum(1)).float()
    model = Plan()
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3, weight_decay=0.05)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * min(1, 2 * (1 - step / steps))
        rows = torch.cat([g[torch.randint(len(g), (n,))] for g, n in zip(groups, (96, 96, 64))])
        # As the transformer's tokens: those of the output projector are not the sentence encoder's to the last digit.
        noise = torch.rand(len(rows), 1) * 0.5
        x = features[rows] + noise * torch.randn(len(rows), 768) * torch.cat([torch.ones(len(rows), 384), (count[rows].sqrt() / 4)[:, None].expand(-1, 384)], 1)
        tune, tempo, tonic = model.read(x).split([len(TUNES) + 1, len(BEATS), TONICS], 1)
        own = named[rows]
        loss = F.cross_entropy(tune, labels[rows, 0]) + F.cross_entropy(tempo[own], labels[rows][own, 1]) + F.cross_entropy(tonic[own], labels[rows][own, 2])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 250 == 249:
            print(step + 1, round(loss.item(), 4), flush=True)
    torch.save({name: value.half() for name, value in model.state_dict().items()}, work("checkpoints", "audio-reader.pt"))
    with torch.inference_mode():
        ways = [way.format(t=t, i=i) for t in TUNES for name in tonics for way, i in (("{t} on the {i}", name), ("{i} playing {t}", f"a {name}"), ("play {t} with {i}", f"a {name}"))]
        said, true = model.logits(torch.from_numpy(conditioning_tokens(ways)).float()), torch.tensor([told(text, tonics) for text in ways])
        print("wordings left out: tune, tempo, tonic", [round((a.argmax(1) == b).float().mean().item(), 3) for a, b in zip(said, true.T)])
        wrong = [text for text, is_tune in zip(texts, model.read(features)[:, : len(TUNES) + 1].argmax(1) < len(TUNES)) if is_tune and told(text, tonics)[0] == len(TUNES)]
        print("taken for a tune:", len(wrong), wrong[:12])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
