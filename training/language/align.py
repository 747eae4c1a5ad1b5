"""A start for the input projector: encoder tokens to where the language model's own table has their words. A model that finds the words of a
picture at its place reads it after a few hundred examples; from a random start it learns to ignore it.

    python -m training.language.align [--minutes 0.6]                                   # WORK/language/aligned.pt
    python -m training.language.align --checkpoint stage-three.pt --out sharpened.pt    # a tuned projector made more decided
"""
import argparse
import copy
import time

import numpy as np
import torch

from ..paths import work
from .base import dequantised, load_grids, tokenizer
from .dialogues import COLOURS, NOUNS
from .encoded import TOKENS
from .pictures import NOISE, CaptionVectors
from .projectors import InputProjector

#: Weight of a text's first piece: it is what the model must say first.
FIRST_PIECE = 0.6
#: Inverse temperature of the choice among all texts.
SHARPNESS = 20.0


def word_targets(texts: list[str], table: np.ndarray) -> np.ndarray:
    """Weighted mean of the table's rows of each text's pieces, [n, width]; articles say nothing and are left out."""
    found = np.zeros((len(texts), table.shape[1]), np.float32)
    for row, text in enumerate(texts):
        words = text.split()
        ids = tokenizer()(" " + " ".join(words[1:] if words[0] in ("a", "an", "the") else words), add_special_tokens=False).input_ids
        found[row] = table[ids[0]] if len(ids) == 1 else FIRST_PIECE * table[ids[0]] + (1 - FIRST_PIECE) * table[ids[1:]].mean(0)
    return found


def pairs(table: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Encoder-like vectors, how much noise they bear in training, targets of all texts, and the index of each vector's text"""
    captions = CaptionVectors(0)
    names = list(captions.rows)
    plain = [NOUNS, COLOURS] * 6
    texts = names + [text for group in plain for text in group]
    sources = [np.stack([captions.embedding(text) for text in texts])]
    noise = [np.ones(len(texts), np.float32)]
    if TOKENS.exists():
        file = np.load(TOKENS)
        rows = np.flatnonzero(~file["held_out"])
        rows = np.random.default_rng(0).permutation(rows)[:12000]
        tokens = file["tokens"][rows].astype(np.float32)
        for place, column in ((0, "caption"), (6, "word"), (1, "colour")):
            said = file[column][rows]
            known = said != ""
            sources.append(tokens[known, place])
            noise.append(np.zeros(int(known.sum()), np.float32))
            texts += said[known].tolist()
    unique = sorted(set(texts))
    targets, place = word_targets(unique, table), {text: index for index, text in enumerate(unique)}
    return torch.from_numpy(np.concatenate(sources)), torch.from_numpy(np.concatenate(noise)), torch.from_numpy(targets), torch.tensor([place[text] for text in texts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=0.6)
    parser.add_argument("--checkpoint", help="a tuning checkpoint to go on from: the copy written differs in the input projector only")
    parser.add_argument("--out", default="aligned.pt")
    options = parser.parse_args()
    minutes = options.minutes
    torch.set_num_threads(1)
    torch.manual_seed(0)
    _, table = dequantised({"table": load_grids(work("language", "grids.npz"))["table"]})
    sources, noisy, targets, names = pairs(table)
    table_of_targets = torch.nn.functional.normalize(targets, dim=-1)
    scale = targets.norm(dim=-1).mean()
    model, started, step = InputProjector(scale=1.0), time.time(), 0
    saved = torch.load(work("language", options.checkpoint), weights_only=True) if options.checkpoint else None
    if saved:
        model.load_state_dict(saved["input_projector"])
    tuned = copy.deepcopy(model)
    rate = 1e-3 if saved else 2e-3
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    while (spent := (time.time() - started) / 60 / minutes) < 1:
        optimiser.param_groups[0]["lr"] = rate * (1 - spent)
        chosen = torch.randint(len(sources), (384,))
        noise = torch.nn.functional.normalize(torch.randn(384, sources.shape[1]), dim=-1) * (NOISE[0] + torch.rand(384, 1) * (NOISE[1] - NOISE[0])) * 0.8
        x = torch.nn.functional.normalize(sources[chosen] + noise * noisy[chosen, None], dim=-1)
        y = model(x)
        right = names[chosen]
        cosine = torch.nn.functional.cosine_similarity(y, targets[right], dim=-1).mean()
        decided = torch.nn.functional.cross_entropy(SHARPNESS * torch.nn.functional.normalize(y, dim=-1) @ table_of_targets.T, right)
        loss = 1 - cosine + 0.2 * decided + 0.1 * (y.norm(dim=-1) / scale - 1).square().mean()
        if saved:
            with torch.no_grad():
                before = tuned(x)
            loss = loss + 0.3 * (y - before).square().sum(-1).mean() / before.square().sum(-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 200 == 0:
            print(f"step {step} cosine {cosine.item():.3f} decided {decided.item():.3f}", flush=True)
    torch.save(saved | {"input_projector": model.state_dict()} if saved else model.state_dict(), work("language", options.out))
    print(f"{step} steps, cosine {cosine.item():.3f}, norm {scale:.2f}")


if __name__ == "__main__":
    main()
