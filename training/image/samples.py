"""Batches for the diffusion transformer out of the latents and tokens computed before. Knows nothing about the model."""
import numpy as np
import torch

from training.conditioning import TOKENS, WIDTH, encode_batch
from training.image.scenes import Scenes
from training.paths import work


class Samples:
    """Draws batches of (x_0, source, mask, tokens, index of the move) in the shares of the plan. Arrays are memory-mapped.

    Tokens: 10 % are all zeros (the unconditional branch), 10 % keep only the sentence embedding, and half carry noise of deviation
    0.1 to 0.2, as the chat route's projector will.
    """

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.bank = np.load(work("data", "bank.npy"), mmap_mode="r")
        self.tokens = np.load(work("data", "tokens.npy"), mmap_mode="r")
        plan = np.load(work("data", "plan.npz"))
        self.kinds, self.kind, self.source, self.target = list(plan["kinds"]), plan["kind"], plan["source"], plan["target"]
        self.texts, self.offsets, self.shares = plan["texts"], plan["offsets"], plan["shares"] / plan["shares"].sum()
        self.blank = self.bank[int(plan["blank"])]
        self.move, weight = plan["move"], plan["weight"]
        self.scenes = Scenes(self.bank, self.random)
        self.cumulative = []
        self.members = [np.flatnonzero(self.kind == k) for k in range(len(self.kinds))]
        for members in self.members:
            total = np.cumsum(weight[members])
            self.cumulative.append(total / total[-1] if len(total) else total)
        erase = self.members[self.kinds.index("inpaint")][-1]
        self.erase = self.texts[self.offsets[erase] : self.offsets[erase + 1]]

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        random = self.random
        kinds = random.choice(len(self.kinds), size, p=self.shares)
        target, source, mask = np.zeros((size, 4, 16, 16), np.float32), np.zeros((size, 4, 16, 16), np.float32), np.ones((size, 1, 16, 16), np.float32)
        tokens, move = np.zeros((size, TOKENS, WIDTH), np.float32), np.zeros(size, np.int64)
        fresh: dict[int, str] = {}
        for i, kind in enumerate(kinds):
            if not len(self.members[kind]):
                shown, target[i], fresh[i] = self.scenes.draw(self.kinds[kind])
                source[i] = 0 if shown is None else shown
                continue
            row = self.members[kind][np.searchsorted(self.cumulative[kind], random.random())]
            text = self.texts[int(random.integers(self.offsets[row], self.offsets[row + 1]))]
            target[i], move[i] = self.bank[self.target[row]], self.move[row]
            if self.source[row] >= 0:
                source[i] = self.bank[self.source[row]]
            if self.kinds[kind] == "inpaint":
                text = self.hole(i, text, source, target, mask)
            tokens[i] = self.tokens[text]
        if fresh:
            tokens[list(fresh)] = encode_batch(list(fresh.values()))
        return torch.from_numpy(target), torch.from_numpy(source), torch.from_numpy(mask), self.varied(torch.from_numpy(tokens)), torch.from_numpy(move)

    def hole(self, i: int, text: int, source: np.ndarray, target: np.ndarray, mask: np.ndarray) -> int:
        """Cuts a rectangle out of source `i`, to be drawn again or left empty; the text for it."""
        random = self.random
        mask[i] = 0
        high, wide = random.integers(4, 15, 2)
        top, left = random.integers(0, 17 - high), random.integers(0, 17 - wide)
        mask[i, :, top : top + high, left : left + wide] = 1
        if random.random() < 0.2:
            target[i] = np.where(mask[i] > 0, self.blank, target[i])
            text = random.choice(self.erase)
        source[i] *= 1 - mask[i]
        return text

    def varied(self, tokens: torch.Tensor) -> torch.Tensor:
        random, size = self.random, len(tokens)
        noisy = torch.from_numpy(random.random(size) < 0.5)
        amount = (0.1 + 0.1 * torch.from_numpy(random.random(size).astype(np.float32))) * noisy
        # Word pieces past the end of the text stay zero: the noise is that of tokens that are there.
        present = (tokens.abs().sum(-1, keepdim=True) > 0).float()
        tokens += amount[:, None, None] * present * torch.from_numpy(random.standard_normal(tokens.shape, np.float32))
        draw = torch.from_numpy(random.random(size))
        tokens[draw < 0.1] = 0
        tokens[(draw >= 0.1) & (draw < 0.2), 1:] = 0
        return tokens
