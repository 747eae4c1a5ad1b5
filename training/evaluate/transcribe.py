"""Notes heard in a wave by Spotify's basic-pitch (Bittner et al. 2022), and how many of a tune's notes they are. Knows nothing of ours.

The ONNX model of the PyPI package basic-pitch 0.4.0 (Apache-2.0): pip download --no-deps basic-pitch into $ANYMODAL_WORK/evaluate/tools.
"""
import zipfile
from functools import lru_cache

import numpy as np
import onnxruntime
from scipy.signal import resample_poly

from training.paths import work

RATE, HOP, WINDOW, OVERLAP = 22050, 256, 43844, 30
#: Seconds that an onset may be off, and the length of a beat that a tune may have.
NEAR, BEATS = 0.09, np.arange(0.14, 0.86, 0.02)
LEAST_ONSET, LEAST_NOTE, SHORTEST, LOWEST = 0.5, 0.3, 6, 21


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


def notes(wave: np.ndarray) -> np.ndarray:
    """[n, 2] of seconds and MIDI keys of 16 kHz samples, by time."""
    x = resample_poly(wave.astype(np.float64), 441, 320).astype(np.float32)
    x, step = np.concatenate([np.zeros(OVERLAP * HOP // 2, np.float32), x]), WINDOW - OVERLAP * HOP
    windows = np.stack([np.pad(part := x[at:at + WINDOW], (0, WINDOW - len(part))) for at in range(0, len(x), step)])[..., None]
    heard, begun = model().run(['StatefulPartitionedCall:1', 'StatefulPartitionedCall:2'], {'serving_default_input_2:0': windows})
    frames, onsets = (v[:, OVERLAP // 2:-OVERLAP // 2].reshape(-1, 88) for v in (heard, begun))
    peak = (onsets[1:-1] > onsets[:-2]) & (onsets[1:-1] >= onsets[2:]) & (onsets[1:-1] >= LEAST_ONSET)
    found = []
    for at, key in zip(*np.nonzero(peak)):
        quiet = np.flatnonzero(np.convolve(frames[at + 2:, key] < LEAST_NOTE, np.ones(4), 'valid') == 4)
        if (quiet[0] if len(quiet) else len(frames) - at) >= SHORTEST:
            found.append(((at + 1) * HOP / RATE, key + LOWEST))
    return np.array(sorted(found), float).reshape(-1, 2)


def score(heard: np.ndarray, tune: list[tuple[float, float, int]], seconds: float = 4.0) -> float:
    """The best F1 of a tune (start in beats, length, semitones above any tonic) at any key, tempo and beginning; its notes past the end do not count."""
    if len(heard) == 0:
        return 0.0
    starts, keys = np.array([start for start, _, _ in tune]), np.array([key for _, _, key in tune])
    best = 0.0
    for beat in BEATS:
        for anchor in range(min(3, len(tune))):
            for time, key in heard:
                begin = time - starts[anchor] * beat
                if begin < -0.1:
                    continue
                at = begin + starts * beat
                inside = at < seconds - 0.1
                hit = (np.abs(heard[None, :, 0] - at[inside, None]) < NEAR) & (heard[None, :, 1] == (keys[inside] + key - keys[anchor])[:, None])
                right = min(hit.any(1).sum(), hit.any(0).sum())
                best = max(best, 2 * right / (inside.sum() + len(heard)))
    return float(best)
