"""What a later run needs to go on, small enough for git: python -m training.states save | restore.

Float16 weights before the final decay, without momentum; a run that begins from them warms its optimiser up again. Knows nothing about the models.
"""
import gzip
import io
import sys
from pathlib import Path

import torch

from training.paths import work

FOLDER = Path(__file__).parent / "states"
#: Checkpoint in the work folder to what it is for.
STATES = {"transformer-stable": "pictures: training.image.train_transformer --resume"}
#: All that git may hold of them.
LIMIT = 30_000_000


def small(saved: dict) -> dict:
    """The masters in float16, and what says where the run stood."""
    weights = {name: value.half() for name, value in saved["optimiser"]["masters"].items()}
    return {"weights": weights, "average": {k: v.half() for k, v in saved["average"].items() if k not in weights}} | {k: v for k, v in saved.items() if k not in ("optimiser", "average")}


def whole(state: dict) -> dict:
    """A checkpoint that --resume takes: averages begin at the weights, momentum at zero."""
    masters = {name: value.float() for name, value in state.pop("weights").items()}
    extra = {name: value.float() for name, value in state.pop("average").items()}
    optimiser = {"masters": masters, "momentum": {}, "square": {}, "steps": 0}
    return state | {"optimiser": optimiser, "average": {name: value.clone() for name, value in masters.items()} | extra}


def save() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in STATES:
        buffer = io.BytesIO()
        torch.save(small(torch.load(work("checkpoints", f"{name}.pt"))), buffer)
        path = FOLDER / f"{name}.pt.gz"
        path.write_bytes(gzip.compress(buffer.getvalue(), 9, mtime=0))
        print(path.name, path.stat().st_size)
    total = sum(path.stat().st_size for path in FOLDER.glob("*.gz"))
    if total > LIMIT:
        raise SystemExit(f"{total} bytes are more than {LIMIT}")


def restore() -> None:
    for name in STATES:
        state = torch.load(io.BytesIO(gzip.decompress((FOLDER / f"{name}.pt.gz").read_bytes())))
        torch.save(whole(state), work("checkpoints", f"{name}.pt"))
        print(f"{name}: step {state['step']}")


if __name__ == "__main__":
    {"save": save, "restore": restore}[sys.argv[1]]()
