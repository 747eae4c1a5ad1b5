"""Trains the audio encoder for a given time, exports it and writes its tokens: python -m training.audio.train_encoder SECONDS [--only-export].

Aligned to sentence embeddings as the image encoder is: nearness to the clip's caption, several positives a class, an attribute a token. Knows no waveforms.
"""
import json
import sys
import time

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

from training.audio.encoder import AudioEncoder
from training.conditioning import sentence_embeddings
from training.data.sounds import DENSITIES, FAMILIES, FORTY, HEIGHTS, LEVELS, NAMES, PATTERNS, SOUNDS
from training.encoder.export import shrink
from training.encoder.train import Muon
from training.paths import work

BATCH, RATE = 48, 3e-3
ATTRIBUTES = {"pattern": (1, PATTERNS), "height": (2, HEIGHTS), "density": (3, DENSITIES), "level": (4, LEVELS), "family": (5, FAMILIES)}


def class_table() -> torch.Tensor:
    """Mean sentence embedding of the ways to name a class, [classes, 384], unit."""
    rows = []
    for sound in SOUNDS.values():
        texts = [*sound.events, *sound.things, *(f"the sound of {thing}" for thing in sound.things), *sound.nouns, sound.name]
        rows.append(sentence_embeddings(texts).mean(0))
    return F.normalize(torch.from_numpy(np.stack(rows)), dim=-1)


class Clips:
    """Log-mels with captions' embeddings and labels (-1 where nothing is said)."""

    def __init__(self, splits: tuple[str, ...], seed: int = 0):
        rows = json.loads(work("data", "audio", "rows.json").read_text())
        self.mels = np.load(work("data", "audio", "mels.npy"), mmap_mode="r")
        chosen = [i for i, row in enumerate(rows) if row["split"] in splits]
        # Hits in step are of four kinds only; a part of them is enough.
        self.index = np.array([i for i in chosen if rows[i]["split"] != "step" or i % 4 == 0])
        tokens, captions = np.load(work("data", "audio", "tokens.npy"), mmap_mode="r"), np.load(work("data", "audio", "captions.npy"))
        self.sentences = F.normalize(torch.from_numpy(tokens[:, 0].astype(np.float32)), dim=-1)
        self.captions = captions
        self.rows = rows
        label = lambda row: {"class": NAMES.index(row["name"]), "second": NAMES.index(row["second"] or row["name"]), "pattern": row["pattern"], "height": row["height"], "density": row["density"] if row["pattern"] in (1, 3, 4, 6, 7, 8) else -1,
                             "level": row["level"], "family": FAMILIES.index(SOUNDS[row["name"]].family)}
        labels = [label(row) for row in rows]
        self.labels = {k: torch.tensor([row[k] for row in labels]) for k in labels[0]}
        self.random, self.order = np.random.RandomState(seed), np.empty(0, int)

    def draw(self, size: int):
        if len(self.order) < size:
            self.order = self.random.permutation(self.index)
        chosen, self.order = np.sort(self.order[:size]), self.order[size:]
        mel = torch.from_numpy(self.mels[chosen].astype(np.float32))
        label = {k: v[chosen] for k, v in self.labels.items()}
        # Changed: begun later (silence first), louder or softer, coloured, with hiss; levels are unknown then.
        gain = torch.from_numpy(self.random.choice([0.0, 0.0, 1.0], (size, 1, 1)) * self.random.uniform(-1.8, 0.8, (size, 1, 1))).float()
        label["level"] = torch.where(gain[:, 0, 0].abs() > 0.2, -1, label["level"])
        tilt = torch.from_numpy(self.random.randn(size, 1, 1)).float() * 0.35 * torch.linspace(-1, 1, 128)[None, :, None]
        mel = mel + gain + tilt
        for row in range(size):
            shift = self.random.randint(0, 60) if self.random.rand() < 0.4 else 0
            if shift:
                mel[row, :, shift:] = mel[row, :, :-shift].clone()
                mel[row, :, :shift] = -11.5
            if self.random.rand() < 0.25:
                mel[row, :, self.random.randint(110, 257) :] = -11.5
            if self.random.rand() < 0.3:
                mel[row] = torch.logaddexp(mel[row], torch.tensor(self.random.uniform(-8, -4.5)) + 0.25 * torch.randn(128, 256))
        caption = self.sentences[self.captions[chosen, self.random.randint(0, 4, size)]]
        return mel, caption, label


class Objective(nn.Module):
    """Loss of tokens [B, 9, 384], and accuracies for the log."""

    def __init__(self):
        super().__init__()
        self.register_buffer("table", class_table(), persistent=False)
        for name, (_, words) in ATTRIBUTES.items():
            self.register_buffer(name, torch.from_numpy(sentence_embeddings(words)), persistent=False)
        self.scale = nn.Parameter(torch.tensor([20.0, 20.0, 15.0]).log())
        self.layout = nn.Linear(384, 8 * 16)

    def classes(self, vectors, label):
        cosine = vectors @ self.table.T
        return F.cross_entropy(cosine * self.scale[0].exp().clamp(max=60), label) + 0.5 * (1 - cosine.gather(1, label[:, None])).mean(), (cosine.argmax(1) == label).float().mean()

    def forward(self, tokens, mel, caption, label):
        joint = tokens[:, 0]
        near = (joint * caption).sum(-1).mean()
        concept, right = self.classes(joint, label["class"])
        # Every caption in the batch whose class and pattern are the same is right as well.
        same = (label["class"][:, None] == label["class"]) & (label["pattern"][:, None] == label["pattern"])
        logits = joint @ caption.T * self.scale[2].exp().clamp(max=40)
        contrast = (torch.logsumexp(logits, 1) - torch.logsumexp(logits.masked_fill(~same, -1e4), 1)).mean()
        parts, said = {"near": 2 * (1 - near), "concept": 1.2 * concept, "contrast": 0.4 * contrast}, {"near": near, "class": right}
        for name, (token, _) in ATTRIBUTES.items():
            cosine, known = tokens[:, token] @ getattr(self, name).T, label[name] >= 0
            index = label[name].clamp(min=0)
            each = F.cross_entropy(cosine * self.scale[1].exp().clamp(max=60), index, reduction="none") + 1 - cosine.gather(1, index[:, None]).squeeze(1)
            parts[name] = 0.2 * (each * known).sum() / known.sum().clamp(min=1)
            said[name] = ((cosine.argmax(1) == index) & known).sum() / known.sum().clamp(min=1)
        for name, token in (("class", 6), ("second", 7)):
            loss, hit = self.classes(tokens[:, token], label[name])
            parts["word" + name], said["word" + name] = 0.4 * loss, hit
        picture = F.adaptive_avg_pool2d((mel.clamp(min=-8) + 4) / 3, (8, 16)).flatten(1)
        parts["layout"] = 0.5 * F.mse_loss(self.layout(tokens[:, 8] * 4), picture)
        return sum(parts.values()), {k: float(v) for k, v in said.items()}


def load_encoder() -> AudioEncoder:
    model = AudioEncoder()
    model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in torch.load(work("checkpoints", "audio-encoder.pt")).items()})
    return model.eval()


@torch.inference_mode()
def tokens_of(model, clips: Clips, rows: np.ndarray) -> torch.Tensor:
    return torch.cat([model(torch.from_numpy(clips.mels[rows[k : k + 64]].astype(np.float32)))[0] for k in range(0, len(rows), 64)])


def report(model, objective: Objective) -> dict:
    """On held-out renders: retrieval between sounds and captions, classes, attributes."""
    clips = Clips(("test",))
    rows = np.array([i for i in clips.index if clips.rows[i]["name"] in FORTY])
    tokens, label = tokens_of(model, clips, rows), {k: v[rows] for k, v in clips.labels.items()}
    captions = clips.sentences[clips.captions[rows, 0]]
    same = label["class"][:, None] == label["class"]
    cosine = tokens[:, 0] @ captions.T
    forty = [NAMES.index(name) for name in FORTY]
    named = tokens[:, 0] @ objective.table[forty].T
    place = torch.tensor([forty.index(int(c)) for c in label["class"]])
    hit = lambda table, k: float(table.topk(k, 1).indices.eq(place[:, None]).any(1).float().mean())
    r = lambda c, k: float(same.gather(1, c.topk(k, 1).indices).any(1).float().mean())
    exact = lambda c, k: float(c.topk(k, 1).indices.eq(torch.arange(len(rows))[:, None]).any(1).float().mean())
    found = {"clips": len(rows), "class top-1 of 40 by joint": hit(named, 1), "class top-5": hit(named, 5), "class by word token": hit(tokens[:, 6] @ objective.table[forty].T, 1),
             "cosine to caption": float((tokens[:, 0] * captions).sum(-1).mean()), "sound to caption R@5 (class)": r(cosine, 5), "caption to sound R@5 (class)": r(cosine.T, 5),
             "sound to caption R@1 (class)": r(cosine, 1), "sound to caption R@5 (that clip's own)": exact(cosine, 5)}
    for name, (token, _) in ATTRIBUTES.items():
        known = label[name] >= 0
        found[name] = float(((tokens[:, token] @ getattr(objective, name).T).argmax(1) == label[name])[known].float().mean())
    return found


def export(model, found: dict) -> None:
    scratch, target = work("audio", "audio-encoder-float32.onnx"), work("export", "audio-encoder", "model.onnx")
    torch.onnx.export(model, torch.zeros(2, 128, 256), str(scratch), input_names=["mel"], output_names=["tokens", "joint"], dynamo=False, opset_version=17, dynamic_axes={k: {0: "batch"} for k in ("mel", "tokens", "joint")})
    shrink(scratch, target)
    clips = Clips(("test",))
    rows = clips.index[:48]
    want = tokens_of(model, clips, rows).numpy()
    got = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"]).run(["tokens"], {"mel": clips.mels[rows].astype(np.float32)})[0]
    cosine = (want * got).sum(-1)
    print(f"{target.stat().st_size / 1e6:.2f} MB, cosine to torch: joint mean {cosine[:, 0].mean():.5f} min {cosine[:, 0].min():.5f}, tokens min {cosine.min():.5f}", flush=True)
    work("export", "audio-encoder", "handover.json").write_text(json.dumps({
        "graph": {"mel": ["batch", 128, 256], "tokens": ["batch", 9, 384], "joint": ["batch", 384]},
        "config": {"frames": 256, "mels": 128, "sampleRateHz": 16000, "fftSize": 1024, "hop": 256, "minHz": 0, "maxHz": 8000, "melScale": "slaney", "norm": "slaney", "floor": 1e-5, "silence": float(np.log(1e-5))},
        "tokens": ["whole sound (= joint, in the space of sentence embeddings)", "what is played: " + ", ".join(PATTERNS), "pitch", "speed", "loudness", "family: " + ", ".join(FAMILIES), "the class's word", "the second class's word", "level over time and mels"],
        "heldOut": found, "bytes": target.stat().st_size}, indent=1) + "\n")


def write_tokens(model) -> None:
    """Tokens of some 2,000 training clips and all held-out ones, for the language model."""
    clips, dice = Clips(("train", "test", "step", "test-step")), np.random.RandomState(0)
    split = np.array([row["split"] for row in clips.rows])
    rows = np.concatenate([np.sort(dice.permutation(np.flatnonzero(split == "train"))[:2000]), np.sort(dice.permutation(np.flatnonzero(split == "step"))[:300]), np.flatnonzero(split == "test")])
    path = work("language", "audio-tokens.npz")
    part = path.with_suffix(".part.npz")
    np.savez(part, tokens=tokens_of(model, clips, rows).numpy().astype(np.float16), captions=np.array([clips.rows[i]["captions"][0] for i in rows]),
             **{"class": np.array([clips.rows[i]["name"] for i in rows]), "split": np.where(split[rows] == "test", "held", "train"), "pattern": np.array([PATTERNS[clips.rows[i]["pattern"]] for i in rows]),
                "what": np.array([clips.rows[i]["what"] or "" for i in rows]), "second": np.array([clips.rows[i]["second"] or "" for i in rows]), "forty": np.array([clips.rows[i]["name"] in FORTY for i in rows]), "row": rows})
    part.replace(path)
    print(path, len(rows), flush=True)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    objective = Objective()
    if "--only-export" in sys.argv:
        model = load_encoder()
    else:
        seconds, model = float(sys.argv[1]), AudioEncoder().to(memory_format=torch.channels_last)
        print(sum(p.numel() for p in model.parameters()) / 1e6, "M parameters", flush=True)
        matrices = [p for n, p in model.named_parameters() if p.ndim > 1 and n not in ("places", "queries")]
        chosen = {id(p) for p in matrices}
        muon = Muon(matrices)
        optimiser = torch.optim.AdamW([p for p in [*model.parameters(), *objective.parameters()] if id(p) not in chosen], RATE, betas=(0.9, 0.98), weight_decay=0)
        clips, start, step, mean = Clips(("train", "step")), time.time(), 0, {}
        while (passed := time.time() - start) < seconds:
            rate = RATE * min(1, (step + 1) / 40) * min(1.0, 1.8 * (1 - passed / seconds))
            for group in optimiser.param_groups:
                group["lr"] = rate
            mel, caption, label = clips.draw(BATCH)
            with torch.autocast("cpu", torch.bfloat16):
                tokens, _ = model(mel)
            loss, said = objective(tokens.float(), mel, caption, label)
            model.zero_grad()
            objective.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            muon.step(rate)
            step += 1
            said["loss"] = loss.item()
            mean = {k: v if step == 1 else 0.95 * mean[k] + 0.05 * v for k, v in said.items()}
            if step in (3, 10) or step % 40 == 0:
                print(step, f"{step * BATCH / passed:.0f} clips/s" if passed else "", json.dumps({k: round(v, 3) for k, v in mean.items()}), flush=True)
        model.eval()
        torch.save({k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}, work("checkpoints", "audio-encoder.pt"))
    found = report(model.eval(), objective)
    print(json.dumps(found, indent=1), flush=True)
    export(model, found)
    write_tokens(model)


if __name__ == "__main__":
    main()
