"""Clips of the traditional tunes, each on every instrument: python -m training.audio.named_tunes. Knows no models but the components and the sentence encoder.

A tune named in words should be that tune: here it has one of two tempi and one of two keys of its instrument, so that little is left to chance and much is heard often.
Writes data/audio/tunes.npz (latents [n,64,64], captions' places [n,4], notes [n,3]: place of the tune, seconds of a beat, tonic), tunes-tokens.npy and tunes-texts.json.
Wordings of the evaluation are left out.
"""
import json
import random

import numpy as np
import torch

from training.audio.compose import SAMPLES, Bank, levelled, put
from training.audio.latents import load_components
from training.audio.mel import log_mel
from training.conditioning import conditioning_tokens
from training.data.sounds import INSTRUMENTS, SOUNDS, caption, the
from training.data.tunes import TUNES, line
from training.paths import work

#: Seconds of a beat by the word that goes with it.
TEMPI = {"": 0.27, "fast ": 0.22}
WAYS = ["{x} plays {t}", "{t} played on {x}", "{t} by {x}", "{x}: {t}", "the tune {t} on {x}", "{t}, {x}", "{x} playing the tune {t}", "let {x} play {t}", "the melody of {t} on {d}", "{t} with {x}"]


def middle(bank: Bank, instrument: str) -> int:
    """The tonic that puts a tune in the middle of an instrument's keys."""
    keys = sorted(e["key"] for e in bank.by_name[instrument])
    return round(keys[0] + 1 + (keys[-1] - keys[0] - 13) * 0.5)


def rendered(dice: random.Random, bank: Bank, tune: str, instrument: str, beat: float) -> tuple[np.ndarray, int]:
    """A tune from its first note on, levelled, and its tonic; louder notes alone, cut where the next begins, so that each is told from its neighbours."""
    clip, tonic = np.zeros(SAMPLES, np.float32), middle(bank, instrument) + dice.choice([0, 2])
    variant = sorted({e["variant"] for e in bank.by_name[instrument]} - {5, 6, 7})[0]
    for start, beats, semitones in line(TUNES[tune]):
        put(clip, bank.note(dice, instrument, tonic + semitones, variant, 112), 0.06 + start * beat, 0.95, beats * beat + 0.06)
    return levelled(clip, 1).astype(np.float32), tonic


@torch.inference_mode()
def main(each: int = 12) -> None:
    torch.set_num_threads(1)
    dice, bank, components = random.Random(7), Bank("train"), load_components()
    names = [name for name in bank.by_name if name in SOUNDS and SOUNDS[name].family in INSTRUMENTS]
    latents, said, notes = [], [], []
    asked = {way.format(t=tune, i=i) for tune in TUNES for name in names for i in (name, f"a {name}") for way in ("{t} on the {i}", "{i} playing {t}", "play {t} with {i}")}
    for tune in TUNES:
        for name in names:
            for _ in range(each):
                word = dice.choice(list(TEMPI))
                wave, tonic = rendered(dice, bank, tune, name, TEMPI[word])
                notes.append((list(TUNES).index(tune), TEMPI[word], tonic))
                mel = log_mel(torch.from_numpy(wave[None]))
                latents.append(components.encode(mel)[0].half().numpy())
                what = f"{word}{tune}" if word and dice.random() < 0.5 else tune
                thing = dice.choice(SOUNDS[name].things)
                texts = [dice.choice(WAYS).format(x=thing, d=the(thing), t=what) for _ in range(3)] + [caption(dice, name, {"what": what, "level": 1, "density": 1, "pattern": 7, "count": 0})]
                said.append([text for text in texts if tune in text and text not in asked] or [f"the tune {tune} played by {thing}"])
    texts = sorted({text for some in said for text in some}, key=lambda text: (len(text), text))
    place = {text: i for i, text in enumerate(texts)}
    np.save(work("data", "audio", "tunes-tokens.npy"), np.concatenate([conditioning_tokens(texts[at:at + 256]) for at in range(0, len(texts), 256)]).astype(np.float16))
    np.savez(work("data", "audio", "tunes.npz"), latents=np.stack(latents), notes=np.array(notes), captions=np.array([[place[some[k % len(some)]] for k in range(4)] for some in said]))
    work("data", "audio", "tunes-texts.json").write_text(json.dumps(texts))
    print(f"{len(latents)} clips of {len(names)} instruments, {len(texts)} captions, such as {texts[:: len(texts) // 8]}")


if __name__ == "__main__":
    main()
