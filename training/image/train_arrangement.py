"""Trains the reader of arrangements: python -m training.image.train_arrangement --minutes 10.

Texts of two things and orders that add or replace are composed here out of the words of all drawings; everything else that the pictures were trained on
asks for one picture. Prints, for pairs and wordings that the evaluation asks for and none here, how often the kind is right, and how near the things'
tokens are to those of their own words (cosine, and the nearest of all nouns). Writes arrangement.pt and, as the bundle holds it, image/arrangement.onnx.
"""
import argparse
import json
import time

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F

from training.conditioning import conditioning_tokens, encode_batch
from training.data import captions
from training.data.colours import COLOURS
from training.data.nouns import article
from training.evaluate.composed import PLACED
from training.evaluate.nouns import JUDGED
from training.image.arrangement import KINDS, Arrangement
from training.image.export import to_bytes
from training.image.muon import MuonAdam
from training.image.scenes import HELD
from training.paths import work

BESIDE = captions.SIDES + captions.SCENE + ["{a} beside {b}", "{a} and {b} next to each other", "{a}, {b}", "{a} on the left side, {b} on the right side", "{a} at the left and {b} at the right",
                                            "on the right {b} and on the left {a}", "to the left {a}, to the right {b}", "{a} on the left of {b}", "{b} on the right of {a}", "{b} beside {a} on its left", "{a} together with {b}",
                                            "two things: {a} and {b}", "show {a} and {b}", "a drawing of {a} and {b}", "an image of {a} next to {b}", "both {a} and {b}", "{a} (left), {b} (right)", "left side: {a}; right side: {b}", "right: {b}, left: {a}", "right side {b}, left side {a}", "one on the left: {a}, one on the right: {b}", "left {a} right {b}", "{a} left, {b} right", "first {a}, then {b}", "{a} plus {b}"]
ABOVE = ["{a} above {b}", "{b} below {a}", "{a} over {b}", "{b} under {a}", "{b} underneath {a}", "{a} on top and {b} at the bottom", "{a} at the top, {b} at the bottom", "{a} on top of {b}", "draw {a} above {b}", "a picture of {b} under {a}"]
ADD_LEFT = [t.format(s="left", a="{a}", b="{b}", w="{w}") for t in captions.ADD] + ["add {b} to its left", "{b} on its left, please", "I want {b} on the left", "and now {b} on the left", "add {b} left of it", "put {b} to its left"]
ADD_RIGHT = [t.replace("left", "right") for t in ADD_LEFT]
ADD = captions.ADD_ANYWHERE + ["add {b} to the picture", "now add {b}", "there should be {b} as well", "put {b} into the picture too", "please add {b}", "can you add {b}?", "include {b}", "and {b}", "also {b}"]
REPLACE = captions.REPLACE + captions.REPLACE_WHOLE + ["replace the {w} by {b}, please", "make the {w} {b}", "exchange it for {b}", "I want {b} and not {a}", "draw {b} instead of {a}"]
TEMPLATES = {"beside": BESIDE, "above": ABOVE, "add left": ADD_LEFT, "add right": ADD_RIGHT, "add": ADD, "replace": REPLACE}
SHARE = {"beside": 0.4, "above": 0.12, "add left": 0.1, "add right": 0.1, "add": 0.1, "replace": 0.18}


class Composed:
    """Texts of two things with the phrases that they hold, all encoded once."""

    def __init__(self, count: int, seed: int):
        self.dice = dice = np.random.default_rng(seed)
        things = json.loads(work("data", "things.json").read_text())
        nouns = list(JUDGED)
        words = sorted({(nouns[t["noun"]], w) for t in things for w in t["words"]})
        colours, phrases, rows = sorted(COLOURS), {"": 0}, []
        at = lambda phrase: phrases.setdefault(phrase, len(phrases))
        kinds = dice.choice(list(SHARE), count, p=list(SHARE.values()))
        for kind in kinds:
            (one, a), (two, b) = (words[int(dice.integers(len(words)))] for _ in "ab")
            if one == two or frozenset((one, two)) in HELD:
                continue
            plain = a
            if kind in ("beside", "above") and dice.random() < 0.3:
                a = f"{dice.choice(colours)} {a}"
            if dice.random() < 0.25:
                b = f"{dice.choice(colours)} {b}"
            templates = TEMPLATES[kind]
            say = templates[int(dice.integers(len(templates)))]
            bare = kind in ("beside", "above") and dice.random() < 0.08
            text = say.format(a=a if bare else article(a), b=b if bare else article(b), w=plain)
            if dice.random() < 0.1:
                text = text[0].upper() + text[1:] + "."
            first = at(article(a)) if kind in ("beside", "above") else 0
            rows.append((text, KINDS.index(kind), first, at(article(b))))
        self.kind, self.first, self.second = (np.array([row[i] for row in rows]) for i in (1, 2, 3))
        self.texts, self.phrases = encoded([row[0] for row in rows]), encoded(list(phrases))
        self.phrases[0] = 0
        plan = np.load(work("data", "plan.npz"))
        scenes = [list(plan["kinds"]).index(k) for k in ("scene",)]
        composed = {int(text) for i in np.flatnonzero(np.isin(plan["kind"], scenes)) for text in plan["texts"][plan["offsets"][i]:plan["offsets"][i + 1]]}
        self.plain = np.array(sorted(set(plan["texts"].tolist()) - composed))
        self.tokens = np.load(work("data", "tokens.npy"), mmap_mode="r")
        print(f"{len(rows)} texts of two things, {len(phrases)} phrases, {len(self.plain)} texts of one", flush=True)
        self.removing = encoded(sorted({t.format(v=words[int(dice.integers(len(words)))][1], w=words[int(dice.integers(len(words)))][1]) for t in captions.REMOVE * 200}))

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """(tokens, kind, first, second), tokens worn as those of a language model are."""
        dice, plain, removing = self.dice, int(size * 0.38), int(size * 0.04)
        rows = dice.integers(0, len(self.texts), size - plain - removing)
        said = np.concatenate([self.texts[rows], self.tokens[np.sort(dice.choice(self.plain, plain))], self.removing[dice.integers(0, len(self.removing), removing)]]).astype(np.float32)
        none = np.zeros(plain + removing, np.int64)
        kind, first, second = (torch.from_numpy(np.concatenate([of[rows], none])) for of in (self.kind, self.first, self.second))
        said = torch.from_numpy(said)
        present = (said.abs().sum(-1, keepdim=True) > 0).float()
        said = said + 0.5 * torch.rand(size, 1, 1) * (torch.rand(size, 1, 1) < 0.6) * present * torch.randn_like(said)
        phrase = lambda which: torch.from_numpy(self.phrases[which.numpy()].astype(np.float32))
        return said, kind, phrase(first), phrase(second)


def encoded(texts: list[str]) -> np.ndarray:
    """Tokens float16 [n,16,384], in order of length."""
    out = np.zeros((len(texts), 16, 384), np.float16)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), 256):
        part = order[start : start + 256]
        with torch.autocast("cpu", torch.bfloat16):
            out[part] = encode_batch([texts[i] for i in part])
    return out


@torch.inference_mode()
def report(model: Arrangement) -> str:
    """Pairs and wordings of the evaluation; and single things, which must stay whole."""
    pairs = [tuple(sorted(pair)) for pair in sorted(map(sorted, HELD))]
    texts = [PLACED[i % len(PLACED)].format(a=article(a), b=article(b)) for i, (a, b) in enumerate(pairs)]
    every = torch.from_numpy(conditioning_tokens([article(noun) for noun in JUDGED]))
    place = {noun: i for i, noun in enumerate(JUDGED)}
    logits, first, second = model(torch.from_numpy(conditioning_tokens(texts)))
    near = lambda x: F.cosine_similarity(x[:, None, 0], every[None, :, 0], dim=-1)
    hits = [(near(x).argmax(1) == torch.tensor([place[pair[k]] for pair in pairs])).float().mean().item() for k, x in enumerate((first, second))]
    own = [torch.stack([near(x)[i, place[pair[k]]] for i, pair in enumerate(pairs)]).mean().item() for k, x in enumerate((first, second))]
    whole = model(every)[0].argmax(1) == 0
    alone = [noun for noun, right in zip(JUDGED, whole.tolist()) if not right]
    return f"held pairs: beside {(logits.argmax(1) == 1).float().mean():.3f}, nearest noun {hits[0]:.3f} {hits[1]:.3f}, cosine {own[0]:.3f} {own[1]:.3f}; single nouns whole {whole.float().mean():.3f} {alone[:8]}"


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--texts", type=int, default=30000)
    arguments.add_argument("--resume", action="store_true", help="from arrangement.pt")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    composed, model, size = Composed(options.texts, 3), Arrangement(), 128
    if options.resume:
        model.load_state_dict({k: v.float() for k, v in torch.load(work("checkpoints", "arrangement.pt")).items()})
    named = list(model.named_parameters())
    names, matrices = {name for name, _ in named}, {name for name, p in named if name.startswith("layers.") and p.ndim == 2}
    optimiser = MuonAdam(named, matrices)
    step, mean, begun = 0, None, time.time()
    while (left := 1 - (time.time() - begun) / (60 * options.minutes)) > 0:
        said, kind, first, second = composed.batch(size)
        with torch.autocast("cpu", torch.bfloat16):
            logits, one, two = model(said)
        two_things = torch.isin(kind, torch.tensor([1, 2])).float()
        error = (one.float() - first).square().mean((1, 2)) * two_things + (two.float() - second).square().mean((1, 2)) * (kind > 0)
        # The sentence token says what a thing is.
        error = error + (one.float() - first)[:, 0].square().mean(1) * two_things + (two.float() - second)[:, 0].square().mean(1) * (kind > 0)
        loss = F.cross_entropy(logits.float(), kind) + 2 * error.mean()
        loss.backward()
        factor = min(1, (step + 1) / 60) * min(1, 2 * left)
        optimiser.step(0.015 * factor, 1.5e-3 * factor, names)
        model.zero_grad(set_to_none=True)
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if step % 200 == 0:
            model.eval()
            print(f"step {step} loss {mean:.4f} left {left:.2f} {time.strftime('%H:%M:%S')} {report(model)}", flush=True)
            model.train()
        step += 1
    model.eval()
    torch.save({k: v.half() for k, v in model.state_dict().items()}, work("checkpoints", "arrangement.pt"))
    print(f"{step * size} texts:", report(model))
    export(model)


def export(model: Arrangement) -> None:
    path = work("export", "image", "arrangement.onnx")
    tokens = torch.from_numpy(conditioning_tokens(["a cat on the left and a dog on the right", "a fish"]))
    with torch.no_grad():
        expected = model(tokens)
    torch.onnx.export(model, (tokens,), str(path), input_names=["tokens"], output_names=["kind", "first", "second"], opset_version=17, dynamo=False, do_constant_folding=True,
                      dynamic_axes={name: {0: "batch"} for name in ("tokens", "kind", "first", "second")})
    graph = onnx.load(path)
    run = lambda: onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"tokens": tokens.numpy()})
    exact = max(np.abs(a - b.numpy()).max() for a, b in zip(run(), expected))
    to_bytes(graph)
    graph.producer_name = "anymodal"
    onnx.save(graph, path)
    print(f"{path.stat().st_size} bytes; float32 error {exact:.2g}, with 8-bit weights {max(np.abs(a - b.numpy()).max() for a, b in zip(run(), expected)):.2g}")


if __name__ == "__main__":
    main()
