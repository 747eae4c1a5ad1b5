"""Trains the planner of the video transformer to read which motion is asked for: python -m training.video.train_planner --minutes 4.

Prints how often planned motions are of the kind and the direction asked for, on drawings rendered along them, of nouns that no caption of training names. Writes video-mover.pt,
with the painter that was there.
"""
import argparse
import time

import numpy as np
import torch

from training.conditioning import conditioning_tokens
from training.data import nouns
from training.data.motions import DIRECTIONS, SHARES
from training.image.muon import MuonAdam
from training.image.train_transformer import save
from training.paths import work
from training.video.fresh import Fresh, book, caption, motion_of, motions
from training.video.mover import CURVES, FRAMES, Planner


class Aside:
    """Words of nouns kept out of training, with their drawings: what a planner makes of them, judged on rendered frames."""

    def __init__(self, count: int = 180):
        from training.evaluate.motions import Judge
        from training.video.clips import HELD_OUT, Sprites
        from training.video.render import still

        dice, source, self.judge = np.random.default_rng(9), Sprites(), Judge()
        known = [i for i in source.kept if source.table[i]["name"] in HELD_OUT]
        kinds = [k for k in SHARES if k not in ("move", "still")]
        self.rows, self.pictures = [], []
        for n in range(count):
            i = known[dice.integers(len(known))]
            word = nouns.words(source.table[i]["name"], source.table[i]["label"])[0]
            self.rows.append(caption(dice, "move" if n % 3 == 0 else kinds[n % len(kinds)], source.table[i]["name"], word, None))
            self.pictures.append(still(np.array(source.pictures[i])))
        self.tokens = torch.from_numpy(conditioning_tokens([text for text, _, _ in self.rows]))

    @torch.inference_mode()
    def __call__(self, planner: Planner, show: bool = False) -> str:
        from training.evaluate.motions import GROUP, curves, heading
        from training.video.render import frames_of

        noise = torch.randn(len(self.rows), FRAMES * CURVES, generator=torch.Generator().manual_seed(4))
        planned = planner(self.tokens, noise).numpy()
        kinds, ways = {}, {}
        for (text, kind, direction), plan, picture in zip(self.rows, planned, self.pictures):
            seen = curves(frames_of(picture, motion_of(plan), (255, 255, 255))[0])
            kinds.setdefault(kind, []).append(self.judge(seen) == GROUP[kind])
            if show and not kinds[kind][-1]:
                print(f"    {text}: {kind}, judged {[k for k, g in GROUP.items() if g == self.judge(seen)]}")
            if kind in ("move", "roll"):
                way, want = heading(seen), np.array(DIRECTIONS[direction], float)
                length = np.linalg.norm(way)
                ways.setdefault(direction, []).append(length > 0.15 and way @ want / (length * np.linalg.norm(want) + 1e-6) > 0.8)
        told = lambda groups: " ".join(f"{name} {sum(hits)}/{len(hits)}" for name, hits in sorted(groups.items()))
        mean = lambda groups: np.mean([hit for hits in groups.values() for hit in hits])
        return f"kind {mean(kinds):.3f} direction {mean(ways):.3f} | {told(ways)} | {told(kinds)}"


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--minutes", type=float, default=4)
    arguments.add_argument("--resume", action="store_true", help="from the planner of video-mover.pt")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    fresh, aside, size = Fresh(options.seed), Aside(), 96
    curves = torch.from_numpy(book())
    planner, kept = Planner(*curves.shape[:2]), torch.load(work("checkpoints", "video-mover.pt"))
    assert len(motions()) == len(curves)
    if options.resume:
        planner.load_state_dict({k: v.float() for k, v in kept["planner"].items()})
    planner.book.copy_(curves)
    named = list(planner.named_parameters())
    names, matrices = {name for name, _ in named}, {name for name, p in named if ".layers." in name and p.ndim == 2}
    optimiser = MuonAdam(named, matrices)
    mean, hit, step, begun = None, 0.0, 0, time.time()
    while (left := 1 - (time.time() - begun) / (60 * options.minutes)) > 0:
        said, right = fresh.batch(size)
        # A language model's tokens are near the words, not on them; a picture's sentence token comes alone.
        present = (said.abs().sum(-1, keepdim=True) > 0).float()
        said = said + (0.4 * torch.rand(size, 1, 1) * (torch.rand(size, 1, 1) < 0.7)) * present * torch.randn_like(said)
        fate = torch.rand(size)
        said[fate < 0.12, 1:] = 0
        said[fate > 0.98] = 0
        right[fate > 0.98] = fresh.even
        with torch.autocast("cpu", torch.bfloat16):
            logs = planner.reader(said).float().log_softmax(-1)
        loss = -(right * logs).sum(-1).mean()
        loss.backward()
        factor = min(1, (step + 1) / 40) * min(1, 1.7 * left)
        optimiser.step(0.015 * factor, 2e-3 * factor, names)
        planner.zero_grad(set_to_none=True)
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        hit = 0.98 * hit + 0.02 * (right.gather(1, logs.argmax(1, keepdim=True)) > 0).float().mean().item()
        if step % 200 == 0:
            print(f"step {step} loss {mean:.4f} right {hit:.3f} left {left:.2f} {time.strftime('%H:%M:%S')}", flush=True)
        step += 1
    save(work("checkpoints", "video-mover.pt"), {"planner": {k: v.half() for k, v in planner.state_dict().items()}, "painter": kept["painter"], "step": step, "batch": size, "loss": mean})
    for sure in (1.0, 2.0, 4.0):
        planner.sure = sure
        print(f"sure {sure}, {step * size} captions:", aside(planner, show=sure == 2.0), flush=True)


if __name__ == "__main__":
    main()
