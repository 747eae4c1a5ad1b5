"""Where training keeps its files: everything that git does not hold lives under one folder. Knows no modality."""
import os
from pathlib import Path

#: Root of data, checkpoints and exports: $ANYMODAL_WORK, or training/work (ignored by git).
WORK = Path(os.environ.get("ANYMODAL_WORK") or Path(__file__).resolve().parent / "work")


def work(*parts: str) -> Path:
    """Path under WORK; its parent folder exists afterwards."""
    path = WORK.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
