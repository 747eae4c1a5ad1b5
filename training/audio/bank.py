"""Single notes, hits and effects at 16 kHz, rendered once from sound fonts and samples: python -m training.audio.bank.

Fonts: fluid-soundfont-gm and -gs (MIT); samples: sonic-pi-samples (CC0). Knows no clips and no captions.
"""
import json
import struct
import subprocess

import numpy as np
import soundfile
from scipy.signal import resample_poly

from training.paths import work

RATE, RENDER_RATE = 16000, 32000
FONTS = "/usr/share/sounds/sf2/FluidR3_{}.sf2"
SAMPLES = "/usr/share/sonic-pi/samples/{}.flac"
#: Instrument to presets (bank, program) of the GM font and the lowest and highest key.
INSTRUMENTS = {
    "piano": ([(0, 0), (0, 1)], 40, 84), "organ": ([(0, 19), (8, 19), (0, 16)], 43, 79), "accordion": ([(0, 21), (8, 21)], 48, 79), "harpsichord": ([(0, 6)], 45, 79), "music box": ([(0, 10)], 60, 91),
    "guitar": ([(0, 24), (0, 25)], 40, 74), "electric guitar": ([(0, 29), (0, 30)], 40, 74), "banjo": ([(0, 105)], 48, 76), "harp": ([(0, 46)], 43, 84), "violin": ([(0, 40), (0, 110)], 55, 88),
    "cello": ([(0, 42)], 36, 65), "bass": ([(0, 32), (0, 33)], 28, 52), "flute": ([(0, 73), (0, 74)], 60, 91), "clarinet": ([(0, 71)], 50, 82), "saxophone": ([(0, 65), (0, 66)], 46, 76),
    "harmonica": ([(0, 22)], 55, 84), "bagpipe": ([(0, 109)], 55, 79), "whistle": ([(0, 78)], 66, 90), "trumpet": ([(0, 56), (0, 61)], 52, 82), "trombone": ([(0, 57), (0, 58)], 36, 64),
    "xylophone": ([(0, 13)], 65, 96), "marimba": ([(0, 12)], 45, 84), "choir": ([(0, 52), (0, 53)], 48, 79), "bell": ([(0, 14), (8, 14)], 55, 84)}
#: Effect to (font, bank, program).
EFFECTS = {
    "dog": ("GS", 1, 123), "horse": ("GS", 2, 123), "bird": ("GM", 0, 123), "bird#2": ("GS", 3, 123), "rain": ("GS", 1, 122), "thunder": ("GS", 2, 122), "wind": ("GS", 3, 122), "stream": ("GS", 4, 122),
    "sea": ("GM", 0, 122), "bubbles": ("GS", 5, 122), "telephone": ("GM", 0, 124), "telephone#2": ("GS", 1, 124), "door creak": ("GS", 2, 124), "door slam": ("GS", 3, 124), "scratch": ("GS", 4, 124),
    "wind chimes": ("GS", 5, 124), "helicopter": ("GM", 0, 125), "car engine": ("GS", 1, 125), "car brakes": ("GS", 2, 125), "car passing": ("GS", 3, 125), "car crash": ("GS", 4, 125), "siren": ("GS", 5, 125),
    "train": ("GS", 6, 125), "jet plane": ("GS", 7, 125), "starship": ("GS", 8, 125), "applause": ("GM", 0, 126), "laughter": ("GS", 1, 126), "scream": ("GS", 2, 126), "punch": ("GS", 3, 126),
    "heartbeat": ("GS", 4, 126), "footsteps": ("GS", 5, 126), "gunshot": ("GM", 0, 127), "machine gun": ("GS", 1, 127), "laser gun": ("GS", 2, 127), "explosion": ("GS", 3, 127),
    "woodblock": ("GM", 0, 115), "taiko": ("GM", 0, 116), "tom": ("GM", 0, 117)}
FILES = {"crow": ["misc_crow"], "burp": ["misc_burp"], "scratch": ["vinyl_scratch", "vinyl_rewind"], "robot": [f"mehackit_robot{i}" for i in (1, 2, 3, 5, 7)], "drumloop": ["loop_amen", "loop_breakbeat", "loop_tabla"],
         "beep": ["elec_beep", "elec_ping", "elec_blip"], "knock": ["perc_door", "elec_wood"], "choir": ["ambi_choir"], "bell": ["perc_bell", "perc_bell2", "elec_bell"], "door slam": ["perc_door"], "telephone": ["mehackit_phone2"]}
DRUM_KEYS = [35, 36, 37, 38, 39, 40, 41, 42, 45, 46, 47, 49, 54, 56, 57, 75, 76, 77, 81]
KITS = [0, 8, 16]


def variable(number: int) -> bytes:
    """A variable-length quantity of a MIDI file."""
    out = [number & 127]
    while number := number >> 7:
        out.insert(0, number & 127 | 128)
    return bytes(out)


def midi_file(notes: list[tuple[int, int, int, int]], hold: float, segment: float, drums: bool) -> bytes:
    """A MIDI file of one note (bank, program, key, velocity) every `segment` seconds; 960 ticks a second."""
    channel, body, waiting = 9 if drums else 0, b"", 0
    for bank, program, key, velocity in notes:
        for delta, message in ((waiting, (0xB0 | channel, 0, bank)), (0, (0xC0 | channel, program)), (0, (0x90 | channel, key, velocity)), (int(960 * hold), (0x80 | channel, key, 0)),
                               (int(960 * (segment - 0.02 - hold)), (0xB0 | channel, 120, 0))):
            body += variable(delta) + bytes(message)
        waiting = int(960 * segment) - int(960 * hold) - int(960 * (segment - 0.02 - hold))
    body += variable(waiting) + b"\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(body)) + body


def render(font: str, notes: list, hold: float, segment: float, drums: bool = False) -> list[np.ndarray]:
    """One array of float32 samples at 16 kHz a note, silence after its end cut off."""
    midi, wave = work("audio", "bank.mid"), work("audio", "bank.wav")
    midi.write_bytes(midi_file(notes, hold, segment, drums))
    subprocess.run(["fluidsynth", "-ni", "-q", "-g", "0.6", "-r", str(RENDER_RATE), "-R", "0", "-C", "0", "-o", "synth.midi-bank-select=gs", "-T", "wav", "-F", str(wave), FONTS.format(font), str(midi)],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sound, rate = soundfile.read(wave, dtype="float32")
    sound = sound.mean(1)
    size = int(segment * rate)
    return [trimmed(resample_poly(sound[i * size : (i + 1) * size], 1, 2).astype(np.float32)) for i in range(len(notes))]


def trimmed(wave: np.ndarray) -> np.ndarray:
    """Without what is 50 dB below the peak at both ends."""
    loud = np.flatnonzero(np.abs(wave) > 0.003 * max(np.abs(wave).max(), 1e-6))
    return wave[max(0, loud[0] - 32) : loud[-1] + 200] if len(loud) else wave[:0]


def main() -> None:
    names, waves = [], []

    def keep(entries: list[dict], sounds: list[np.ndarray]) -> None:
        for entry, wave in zip(entries, sounds):
            if len(wave) > 200 and np.abs(wave).max() > 1e-4:
                names.append(entry)
                waves.append(wave / np.abs(wave).max())
            else:
                print("silent:", entry)

    entries, notes = [], []
    for name, (presets, low, high) in INSTRUMENTS.items():
        for variant, (bank, program) in enumerate(presets):
            for split, keys, velocities in (("train", range(low, high + 1, 3), (112, 64)), ("test", range(low + 1, high + 1, 6), (88,))):
                for key in keys:
                    for velocity in velocities:
                        entries.append({"name": name, "key": key, "velocity": velocity, "variant": variant, "split": split})
                        notes.append((bank, program, key, velocity))
    keep(entries, render("GM", notes, 1.7, 2.3))
    for font in ("GM", "GS"):
        entries, notes = [], []
        for name, (where, bank, program) in EFFECTS.items():
            if where == font:
                for split, keys in (("train", (55, 57, 60, 62, 65)), ("test", (58, 61, 63))):
                    for key in keys:
                        entries.append({"name": name.split("#")[0], "key": key, "velocity": 105 if split == "train" else 85, "variant": int(name[-1] == "2"), "split": split})
                        notes.append((bank, program, key, entries[-1]["velocity"]))
        keep(entries, render(font, notes, 5.0, 5.4))
    entries = [{"name": "drums", "key": key, "velocity": v, "variant": k, "split": "test" if v == 90 else "train"} for k in range(len(KITS)) for key in DRUM_KEYS for v in (115, 70, 90)]
    keep(entries, render("GM", [(0, KITS[e["variant"]], e["key"], e["velocity"]) for e in entries], 1.5, 2.0, drums=True))
    for name, files in FILES.items():
        for variant, file in enumerate(files):
            wave, rate = soundfile.read(SAMPLES.format(file), dtype="float32", frames=44100 * 8)
            wave = wave.mean(1) if wave.ndim > 1 else wave
            keep([{"name": name, "key": 60, "velocity": 100, "variant": 5 + variant, "split": "both"}], [trimmed(resample_poly(wave, 160, int(rate / 100)).astype(np.float32))])
    ends = np.cumsum([len(wave) for wave in waves])
    np.save(work("audio", "bank.npy"), np.rint(np.concatenate(waves) * 32000).astype(np.int16))
    for entry, wave, end in zip(names, waves, ends):
        entry.update(start=int(end - len(wave)), end=int(end))
    work("audio", "bank.json").write_text(json.dumps(names))
    print(len(names), "sounds,", ends[-1] / RATE, "seconds")
    for name in sorted({entry["name"] for entry in names}):
        own = [entry for entry in names if entry["name"] == name]
        print(name, len(own), "mean seconds %.2f" % np.mean([(e["end"] - e["start"]) / RATE for e in own]))


if __name__ == "__main__":
    main()
