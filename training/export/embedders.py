"""What the exporters of CLIP, SigLIP and CLAP have in common: towers with the ports that their hubs give them, pictures' preprocessing, a bundle that embeds.

Knows modules and settings; the program does the preprocessing.
"""
import json
from pathlib import Path

import torch
from torch import nn

from .bundle_folder import BundleFolder
from .diffusers_graphs import export

KERNELS = {1: 'lanczos', 2: 'bilinear', 3: 'bicubic'}  # of Pillow


class Tower(nn.Module):
    """`run` on inputs, as a module."""

    def __init__(self, model: nn.Module, run):
        super().__init__()
        self.model, self.run = model, run

    def forward(self, *inputs):
        return self.run(self.model, *inputs)


def text_graph(model: nn.Module, run, output: str, masked: bool, length: int | None, path: Path) -> None:
    """Texts of any length, or of one alone."""
    ids = torch.full((2, length or 9), 5)
    axes = {0: 'batch'} if length else {0: 'batch', 1: 'length'}
    inputs = {'input_ids': ids, **({'attention_mask': torch.ones_like(ids)} if masked else {})}
    # A length that is not traced would be that of the example.
    export(Tower(model, run), inputs, [output], path, {'input_ids': axes, 'attention_mask': axes, output: {0: 'batch'}})


def picture_graph(model: nn.Module, run, output: str, size: int, path: Path) -> None:
    export(Tower(model, run), {'pixel_values': torch.randn(2, 3, size, size)}, [output], path, {'pixel_values': {0: 'batch'}, output: {0: 'batch'}})


def settings_of(folder: Path) -> dict:
    path = folder / 'preprocessor_config.json'
    if not path.is_file():
        raise SystemExit(f'{folder}: no preprocessor_config.json.')
    return json.loads(path.read_text())


def picture_config(settings: dict, size: int) -> dict:
    """`preprocessor_config.json` of a picture tower as the factory `image-joint-tower` has it; src/bundle/transformers-embedders.ts reads the same."""
    given = settings.get('size', size)
    whole = given if isinstance(given, int) else given.get('shortest_edge') or given.get('height')
    short = isinstance(given, int) or 'shortest_edge' in given
    cropped = settings.get('do_center_crop', False)
    crop = settings.get('crop_size', size)
    crop = crop if isinstance(crop, int) else crop.get('height')
    kernel = KERNELS.get(settings.get('resample', 3))
    known = whole == size and (not cropped or crop == size) and (cropped or not short) and kernel and settings.get('do_resize', True) and (short or given['height'] == given['width'])
    if not known:
        raise SystemExit(f'preprocessor_config.json: size {given}, crop {crop if cropped else None}, resample {settings.get("resample")}: expected pictures of {size} pixels, cropped or squeezed.')
    return {'size': size, 'mean': list(settings['image_mean']), 'std': list(settings['image_std']), 'fit': 'cover' if cropped else 'fill', 'kernel': kernel}


def write(made: BundleFolder, configs: dict, joint: int, identity: str | None, licence: str, title: str, name: str) -> dict:
    """`configs` by modality: the factory and its config."""
    components = {f'{modality}-encoder': {'kind': 'encoder', 'uses': uses, 'config': {'joint': joint, **config}} for modality, (uses, config) in configs.items()}
    return made.write(components, id=identity or made.folder.name.lower(), title=f'{title}, {made.dtype}', licence=licence, source=f'exported by training/export/{name}.py', joint=joint,
                      inputs={modality: {'encoder': f'{modality}-encoder', 'projector': None} for modality in configs})
