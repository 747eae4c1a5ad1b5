"""Sounds judged: python -m training.evaluate.sounds fit | table [--guidance G] [--clips N]; prints accuracy of real, vocoded and generated sounds, and how near onsets are.

The judge is linear discriminant analysis on statistics of cepstra and spectra of real renders: it has seen no network of ours.
"""
import argparse
import json

import numpy as np
import onnxruntime
import torch
from scipy.fft import dct
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from training.audio.mel import log_mel
from training.audio.sample import SHIFT, STEPS, sample
from training.conditioning import conditioning_tokens
from training.data.sounds import FORTY, SOUNDS
from training.paths import work

#: Prompts of a class, as a user might write them.
WAYS = (lambda s: s.events[0], lambda s: f"the sound of {s.things[0]}", lambda s: s.things[0], lambda s: s.events[min(1, len(s.events) - 1)])


def features(mel: np.ndarray) -> np.ndarray:
    """Statistics of a log-mel [128, 256], about 230 numbers: cepstra where it sounds, their changes, level and its rhythm."""
    x = np.maximum(mel.astype(np.float64), -8)
    level = x.mean(0)
    loud = level > max(level.max() - 3.5, -7.5)
    x = x - np.log(np.exp(x[:, loud]).mean() + 1e-6) if loud.any() else x
    cepstra = dct(x.reshape(64, 2, 256).mean(1), axis=0, norm="ortho")[:32]
    own = cepstra[:, loud] if loud.sum() > 2 else cepstra
    change = np.diff(cepstra, axis=1)
    mean = x[:, loud].mean(1) if loud.any() else x.mean(1)
    shape = level - level.mean()
    rhythm = np.correlate(shape, shape, "full")[256 : 256 + 96 : 6] / (shape @ shape + 1e-6)
    flux = np.maximum(np.diff(x, axis=1), 0).mean(0)
    peaky = (x - (np.roll(x, 2, 0) + np.roll(x, -2, 0)) / 2)[:, loud]
    return np.concatenate([own.mean(1), own.std(1), np.abs(change).mean(1), mean.reshape(32, 4).mean(1), np.percentile(x, (10, 50, 90), axis=1).reshape(3, 16, 8).mean(2).ravel(), rhythm,
                           [loud.mean(), level.std(), flux.mean(), flux.std(), flux.max(), np.abs(peaky).mean() if peaky.size else 0, peaky.max() if peaky.size else 0]])


class Judge:
    """Names one of the forty classes of log-mels."""

    def __init__(self):
        rows = json.loads(work("data", "audio", "rows.json").read_text())
        mels = np.load(work("data", "audio", "mels.npy"), mmap_mode="r")
        own = [i for i, row in enumerate(rows) if row["split"] == "train" and row["name"] in FORTY and not row["second"]]
        path = work("checkpoints", "sound-judge.npz")
        if path.exists() and len(np.load(path)["index"]) == len(own):
            table = np.load(path)["features"]
        else:
            table = np.stack([features(mels[i]) for i in own])
            np.savez(path, features=table, index=own)
        self.scaler = StandardScaler().fit(table)
        self.model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.02).fit(self.scaler.transform(table), [FORTY.index(rows[i]["name"]) for i in own])

    def hits(self, mels: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Whether the class was first, and within the first five."""
        order = np.argsort(-self.model.decision_function(self.scaler.transform(np.stack([features(m) for m in mels]))), 1)
        place = np.array([list(self.model.classes_[row]).index(FORTY.index(name)) for row, name in zip(order, names)])
        return place == 0, place < 5


class Graph:
    """An exported graph behind the call of a torch module."""

    def __init__(self, name: str):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(work("export", "audio", f"{name}.onnx")), options, providers=["CPUExecutionProvider"])
        self.names = [i.name for i in self.session.get_inputs()]

    def __call__(self, *values):
        return torch.from_numpy(self.session.run(None, {k: np.asarray(v, np.float32) for k, v in zip(self.names, values)})[0])


def heard(vocoder, latents: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Samples and log-mels of latents."""
    waves = torch.cat([vocoder(latents[k : k + 8]) for k in range(0, len(latents), 8)])
    return waves.numpy(), log_mel(waves).numpy()


def onsets(wave: np.ndarray, seconds: float = 4.0) -> np.ndarray:
    """Times of peaks of the spectral flux, in seconds."""
    mel = np.maximum(log_mel(torch.from_numpy(wave)[None])[0].numpy(), -6)
    flux = np.maximum(mel[:, 2:] - mel[:, :-2], 0).mean(0)
    flux = np.concatenate([[0], flux, [0]])
    high = [i for i in range(2, min(len(flux) - 2, int(seconds * 62.5))) if flux[i] == flux[max(0, i - 5) : i + 6].max() and flux[i] > max(0.25 * flux.max(), 0.1)]
    return np.array(high) * 256 / 16000


def step_table(transformer, environment, vocoder, guidance: float, count: int, steps: int) -> dict:
    """Held-out moving pictures: share of events that have an onset within 100 ms, of clips whose median gap is below, of onsets that are an event; real sounds and shuffled motions beside."""
    from training.audio.environment import Seen

    seen = Seen()
    index = [i for i, clip in enumerate(seen.clips) if clip["split"] != "train" and clip["events"]]
    index = index[:: max(1, len(index) // count)][:count]
    tokens = torch.from_numpy(conditioning_tokens([seen.clips[i]["caption"] for i in index]))
    motion = torch.cat([environment(seen.latents[i].float()[None].numpy(), seen.frame_times[None].numpy()) for i in index])
    found = {}
    for name, given in (("in step", motion), ("motion of another clip", motion.roll(1, 0)), ("no motion", torch.zeros_like(motion))):
        waves, _ = heard(vocoder, torch.cat([sample(transformer, tokens[k : k + 20], given[k : k + 20], guidance=guidance, steps=steps, seed=k) for k in range(0, len(index), 20)]))
        events_hit = events = clips_hit = right = made = first = 0
        for i, wave in zip(index, waves):
            at, true = onsets(wave, 2.0), np.array(seen.clips[i]["events"])
            gaps = np.abs(true[:, None] - at[None]) if len(at) else np.full((len(true), 1), 9.0)
            events_hit, events = events_hit + (gaps.min(1) < 0.1).sum(), events + len(true)
            clips_hit += np.median(gaps.min(1)) < 0.1
            right, made = right + (gaps.min(0) < 0.1).sum(), made + len(at)
        found[name] = {"events with an onset within 100 ms": events_hit / events, "clips whose median gap is within 100 ms": clips_hit / len(index), "onsets at an event": right / max(1, made)}
    return found


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("what", choices=("fit", "table", "steps"))
    arguments.add_argument("--guidance", default="3")
    arguments.add_argument("--clips", type=int, default=80)
    arguments.add_argument("--prompts", type=int, default=2, help="prompts a class, each with its own noise")
    arguments.add_argument("--steps", type=int, default=STEPS)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    judge = Judge()
    rows = json.loads(work("data", "audio", "rows.json").read_text())
    held = [i for i, row in enumerate(rows) if row["split"] == "test" and row["name"] in FORTY][:480]
    names = [rows[i]["name"] for i in held]
    mels = np.load(work("data", "audio", "mels.npy"), mmap_mode="r")[held]
    report = {}

    def say(name: str, values: np.ndarray, of: list[str]) -> None:
        first, five = judge.hits(values, of)
        report[name] = {"top-1": float(first.mean()), "top-5": float(five.mean())}
        wrong = sorted({n for n in FORTY if not any(h for h, m in zip(first, of) if m == n)})
        print(name, report[name], "never right:", ", ".join(wrong), flush=True)

    if options.what != "steps":
        say("real held-out renders", mels, names)
    if options.what == "fit":
        return
    vocoder, transformer = Graph("vocoder"), Graph("transformer")
    if options.what == "table":
        latents = torch.from_numpy(np.load(work("data", "audio", "latents.npy"), mmap_mode="r")[held[:160]].astype(np.float32))
        say("through components and vocoder", heard(vocoder, latents)[1], names[:160])
        chosen = [(name, WAYS[k % len(WAYS)](SOUNDS[name])) for k in range(options.prompts) for name in FORTY]
        tokens = torch.from_numpy(conditioning_tokens([text for _, text in chosen]))
        for guidance in map(float, options.guidance.split(",")):
            made = torch.cat([sample(transformer, tokens[k : k + 20], guidance=guidance, steps=options.steps, seed=k) for k in range(0, len(tokens), 20)])
            waves, heard_mels = heard(vocoder, made)
            say(f"generated, guidance {guidance}", heard_mels, [name for name, _ in chosen])
            np.savez(work("audio", f"generated-{guidance:g}.npz"), waves=waves.astype(np.float16), mels=heard_mels.astype(np.float16), names=[n for n, _ in chosen], texts=[t for _, t in chosen])
    guidance = float(options.guidance.split(",")[-1])
    report["in step"] = step_table(transformer, Graph("environment"), vocoder, guidance, options.clips, options.steps)
    print(json.dumps(report, indent=1))
    work("evaluate", "sounds.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
