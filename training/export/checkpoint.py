"""What a folder in diffusers' layout holds: which pipeline, and weights in which form. Knows no pipeline."""
import json
from pathlib import Path

UNSAFE = ('.ckpt', '.bin', '.pt', '.pth', '.pkl')


def pipeline_name(folder: Path, offered) -> str:
    """The class that model_index.json names. Ends with the reason where it is none of those that are offered."""
    name = json.loads((folder / 'model_index.json').read_text())['_class_name']
    if name not in offered:
        raise SystemExit(f'{folder.name}: {name} is not offered; there are {", ".join(offered)}.')
    return name


def has_safetensors(folder: Path, parts: tuple[str, ...]) -> bool:
    """Whether every part has them; false where all have weights of which some are archives, which torch then reads as tensors alone."""
    for part in parts:
        names = [path.name for path in (folder / part).glob('*') if path.suffix in ('.safetensors', *UNSAFE)]
        if not names:
            raise SystemExit(f'{folder.name}: {part} has no weights; expected .safetensors.')
    return all(list((folder / part).glob('*.safetensors')) for part in parts)
