"""What the first frame of a video shows: conditioning tokens of words about a motion to those of the thing at rest.

    python -m training.video.still prepare | train [--resume] | export

The decoder of pictures has not read of motions: it draws "a car driving to the right" as a car to the right of something. A small transformer
gives it the tokens of "a car" instead, and leaves words without a motion as they are. Knows no pictures and no latents.
"""
import argparse
import json
import time

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

from training.conditioning import TOKENS, WIDTH, conditioning_tokens
from training.data import nouns
from training.data.colours import COLOURS
from training.data.motion_captions import describe
from training.data.motions import DIRECTIONS, SHARES
from training.export.onnx_graph import without_traces
from training.image.export import export, run, to_bytes
from training.image.latents import BACKGROUNDS, encode_texts
from training.image.muon import MuonAdam
from training.paths import work

PAIRS, SAME, BATCH, SECONDS = 26000, 0.25, 128, 400
CHECK = ["a car driving to the right", "a fish swimming to the left", "a star spinning", "a video of a green frog jumping up and down", "a bell swinging back and forth", "a car", "a red apple to the left of a cup"]
MEANT = ["a car", "a fish", "a star", "a green frog", "a bell", "a car", "a red apple to the left of a cup"]


class Still(nn.Module):
    """tokens [B,16,384] to still [B,16,384]: places of the answer look at the words. Tokens past the end come out as zeros."""

    def __init__(self, width: int = 192, blocks: int = 3, heads: int = 6):
        super().__init__()
        self.width, self.heads = width, heads
        self.words_in = nn.Linear(WIDTH, width)
        self.place = nn.Parameter(0.02 * torch.randn(1, 2 * TOKENS, width))
        self.layers = nn.ModuleList(nn.ModuleDict({"qkv": nn.Linear(width, 3 * width, bias=False), "out": nn.Linear(width, width, bias=False), "up": nn.Linear(width, 3 * width), "down": nn.Linear(3 * width, width)}) for _ in range(blocks))
        # What is taken from the words as they are, and from which of them.
        self.ask, self.offer = nn.Linear(width, 64, bias=False), nn.Linear(width, 64, bias=False)
        self.change, self.present = nn.Linear(width, WIDTH), nn.Linear(width, 1)
        for layer in [self.change, *(part for each in self.layers for part in (each["out"], each["down"]))]:
            nn.init.zeros_(layer.weight)

    def forward(self, tokens):
        batch = tokens.shape[0]
        words = self.words_in(tokens) + self.place[:, :TOKENS]
        x = torch.cat([words, words.mean(1, keepdim=True) + self.place[:, TOKENS:]], 1)
        for layer in self.layers:
            q, k, v = layer["qkv"](F.layer_norm(x, (self.width,))).view(batch, 2 * TOKENS, 3, self.heads, self.width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
            x = x + layer["out"](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, 2 * TOKENS, self.width))
            x = x + layer["down"](F.gelu(layer["up"](F.layer_norm(x, (self.width,)))))
        x = F.layer_norm(x, (self.width,))
        taken = (self.ask(x[:, TOKENS:]) @ self.offer(x[:, :TOKENS]).transpose(1, 2) / 8).softmax(-1) @ tokens
        present = torch.sigmoid(self.present(x[:, TOKENS:]))
        known = (tokens[:, :1].abs().sum(-1, keepdim=True) > 0).to(tokens.dtype)
        return (taken + self.change(x[:, TOKENS:])) * present * known


def pair(index: int, named: list[tuple[str, str]]) -> tuple[str, str]:
    """Words about a motion and words about the thing in it."""
    dice = np.random.default_rng([index, 91])
    slug, word = named[dice.integers(len(named))]
    colour = str(dice.choice(list(COLOURS))) if dice.random() < 0.35 and not any(c in word.split() for c in COLOURS) else None
    kinds, shares = list(SHARES), np.sqrt(np.array(list(SHARES.values()), float))
    kind = str(dice.choice(kinds, p=shares / shares.sum()))
    direction = str(dice.choice(["clockwise", "counterclockwise"])) if kind == "spin" else str(dice.choice(["in", "out"])) if kind == "fade" else str(dice.choice(list(DIRECTIONS)))
    said = str(dice.choice(describe(dice, kind, direction, slug, word, colour)))
    thing = nouns.article(f"{colour} {word}" if colour else word)
    if dice.random() < 0.1:
        ground = f" on a {dice.choice(sorted(BACKGROUNDS))} background"
        return said + ground, thing + ground
    return said, thing


def prepare() -> None:
    table = json.loads(work("data", "sprites.json").read_text())
    named = sorted({(entry["name"], word) for entry in table for word in nouns.words(entry["name"], entry["label"])})
    pairs = [pair(i, named) for i in range(PAIRS)]
    texts = sorted({text for both in pairs for text in both})
    place = {text: i for i, text in enumerate(texts)}
    print(f"{len(named)} names, {len(texts)} texts, such as {pairs[:6]}", flush=True)
    np.savez(work("data", "still.npz"), tokens=encode_texts(texts), pairs=np.array([[place[a], place[b]] for a, b in pairs]))


def train(seconds: float, resume: bool) -> None:
    with np.load(work("data", "still.npz")) as saved:
        tokens, pairs = saved["tokens"], saved["pairs"]
    same = np.load(work("data", "tokens.npy"), mmap_mode="r")
    torch.manual_seed(1)
    model, random = Still(), np.random.default_rng(2 if resume else 1)
    if resume:
        model.load_state_dict(torch.load(work("checkpoints", "video-still.pt")))
    valid, pairs = pairs[:500], pairs[500:]
    matrices = {name for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name}
    optimiser = MuonAdam(list(model.named_parameters()), matrices)
    names = {name for name, _ in optimiser.named}
    cast = lambda values: torch.from_numpy(np.asarray(values, np.float32))
    begun, step = time.time(), 0
    while (left := 1 - (time.time() - begun) / seconds) > 0:
        chosen, alike = pairs[random.integers(len(pairs), size=round(BATCH * (1 - SAME)))], cast(same[np.sort(random.integers(len(same), size=round(BATCH * SAME)))])
        given, meant = torch.cat([cast(tokens[chosen[:, 0]]), alike]), torch.cat([cast(tokens[chosen[:, 1]]), alike])
        # What a language model asks with is near the words, not on them.
        amount = torch.from_numpy((random.random((len(given), 1, 1)) < 0.5) * random.uniform(0.05, 0.2, (len(given), 1, 1))).float()
        given = given + amount * (given.abs().sum(-1, keepdim=True) > 0) * torch.randn_like(given)
        loss = (model(given) - meant).square().mean((0, 2))
        (loss[0] + loss[1:].sum()).backward()
        rate = min(1, (step + 1) / 30) * min(1, 1.5 * left)
        optimiser.step(0.015 * rate, 0.003 * rate, names)
        model.zero_grad(set_to_none=True)
        step += 1
        if step % 50 == 0:
            with torch.no_grad():
                out, right = model(cast(tokens[valid[:, 0]])), cast(tokens[valid[:, 1]])
            print(f"step {step} loss {float(loss.sum()):.3f} valid {float((out - right).square().mean((0, 2)).sum()):.3f} sentence {float(F.cosine_similarity(out[:, 0], right[:, 0]).mean()):.3f} left {left:.2f}", flush=True)
            torch.save(model.state_dict(), work("checkpoints", "video-still.pt"))


def write_graph() -> None:
    model = Still()
    model.load_state_dict(torch.load(work("checkpoints", "video-still.pt")))
    inputs = {"tokens": torch.from_numpy(conditioning_tokens(CHECK))}
    path = work("export", "video", "still.onnx")
    with torch.no_grad():
        expected = model.eval()(*inputs.values())
        export(model, inputs, "still", path)
    graph = onnx.load(path)
    to_bytes(graph)
    graph.producer_name = "anymodal"
    onnx.checker.check_model(without_traces(graph))
    onnx.save(graph, path)
    shipped, meant = run(path, inputs), torch.from_numpy(conditioning_tokens(MEANT))
    near = F.cosine_similarity(torch.from_numpy(shipped).flatten(1), meant.flatten(1))
    before = F.cosine_similarity(inputs["tokens"].flatten(1), meant.flatten(1))
    print(f"{path.stat().st_size} bytes, {sum(p.numel() for p in model.parameters())} parameters, error of 8 bits {np.abs(shipped - expected.numpy()).max():.3f}")
    for text, a, b in zip(CHECK, before.tolist(), near.tolist()):
        print(f"{text}: {a:.3f} before, {b:.3f} after")


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("stage", choices=["prepare", "train", "export"])
    arguments.add_argument("--seconds", type=float, default=SECONDS)
    arguments.add_argument("--resume", action="store_true", help="go on from the last state")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    {"prepare": prepare, "train": lambda: train(options.seconds, options.resume), "export": write_graph}[options.stage]()


if __name__ == "__main__":
    main()
