"""Muon for matrices and AdamW for the rest, with float32 master copies of bf16 weights. Knows nothing about the model's meaning.

Muon: momentum whose update is made orthogonal by a Newton-Schulz iteration (Keller Jordan, github.com/KellerJordan/Muon).
"""
import torch

from training.hardware import FAST_KIND


def orthogonal(update: torch.Tensor, steps: int = 4) -> torch.Tensor:
    """The nearest semi-orthogonal matrix, roughly: singular values between 0.7 and 1.2."""
    x = update.to(FAST_KIND)
    x = x / (x.norm() + 1e-7)
    tall = x.size(0) > x.size(1)
    x = x.T if tall else x
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.T if tall else x).float()


class MuonAdam:
    """Steps the float32 masters and writes them back to the model's parameters. `matrices` are the parameters that Muon takes."""

    def __init__(self, named: list[tuple[str, torch.nn.Parameter]], matrices: set[str], muon_decay: float = 0.01, adam_decay: float = 1e-3):
        self.named, self.matrices = named, matrices
        self.masters = {name: p.detach().float().clone() for name, p in named}
        self.momentum = {name: torch.zeros_like(m) for name, m in self.masters.items()}
        self.square = {name: torch.zeros_like(m) for name, m in self.masters.items() if name not in matrices}
        self.muon_decay, self.adam_decay, self.steps = muon_decay, adam_decay, 0

    @torch.no_grad()
    def step(self, muon_rate: float, adam_rate: float, names: set[str]) -> None:
        """One step of the parameters in `names`; processes that share memory each take some."""
        self.steps += 1
        for name, parameter in self.named:
            if name not in names:
                continue
            gradient, master, momentum = parameter.grad.float(), self.masters[name], self.momentum[name]
            if name in self.matrices:
                momentum.mul_(0.95).add_(gradient)
                update = orthogonal(gradient.add(momentum, alpha=0.95))
                master.mul_(1 - muon_rate * self.muon_decay)
                # qkv holds three matrices, which are made orthogonal together; the root keeps the size of a step per output.
                master.add_(update, alpha=-muon_rate * max(1, master.size(0) / master.size(1)) ** 0.5)
            else:
                square = self.square[name]
                momentum.lerp_(gradient, 0.1)
                square.lerp_(gradient.square(), 0.01)
                denominator = (square / (1 - 0.99**self.steps)).sqrt_().add_(1e-8)
                if master.ndim == 2:
                    master.mul_(1 - adam_rate * self.adam_decay)
                master.addcdiv_(momentum / (1 - 0.9**self.steps), denominator, value=-adam_rate)
            parameter.copy_(master)

    def state_dict(self) -> dict:
        return {"masters": self.masters, "momentum": self.momentum, "square": self.square, "steps": self.steps}

    def load_state_dict(self, state: dict) -> None:
        for own, saved in ((self.masters, state["masters"]), (self.momentum, state["momentum"]), (self.square, state["square"])):
            for name, value in saved.items():
                own[name].copy_(value)
        self.steps = state["steps"]
        with torch.no_grad():
            for name, parameter in self.named:
                parameter.copy_(self.masters[name])
