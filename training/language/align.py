"""A start for the input projectors: encoder tokens to where the language model's own table has their words. A model that finds the words of a
medium at its place reads it after a few hundred examples; from a random start it learns to ignore it.

    python -m training.language.align [--minutes 0.6]                                           # WORK/language/aligned.pt
    python -m training.language.align --checkpoint stage-four.pt --modalities audio video --out stage-four-aligned.pt
    python -m training.language.align places                                                    # which vector of a medium says what
"""
import argparse
import random
import time

import numpy as np
import torch
from torch.nn import functional as F

from ..conditioning import sentence_embeddings
from ..paths import work
from .base import dequantised, load_grids
from .encoded import AUDIO, VIDEO, EveryMedium
from .naming import SHARPNESS, Naming, words_of, word_targets
from .projectors import InputProjector
from .vocabulary import OUTPUTS

#: Media of one step.
BATCH = 96


def table() -> np.ndarray:
    return dequantised({"table": load_grids(work("language", "grids.npz"))["table"]})[1]


def places() -> None:
    """For each vector of sounds and videos: how often the nearest of all values of a field is the right one"""
    media = EveryMedium(0)
    for modality, path, names in (("audio", AUDIO, ("name", "caption")), ("video", VIDEO, ("noun", "colour", "motion", "caption"))):
        if not path.exists():
            continue
        known = media.of[modality].sounds if modality == "audio" else media.of[modality].clips
        for field in names:
            items = [item for item in known if getattr(item, field)][:3000]
            values = sorted({getattr(item, field) for item in items})
            units = sentence_embeddings(values)
            right = np.array([values.index(getattr(item, field)) for item in items])
            tokens = media.of[modality].tokens[[item.key for item in items]].astype(np.float32)
            found = [float(((tokens[:, place] @ units.T).argmax(1) == right).mean()) for place in range(tokens.shape[1])]
            print(modality, field, f"{len(values)} values:", " ".join(f"{share:.2f}" for share in found), flush=True)


def align(modality: str, projector: InputProjector, minutes: float, media: EveryMedium, naming: Naming, rate: float) -> None:
    dice = random.Random(3)
    optimiser = torch.optim.AdamW(projector.parameters(), rate)
    rows, started, step = naming.table, time.time(), 0
    scale = float(np.linalg.norm(word_targets(naming.texts or ["apple", "dog", "red", "blue"], rows), axis=1).mean())
    while (spent := (time.time() - started) / 60 / minutes) < 1:
        optimiser.param_groups[0]["lr"] = rate * (1 - spent)
        items = [media.attached[modality](dice) for _ in range(BATCH)]
        projected = projector(torch.from_numpy(np.stack([media.vectors(item) for item in items])))
        decided = naming(items, projected)
        # The first vector is the whole: where its caption's words are.
        whole = torch.from_numpy(word_targets([item.caption for item in items], rows))
        said = [(index, place, text) for index, item in enumerate(items) for place, text in words_of(item)]
        own = torch.from_numpy(word_targets([text for *_, text in said], rows))
        bare = projected - naming.marks[modality]
        near = 1 - F.cosine_similarity(bare[:, 0], whole, dim=-1).mean()
        if said:
            near = near + 1 - F.cosine_similarity(bare[[index for index, *_ in said], [place for _, place, _ in said]], own, dim=-1).mean()
        loss = 0.5 * near + 0.3 * decided + 0.1 * (projected.norm(dim=-1) / scale - 1).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        if step % 100 == 0:
            print(f"{modality} step {step} near {near.item():.3f} decided {decided.item():.3f}", flush=True)
    print(f"{modality}: {step} steps, near {near.item():.3f} decided {decided.item():.3f}", flush=True)
    for held_out in (False, True):
        kept = EveryMedium(1, held_out=held_out)
        items = [kept.attached[modality](dice) for _ in range(600)]
        with torch.no_grad():
            projected = projector(torch.from_numpy(np.stack([kept.vectors(item) for item in items])))
        print(f"{modality}, {'held out' if held_out else 'seen'}: the nearest word is right, by place: {naming.right(items, projected)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", nargs="?", default="align", choices=("align", "places"))
    parser.add_argument("--minutes", type=float, default=0.6, help="for each modality")
    parser.add_argument("--checkpoint", help="a tuning checkpoint to go on from: the copy written differs in the input projectors only")
    parser.add_argument("--modalities", nargs="*", default=list(OUTPUTS))
    parser.add_argument("--mark", action="store_true", help="give the vectors of sounds and videos what marks their kind; once")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--out", default="aligned.pt")
    options = parser.parse_args()
    if options.step == "places":
        return places()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    saved = torch.load(work("language", options.checkpoint), weights_only=True) if options.checkpoint else None
    media, naming, found = EveryMedium(0), Naming(table()), {}
    for modality in OUTPUTS:
        projector = InputProjector(scale=1.0)
        if saved:
            projector.load_state_dict(saved["input_projectors"][modality])
        if modality in options.modalities and options.mark:
            projector.second.bias.data += naming.marks[modality]
        if modality in options.modalities:
            align(modality, projector, options.minutes, media, naming, options.rate)
        found[modality] = projector.state_dict()
    torch.save(saved | {"input_projectors": found} if saved else found, work("language", options.out))


if __name__ == "__main__":
    main()
