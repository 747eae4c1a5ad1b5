"""Notes heard in a wave by Spotify's basic-pitch (Bittner et al. 2022), and how many of a tune's notes they are. Knows nothing of ours.

The ONNX model of the PyPI package basic-pitch 0.4.0 (Apache-2.0): pip download --no-deps basic-pitch into $ANYMODAL_WORK/evaluate/tools. Notes are read off its output as
`outputToNotesPoly` of @spotify/basic-pitch does with its default arguments; they are compared as mir_eval.transcription does, by onsets within 50 ms and keys.
"""
import zipfile
from functools import lru_cache

import numpy as np
import onnxruntime
from scipy.signal import argrelmax, resample_poly

from training.paths import work

RATE, HOP, WINDOW, OVERLAP, FRAMES = 22050, 256, 43844, 30, 172
#: Defaults of outputToNotesPoly: onset and frame thresholds, least length and tolerance for quiet in frames.
ONSET, FRAME, SHORTEST, TOLERANCE, LOWEST = 0.5, 0.3, 11, 11, 21
#: Seconds that a window's frames run ahead of its samples (noteFramesToTime).
AHEAD = HOP / RATE * (FRAMES - WINDOW / HOP) + 0.0018
#: Seconds that an onset may be off (mir_eval's default), and the shortest and longest beat that a tune may have.
NEAR, BEATS = 0.05, (0.14, 0.86)


@lru_cache(maxsize=1)
def model() -> onnxruntime.InferenceSession:
    wheel = next(work('evaluate', 'tools', 'x').parent.glob('basic_pitch-*.whl'), None)
    if wheel is None:
        raise FileNotFoundError('pip download --no-deps basic-pitch into $ANYMODAL_WORK/evaluate/tools')
    with zipfile.ZipFile(wheel) as file:
        weights = file.read('basic_pitch/saved_models/icassp_2022/nmp.onnx')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(weights, options, providers=['CPUExecutionProvider'])


def activations(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames and onsets, each [n, 88] of 0..1, of 16 kHz samples."""
    x = resample_poly(wave.astype(np.float64), 441, 320).astype(np.float32)
    count = int(len(x) * (RATE // HOP) / RATE)
    x, step = np.concatenate([np.zeros(OVERLAP * HOP // 2, np.float32), x]), WINDOW - OVERLAP * HOP
    windows = np.stack([np.pad(part := x[at:at + WINDOW], (0, WINDOW - len(part))) for at in range(0, len(x), step)])[..., None]
    heard, begun = model().run(['StatefulPartitionedCall:1', 'StatefulPartitionedCall:2'], {'serving_default_input_2:0': windows})
    return tuple(v[:, OVERLAP // 2:-OVERLAP // 2].reshape(-1, 88)[:count] for v in (heard, begun))


def inferred(begun: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """Onsets, also where the frames rise at once over one and over two frames."""
    rise = np.minimum(heard - np.pad(heard, ((1, 0), (0, 0)))[:-1], heard - np.pad(heard, ((2, 0), (0, 0)))[:-2]).clip(0)
    rise[:2] = 0
    return np.maximum(begun, begun.max() / max(rise.max(), 1e-9) * rise)


def lasting(energy: np.ndarray, key: int, at: int, way: int) -> tuple[int, int]:
    """Walks from a frame until it is quiet for TOLERANCE frames: where it stopped, and how many quiet frames it saw last."""
    quiet, edge = 0, len(energy) - 1 if way > 0 else 0
    while (at < edge if way > 0 else at > edge) and quiet < TOLERANCE:
        quiet = quiet + 1 if energy[at, key] < FRAME else 0
        at += way
    return at, quiet


def notes(wave: np.ndarray) -> np.ndarray:
    """[n, 2] of seconds and MIDI keys of 16 kHz samples, by time."""
    heard, begun = activations(wave)
    begun, energy, found = inferred(begun, heard), heard.copy(), []

    def take(first: int, last: int, key: int) -> None:
        energy[first:last, max(0, key - 1):key + 2] = 0

    for at, key in sorted((at, key) for at, key in zip(*argrelmax(begun, axis=0)) if begun[at, key] >= ONSET)[::-1]:
        if at < len(heard) - 1:
            end, quiet = lasting(energy, key, at + 1, 1)
            if end - quiet - at > SHORTEST:
                take(at, end - quiet, key)
                found.append((at, key))
    # Energy that no onset explains is a note of its own ("melodia trick").
    while energy.max() > FRAME:
        at, key = np.unravel_index(energy.argmax(), energy.shape)
        energy[at, key] = 0
        end, quiet_after = lasting(energy, key, at + 1, 1)
        begin, quiet_before = lasting(energy, key, at - 1, -1)
        take(begin + 1, end, key)
        if (end - 1 - quiet_after) - (begin + 1 + quiet_before) > SHORTEST:
            found.append((begin + 1 + quiet_before, key))
    return np.array(sorted((at * HOP / RATE - AHEAD * (at // FRAMES), key + LOWEST) for at, key in found), float).reshape(-1, 2)


def right(heard: np.ndarray, at: np.ndarray, keys: np.ndarray) -> int:
    """How many of the notes at seconds and keys are heard within NEAR, each heard note counted once."""
    count = 0
    for key in np.unique(keys):
        own, free = np.sort(at[keys == key]), np.sort(heard[heard[:, 1] == key, 0])
        place = 0
        for time in own:
            while place < len(free) and free[place] < time - NEAR:
                place += 1
            if place < len(free) and free[place] <= time + NEAR:
                count, place = count + 1, place + 1
    return count


def score(heard: np.ndarray, tune: list[tuple[float, float, int]], seconds: float = 4.0) -> float:
    """The best F1 of a tune (start in beats, length, semitones above any tonic) at any key, tempo and beginning; its notes past the end do not count.

    Every two heard notes may be any two of the tune that are two beats apart or more and stand in its interval: they say key, tempo and beginning.
    """
    if len(heard) < 2:
        return 0.0
    starts, keys = np.array([start for start, _, _ in tune]), np.array([key for _, _, key in tune])
    ways = set()
    for i in range(len(tune)):
        for j in range(i + 1, len(tune)):
            if starts[j] - starts[i] < 2:
                continue
            gap = heard[None, :, 0] - heard[:, None, 0]
            beat = gap / (starts[j] - starts[i])
            fits = (beat >= BEATS[0]) & (beat <= BEATS[1]) & (np.abs(heard[None, :, 1] - heard[:, None, 1] - (keys[j] - keys[i])) < 0.5)
            for a, b in zip(*np.nonzero(fits)):
                begin = heard[a, 0] - starts[i] * beat[a, b]
                if begin > -0.1:
                    ways.add((round(float(beat[a, b]), 3), round(float(begin) * 50) / 50, int(heard[a, 1] - keys[i])))
    best = 0.0
    for beat, begin, tonic in ways:
        at = begin + starts * beat
        inside = at < seconds - 0.1
        most = 2 * min(inside.sum(), np.isin(heard[:, 1], keys[inside] + tonic).sum()) / (inside.sum() + len(heard))
        if most > best:
            best = max(best, 2 * right(heard, at[inside], keys[inside] + tonic) / (inside.sum() + len(heard)))
    return float(best)
