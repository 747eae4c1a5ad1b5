"""Clips of four seconds put together from the bank: sounds repeated and overlaid, music, rhythms, hits at given times. Knows no captions' wording.

A clip is float32 [65536] with a label: class, pattern, height, density, level and, where they apply, count, what is played and the second class.
"""
import json
import random

import numpy as np
from scipy.signal import lfilter

from training.data.sounds import INSTRUMENTS as FAMILIES_OF_INSTRUMENTS
from training.data.sounds import NAMES, SOUNDS
from training.data.tunes import RHYTHMS, SINGLE_DRUMS, draw_music
from training.paths import work

RATE, SAMPLES = 16000, 65536
#: Sounds that fill a clip by themselves; the others are repeated.
LASTING = {"horse", "rain", "thunder", "wind", "stream", "sea", "bubbles", "helicopter", "car engine", "car passing", "jet plane", "starship", "applause", "machine gun", "siren", "train", "wind chimes"}
#: Sounds of one clip: seldom more than one (they are long), or often several.
SELDOM = {"door creak", "door slam", "car crash", "car brakes", "explosion", "thunder", "scream", "laughter", "gunshot", "punch", "burp"}
BACKGROUNDS = ["rain", "wind", "stream", "sea", "applause", "train", "helicopter", "bird", "thunder"]
#: Sounds short enough to be heard at the events of a moving picture.
SHORT = ["dog", "drums", "gunshot", "footsteps", "bell", "beep", "knock", "punch", "laser gun", "xylophone", "piano", "explosion", "crow", "heartbeat"]
PURE = {"beep", "alarm", "sweep", "noise", "knock", "bounce"}


class Bank:
    """The rendered sounds; `split` chooses which renders a clip may use."""

    def __init__(self, split: str):
        self.waves = np.load(work("audio", "bank.npy"), mmap_mode="r")
        self.by_name: dict[str, list[dict]] = {}
        for entry in json.loads(work("audio", "bank.json").read_text()):
            if entry["split"] in (split, "both"):
                self.by_name.setdefault(entry["name"], []).append(entry)

    def wave(self, entry: dict, shift: float = 0.0) -> np.ndarray:
        """The sound moved by semitones (and so in length), float32."""
        wave = self.waves[entry["start"] : entry["end"]].astype(np.float32) / 32000
        return wave if abs(shift) < 0.01 else resampled(wave, 2 ** (shift / 12))

    def note(self, dice, name: str, key: float, variant: int, velocity: int | None = None) -> np.ndarray:
        near = [e for e in self.by_name[name] if e["variant"] == variant] or self.by_name[name]
        least = min(abs(e["key"] - key) for e in near)
        entry = dice.choice([e for e in near if abs(e["key"] - key) <= least + 0.1 and (velocity is None or e["velocity"] == velocity or len(near) < 20)] or near)
        return self.wave(entry, key - entry["key"])


def resampled(wave: np.ndarray, speed: float) -> np.ndarray:
    return np.interp(np.arange(0, len(wave) - 1, speed), np.arange(len(wave)), wave).astype(np.float32)


def put(clip: np.ndarray, wave: np.ndarray, start: float, gain: float = 1.0, length: float | None = None) -> None:
    """Adds a wave at `start` seconds, faded out after `length` seconds."""
    at = int(start * RATE)
    if at >= len(clip) or at < 0:
        return
    if length is not None and len(wave) > (size := int(length * RATE)):
        fade = min(1600, size)
        wave = wave[:size].copy()
        wave[-fade:] *= np.linspace(1, 0, fade)
    wave = wave[: len(clip) - at]
    clip[at : at + len(wave)] += gain * wave


def levelled(clip: np.ndarray, level: int) -> np.ndarray:
    """Its loudest tenths at a stated level, never clipped."""
    power = np.sqrt(np.square(clip[: len(clip) // 1600 * 1600].reshape(-1, 1600)).mean(1))
    loud = np.sqrt(np.square(np.sort(power)[-8:]).mean()) + 1e-6
    clip = clip * ((0.045, 0.13, 0.22)[level] / loud)
    peak = np.abs(clip).max()
    return clip * min(1, 0.92 / max(peak, 1e-6))


def decaying(length: float) -> np.ndarray:
    return np.exp(-np.arange(int(5 * length * RATE)) / (length * RATE))


def made(dice, name: str) -> np.ndarray:
    """One hit of a made-up sound: thud or boing of a ball, knock on wood, beep."""
    noise = np.random.RandomState(dice.randrange(1 << 30))
    if name == "bounce":
        envelope = decaying(dice.uniform(0.05, 0.1))
        time = np.arange(len(envelope)) / RATE
        low = dice.uniform(70, 140)
        pitch = low * (1 + dice.uniform(0.6, 1.8) * np.exp(-time * 30)) if dice.random() < 0.7 else low * (1.6 + 1.2 * time / time[-1])
        thud = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * envelope
        thud[:200] += 0.25 * noise.randn(200) * np.linspace(1, 0, 200)
        return thud.astype(np.float32)
    if name == "knock":
        envelope = decaying(dice.uniform(0.018, 0.04))
        f = dice.uniform(250, 700)
        r = 0.985
        wood = lfilter([1], [1, -2 * r * np.cos(2 * np.pi * f / RATE), r * r], noise.randn(len(envelope)) * envelope**4)
        return (wood / np.abs(wood).max() * envelope**0.5).astype(np.float32)
    length = dice.choice([0.08, 0.12, 0.2])
    time = np.arange(int(length * RATE)) / RATE
    f = dice.choice([660, 880, 1000, 1320, 1760])
    return (np.sin(2 * np.pi * f * time) * np.minimum(1, np.minimum(time, length - time) * 200)).astype(np.float32)


def hit(dice, bank: Bank, kind: str, noun: str = "") -> tuple[np.ndarray, str]:
    """The sound that one event makes (attack first), and its class: bounce, knock, beat or flash, or a class by name."""
    if kind == "bounce":
        return (made(dice, "bounce"), "bounce") if dice.random() < 0.75 else (bank.wave(dice.choice(bank.by_name["taiko"] + bank.by_name["tom"]), dice.uniform(-6, 0))[:6000], "bounce")
    if kind == "knock":
        return (made(dice, "knock"), "knock") if dice.random() < 0.6 else (bank.wave(dice.choice(bank.by_name["woodblock"] + [e for e in bank.by_name["drums"] if e["key"] in (76, 77, 37)]), dice.uniform(-8, -2)), "knock")
    if kind == "beat":
        if "heart" in noun:
            return bank.wave(dice.choice(bank.by_name["heartbeat"]), dice.uniform(-1, 1)), "heartbeat"
        return bank.wave(dice.choice([e for e in bank.by_name["drums"] if e["key"] in (35, 36, 38, 41, 45)] + bank.by_name["taiko"]), dice.uniform(-2, 1))[:8000], "drums"
    if kind == "flash":
        return made(dice, "beep"), "beep"
    if kind in PURE:
        return made(dice, kind), kind
    entry = dice.choice([e for e in bank.by_name[kind] if kind != "drums" or e["key"] in (36, 38, 45, 49)])
    return bank.wave(entry, dice.uniform(-1, 1))[:9600], kind


def struck(dice, bank: Bank, kind: str, noun: str, times: list[float]) -> tuple[np.ndarray, str]:
    """A hit at each of the times, the same one with small changes of loudness."""
    clip = np.zeros(SAMPLES, np.float32)
    wave, name = hit(dice, bank, kind, noun)
    loud = np.abs(wave)
    lead = np.argmax(loud > 0.25 * loud.max()) / RATE  # the attack falls on the event
    for t in times:
        put(clip, wave, max(0.0, t - lead), dice.uniform(0.75, 1), 0.9)
    return clip, name


def pure(dice, name: str) -> tuple[np.ndarray, dict]:
    """Beeps, alarms, sweeps, noise, knocks and bouncing, by formula."""
    clip, label = np.zeros(SAMPLES, np.float32), {"pattern": 1, "density": 1}
    time = np.arange(SAMPLES) / RATE
    noise = np.random.RandomState(dice.randrange(1 << 30))
    if name == "noise":
        colour = dice.choice([0.0, 0.5])
        return lfilter([1], [1, -colour], noise.randn(SAMPLES)).astype(np.float32), {"pattern": 2, "density": 1}
    if name == "sweep":
        low, high = dice.uniform(150, 400), dice.uniform(1200, 3500)
        up = dice.random() < 0.5
        length = dice.choice([1.0, 2.0, 4.0])
        pitch = low * (high / low) ** ((time / length) % 1)
        pitch = pitch if up else low * high / pitch
        return np.sin(2 * np.pi * np.cumsum(pitch) / RATE).astype(np.float32), {"pattern": 2, "density": 1}
    if name == "alarm":
        a, b, rate = dice.uniform(600, 900), dice.uniform(1000, 1500), dice.choice([1.5, 2, 4])
        pitch = np.where((time * rate) % 1 < 0.5, a, b if dice.random() < 0.6 else a)
        gate = 1.0 if pitch.max() > pitch.min() else ((time * rate) % 1 < 0.5)
        return (np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * gate).astype(np.float32), {"pattern": 1, "density": 2 if rate > 2 else 1}
    wave = made(dice, name)
    if name == "bounce" and dice.random() < 0.5:
        t, gap, gain = 0.1, dice.uniform(0.6, 0.9), 1.0
        while t < 4 and gap > 0.06:
            put(clip, wave, t, gain)
            t, gap, gain = t + gap, gap * 0.78, gain * 0.85
        return clip, label
    gap = dice.choice([0.22, 0.3, 0.5, 0.8])
    count = dice.choice([1, 2, 3, 4, 20])
    for k in range(count):
        put(clip, wave, 0.1 + k * gap, dice.uniform(0.85, 1))
    return clip, {"pattern": 0 if count == 1 else 1, "density": 2 if gap < 0.35 else 0 if gap > 0.6 else 1, "count": count if count < 5 else 0}


def effect(dice, bank: Bank, name: str) -> tuple[np.ndarray, dict]:
    """A sound of the bank: lasting, or once, or again and again."""
    clip = np.zeros(SAMPLES, np.float32)
    entry = dice.choice(bank.by_name[name])
    wave = bank.wave(entry, dice.uniform(-0.9, 0.9))
    if name in LASTING:
        if len(wave) > SAMPLES and name not in ("thunder", "car passing"):
            start = dice.choice([0, dice.randrange(len(wave) - SAMPLES)])
            wave = wave[start:]
        put(clip, wave, 0)
        if len(wave) < SAMPLES - 8000:
            put(clip, wave, len(wave) / RATE + 0.05, 0.9)
        return clip, {"pattern": 2, "density": 1}
    length = len(wave) / RATE
    count = dice.choice([1, 1, 2, 2] if name in SELDOM else [1, 2, 3, 4, 20, 20, 20])
    gap = max(length * 0.95, 0.25) + dice.choice([0.0, 0.12, 0.3, 0.6])
    if name in ("heartbeat", "footsteps"):
        count, gap = 20, dice.choice([0.42, 0.55, 0.75, 0.95])
    start, times = dice.uniform(0, 0.25), 0
    for k in range(count):
        if start + min(length, 0.5) > 4.1:
            break
        put(clip, wave if dice.random() < 0.7 else bank.wave(entry, dice.uniform(-1, 1)), start, dice.uniform(0.8, 1))
        start, times = start + gap * (dice.uniform(0.92, 1.1) if name not in ("heartbeat",) else 1), times + 1
    return clip, {"pattern": 0 if times == 1 else 1, "density": 2 if gap < 0.45 else 0 if gap > 0.85 else 1, "count": times if times < 5 and count < 20 else 0}


def music(dice, bank: Bank, name: str) -> tuple[np.ndarray, dict]:
    """An instrument of the bank playing notes."""
    clip, played = np.zeros(SAMPLES, np.float32), draw_music(dice)
    keys = sorted(e["key"] for e in bank.by_name[name])
    low, high = keys[0], keys[-1]
    height = dice.choice([0, 1, 1, 2])
    tonic = low + 1 + (high - low - 13) * (height / 2 * 0.9 + dice.uniform(0, 0.1))
    if played["pattern"] == 9:
        tonic = low + 7 + (high - low - 11) * (height / 2 * 0.9 + dice.uniform(0, 0.1))
    tonic = round(max(low, tonic))
    variant, velocity = dice.choice(sorted({e["variant"] for e in bank.by_name[name]} - {5, 6, 7})), dice.choice([112, 112, 64])
    offset = dice.uniform(0, 0.15)
    for start, beats, semitones in played["notes"]:
        wave = bank.note(dice, name, tonic + semitones, variant, velocity)
        put(clip, wave, offset + start * played["beat"], dice.uniform(0.85, 1), beats * played["beat"] * (1.0 if played["pattern"] != 9 else 3) + 0.12)
    what = played["what"].replace("{height}", ("low ", "", "high ")[height])
    return clip, {"pattern": played["pattern"], "density": played["density"], "what": what, "height": height}


def rhythm(dice, bank: Bank) -> tuple[np.ndarray, dict]:
    """A drum pattern, or one drum again and again, or a roll."""
    clip = np.zeros(SAMPLES, np.float32)
    variant = dice.choice([0, 1, 2])
    choose = lambda key: bank.wave(dice.choice([e for e in bank.by_name["drums"] if e["key"] == key and e["variant"] == variant] or [e for e in bank.by_name["drums"] if e["key"] == key] or bank.by_name["taiko"]))
    draw = dice.random()
    if draw < 0.6:
        what = dice.choice(list(RHYTHMS))
        step = dice.choice([0.1, 0.125, 0.15, 0.18]) if what != "a slow beat" else 0.22
        waves = {key: choose(key) for key in RHYTHMS[what]}
        for key, pattern in RHYTHMS[what].items():
            for k in range(int(4.1 / step)):
                if pattern[k % 16] == "x":
                    put(clip, waves[key], k * step, dice.uniform(0.75, 1) * (0.4 if key in (42, 46) else 1))
        if dice.random() < 0.25:
            what = "a " + ("fast " if step < 0.11 else "") + "drum beat"
        return clip, {"pattern": 8, "density": 2 if step < 0.12 else 0 if step > 0.16 else 1, "what": what}
    if draw < 0.75:
        wave = choose(38)
        for k in range(int(4 / 0.07)):
            put(clip, wave, k * 0.07 + dice.uniform(0, 0.008), dice.uniform(0.5, 1) * (0.5 + 0.5 * k / 57))
        return clip, {"pattern": 1, "density": 2, "what": "a drum roll"}
    what = dice.choice(list(SINGLE_DRUMS))
    key, count, gap = dice.choice(SINGLE_DRUMS[what]), dice.choice([1, 2, 4, 12]), dice.choice([0.35, 0.5, 0.8])
    wave = choose(key)
    for k in range(count):
        put(clip, wave, 0.1 + k * gap, dice.uniform(0.85, 1))
    return clip, {"pattern": 0 if count == 1 else 1, "density": 1, "what": what}


def single(dice, bank: Bank, name: str) -> tuple[np.ndarray, dict]:
    """A clip of one class before levelling, and its label."""
    if name in PURE and (name not in bank.by_name or dice.random() < 0.75):
        clip, label = pure(dice, name)
    elif name == "drums":
        clip, label = rhythm(dice, bank)
    elif SOUNDS[name].family in FAMILIES_OF_INSTRUMENTS or name == "choir":
        clip, label = music(dice, bank, name)
    else:
        clip, label = effect(dice, bank, name)
    return clip, {"height": -1, "count": 0, "what": None, "second": None} | label | {"name": name}


def compose(dice: random.Random, bank: Bank, name: str, overlay: float = 0.08) -> tuple[np.ndarray, dict]:
    """A levelled clip of a class; with a chance of `overlay` another class is under it."""
    clip, label = single(dice, bank, name)
    label["level"] = dice.choices([0, 1, 2], [2, 6, 2])[0]
    if dice.random() < overlay and name not in BACKGROUNDS:
        label["second"] = dice.choice([n for n in BACKGROUNDS + (["dog", "piano", "drums", "bell"] if SOUNDS[name].family not in FAMILIES_OF_INSTRUMENTS else []) if n != name])
        other, _ = single(dice, bank, label["second"])
        clip = levelled(clip, 1) + dice.uniform(0.3, 0.6) * levelled(other, 1)
        label["level"] = 1
    return levelled(clip, label["level"]).astype(np.float32), label


def classes(dice: random.Random, count: int, forty: list[str]) -> list[str]:
    """Class of every clip: the forty twice as often as the rest; those with much inside (music, drums) more often."""
    weights = [(2 if n in forty else 1) * (1.6 if SOUNDS[n].family in FAMILIES_OF_INSTRUMENTS or n in ("drums", "choir") else 1) for n in NAMES]
    return dice.choices(NAMES, weights, k=count)
