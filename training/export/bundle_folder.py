"""A bundle folder in the making: graphs with their weights in shards, files beside them, and at the end bundle.json with sizes and hashes.

Knows files and components; no model. Used by the exporters of AudioLDM, CLIP, SigLIP, CLAP and T5.
"""
import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import torch

from .imagebind import halve
from .shards import write_sharded

BITS = {'int8': 8, 'int4': 4}


class BundleFolder:
    """`dtype` is how weights are kept: fp32, fp16, int8 or int4."""

    def __init__(self, folder: Path, dtype: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.dtype, self.files = folder, dtype, {}
        self.kind = torch.float16 if dtype == 'fp16' else torch.float32

    def graph(self, component: str, key: str, part: str, write, small: bool = False, halves: bool = False) -> None:
        """`write` exports to the path that it is given; `small` parts keep their weights, of which every rounding would show; with `halves` fp16 weights meet float32 products."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            write(Path(scratch) / 'model.onnx')
            if halves and self.dtype == 'fp16':
                halve(Path(scratch) / 'model.onnx')
            shards = write_sharded(Path(scratch) / 'model.onnx', self.folder / part / 'model.onnx', None if small else BITS.get(self.dtype))
        self.file(component, key, f'{part}/model.onnx')
        for index, path in enumerate(shards):
            self.file(component, f'{part}-weights{index}', f'{part}/{path.name}')
        print(f'{part}: {sum(path.stat().st_size for path in (self.folder / part).iterdir()) / 1e6:.1f} MB', flush=True)

    def file(self, component: str, key: str, path: str) -> None:
        self.files.setdefault(component, {})[key] = path

    def tokenizer(self, component: str, tokenizer, part: str = 'tokenizer') -> None:
        """Saved as tokenizer.json, which the program reads; ends where the tokenizer has none."""
        tokenizer.save_pretrained(self.folder / part)
        if not (self.folder / part / 'tokenizer.json').is_file():
            raise SystemExit(f'{type(tokenizer).__name__} writes no tokenizer.json; load the fast one.')
        self.file(component, 'tokenizer', f'{part}/tokenizer.json')

    def write(self, components: dict, **bundle) -> dict:
        """`components` by name: kind, uses and config; files are those that were placed."""
        made = {name: {**component, 'files': {key: self.listed(path) for key, path in self.files.get(name, {}).items()}} for name, component in components.items()}
        whole = {'format': 1, 'version': '0.1.0', **bundle, 'components': made}
        whole = {'joint': None, 'inputs': {}, 'languageModel': None, 'outputs': {}, 'groups': []} | whole
        (self.folder / 'bundle.json').write_text(json.dumps(whole, indent=2) + '\n')
        print(f'{self.folder / "bundle.json"}: {whole["title"]}')
        return whole

    def listed(self, path: str) -> dict:
        with open(self.folder / path, 'rb') as file:
            return {'path': path, 'sha256': hashlib.file_digest(file, 'sha256').hexdigest(), 'bytes': (self.folder / path).stat().st_size}


def arguments(name: str, description: str) -> argparse.ArgumentParser:
    """What every one of these exporters is given."""
    parser = argparse.ArgumentParser(prog=f'python -m training.export.{name}', description=description)
    parser.add_argument('source', help='local folder, or OWNER/NAME on the hub')
    parser.add_argument('out', type=Path)
    parser.add_argument('--dtype', choices=['fp32', 'fp16', 'int8', 'int4'], default='fp32')
    parser.add_argument('--id', help='id of the bundle; the name of OUT by default')
    parser.add_argument('--licence', default='NOASSERTION', help='SPDX expression of the weights')
    return parser
