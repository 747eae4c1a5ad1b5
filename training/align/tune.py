"""The descent by which a language model is tuned: batches in their order, a rate that warms up and decays, gradients averaged where several processes share the work, resumable.

Used by `align dialogues` on anybody's conversations and by training/language/train.py on nano's. Knows no model, no conversation and no loss.
"""
import random
import time
from dataclasses import dataclass, field
from typing import Callable

import torch

#: Learning rates of AdamW: low-rank pairs, rows of added tokens, input and output projectors.
RATES = {"pairs": 1.5e-3, "rows": 3e-3, "input_projector": 4e-4, "output_projector": 5e-4}
#: Weight of the output projector's loss beside the cross-entropy (NExT-GPT adds them as they are; its error is a norm, not a square).
CONDITIONING = 0.3


@dataclass
class Descent:
    """`loss(batch)` gives a value and figures by name; the decay ends with `minutes` or with the batches, whichever is first. `groups` are those of the optimiser;
    `figures` turns sums of figures into a line. `hold` changes gradients before a step; `keep(step, progress)` is called every two minutes."""

    groups: list[dict]
    loss: Callable
    minutes: float
    rate: float = 1.0
    figures: Callable = lambda sums: ' '.join(f'{name} {value:.3f}' for name, value in sums.items())
    hold: Callable = lambda: None
    keep: Callable | None = None
    say: Callable = print
    processes: int = 1
    #: Where a run that was broken off goes on.
    first: int = 0
    begun: float = 0.0
    optimiser: torch.optim.Optimizer = field(init=False)

    def __post_init__(self):
        self.optimiser = torch.optim.AdamW(self.groups, betas=(0.9, 0.98), weight_decay=0.0)
        self.parameters = [parameter for group in self.groups for parameter in group["params"]]

    def run(self, batches: list, size: Callable) -> int:
        """Number of steps taken; `size(batch)` is what it counts for in the rate that is told."""
        seen, sums, rates, steps = 0, {}, [group["lr"] for group in self.groups], len(batches)
        clock = kept = time.time()
        progress, step = self.begun, self.first - 1
        for step in range(self.first, steps):
            # Warm-up over 20 steps, then linear decay to a twentieth over the last 60 %, of the steps or of the time, whichever is shorter.
            factor = self.rate * min(1, (step - self.first + 1) / 20, 0.05 + 0.95 * (1 - progress) / 0.6)
            for group, rate in zip(self.optimiser.param_groups, rates):
                group["lr"] = rate * factor
            value, figures = self.loss(batches[step])
            value.backward()
            progress = average(self.parameters, max((step + 1) / steps, self.begun + (1 - self.begun) * (time.time() - clock) / (self.minutes * 60)))
            self.hold()
            torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad()
            seen += size(batches[step]) * self.processes
            for name, figure in figures.items():
                sums[name] = sums.get(name, 0) + figure
            if step % 20 == 19:
                self.say(f"step {step + 1}/{steps} {self.figures(sums)} {seen / (time.time() - clock):.0f} tokens/s", flush=True)
                sums = {}
            if self.keep and time.time() - kept > 120:
                self.keep(step + 1, progress)
                kept = time.time()
            if progress >= 1:
                break
        return step + 1


def batches(examples: list, length: Callable, tokens: int, seed: int) -> list[list]:
    """Examples of similar lengths together, `tokens` a batch at most with padding where one alone has no more; batches in random order."""
    dice = random.Random(seed)
    dice.shuffle(examples)
    found, pool = [], 512
    for start in range(0, len(examples), pool):
        part: list = []
        for example in sorted(examples[start : start + pool], key=length):
            if part and length(example) * (len(part) + 1) > tokens:
                found.append(part)
                part = []
            part.append(example)
        found.append(part)
    dice.shuffle(found)
    return found


def average(parameters: list, progress: float) -> float:
    """Averages gradients over the processes, and how far they are."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    if not torch.distributed.is_initialized():
        return progress
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters] + [torch.tensor([progress])])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for parameter, part in zip(parameters, flat[:-1].split([parameter.numel() for parameter in parameters])):
        parameter.grad.copy_(part.view_as(parameter))
    return float(flat[-1])
