"""Batches for the diffusion transformer out of the latents and tokens computed before. Knows nothing about the model."""
import numpy as np
import torch

from training.paths import work


class Samples:
    """Draws batches of (x_0, source, mask, tokens) in the shares of the plan. Arrays are memory-mapped.

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
        weight = plan["weight"]
        self.cumulative = []
        self.members = [np.flatnonzero(self.kind == k) for k in range(len(self.kinds))]
        for members in self.members:
            total = np.cumsum(weight[members])
            self.cumulative.append(total / total[-1])
        erase = self.members[self.kinds.index("inpaint")][-1]
        self.erase = self.texts[self.offsets[erase] : self.offsets[erase + 1]]

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        random = self.random
        kinds = random.choice(len(self.kinds), size, p=self.shares)
        rows = np.array([self.members[k][np.searchsorted(self.cumulative[k], random.random())] for k in kinds])
        texts = self.texts[self.offsets[rows] + (random.random(size) * (self.offsets[rows + 1] - self.offsets[rows])).astype(int)]
        target = self.bank[self.target[rows]].astype(np.float32)
        source, mask = np.zeros_like(target), np.ones((size, 1, 16, 16), np.float32)
        edited = np.flatnonzero(self.source[rows] >= 0)
        source[edited] = self.bank[self.source[rows[edited]]]
        for i in np.flatnonzero(kinds == self.kinds.index("inpaint")):
            mask[i] = 0
            high, wide = random.integers(4, 15, 2)
            top, left = random.integers(0, 17 - high), random.integers(0, 17 - wide)
            mask[i, :, top : top + high, left : left + wide] = 1
            if random.random() < 0.2:
                target[i] = np.where(mask[i] > 0, self.blank, target[i])
                texts[i] = random.choice(self.erase)
            source[i] *= 1 - mask[i]
        tokens = torch.from_numpy(self.tokens[texts].astype(np.float32))
        noisy = torch.from_numpy(random.random(size) < 0.5)
        amount = (0.1 + 0.1 * torch.from_numpy(random.random(size).astype(np.float32))) * noisy
        # Word pieces past the end of the text stay zero: the noise is that of tokens that are there.
        present = (tokens.abs().sum(-1, keepdim=True) > 0).float()
        tokens += amount[:, None, None] * present * torch.from_numpy(random.standard_normal(tokens.shape, np.float32))
        draw = torch.from_numpy(random.random(size))
        tokens[draw < 0.1] = 0
        tokens[(draw >= 0.1) & (draw < 0.2), 1:] = 0
        return torch.from_numpy(target), torch.from_numpy(source), torch.from_numpy(mask), tokens
