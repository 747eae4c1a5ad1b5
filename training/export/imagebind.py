"""ImageBind to a bundle that embeds text, pictures, videos, sounds, depth, thermal pictures and motion in one space.

Usage: python -m training.export.imagebind SOURCE OUT [--dtype fp32|fp16|int8|int4] [--tokenizer FOLDER]
SOURCE is imagebind_huge.pth, the same tensors in safetensors, or the word random. FOLDER of the tokenizer holds CLIP's vocab.json and merges.txt, which are ImageBind's own vocabulary; without it they are looked for in the
cache of hubs, where `anymodal pull openai/clip-vit-large-patch14 --include vocab.json --include merges.txt` puts them. The checkpoint is read as tensors alone (`weights_only`) or from safetensors. Knows the preprocessing of
imagebind/data.py as configs; the program does it.
"""
import argparse
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.export.imagebind_torch import HUGE, ImageBind, Shape
from training.export.shards import write_sharded

SIZE, MEAN, STD = 224, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
#: Modality of the checkpoint: file, port and an input of the graph.
GRAPHS = {
    'vision': ('vision', 'pixels', lambda: torch.randn(2, 3, 2, SIZE, SIZE)),
    'text': ('text', 'input_ids', lambda: torch.randint(1, 300, (2, 77))),
    'audio': ('audio', 'mel', lambda: torch.randn(2, 1, 128, 204)),
    'depth': ('depth', 'pixels', lambda: torch.randn(2, 1, SIZE, SIZE)),
    'thermal': ('thermal', 'pixels', lambda: torch.randn(2, 1, SIZE, SIZE)),
    'imu': ('imu', 'motion', lambda: torch.randn(2, 6, 2000)),
}


class Encoder(nn.Module):
    def __init__(self, model: ImageBind, modality: str):
        super().__init__()
        self.model, self.modality = model, modality

    def forward(self, x):
        return self.model(self.modality, x)


def load(path: Path, shape: Shape = HUGE) -> ImageBind:
    """The model with every tensor of the checkpoint, none missing and none left over."""
    if path.suffix == '.safetensors':
        from safetensors.torch import load_file
        tensors = load_file(path)
    else:
        tensors = torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    model = ImageBind(shape)
    missing, left = model.load_state_dict(tensors, strict=False)
    # A scale changes no direction, and the mask is the same for all.
    missing = [name for name in missing if not name.endswith(('log_logit_scale', '.mask'))]
    if missing or left:
        raise SystemExit(f'{path.name} is not {shape}: {len(missing)} tensors are missing ({missing[:3]}), {len(left)} are not known ({left[:3]})')
    return model


def halve(path: Path) -> None:
    """Keeps the matrices of a graph as float16 behind a cast, which ONNX Runtime folds when it loads."""
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f'{name}.half'))
            casts.append(helper.make_node('Cast', [f'{name}.half'], [name], name=f'{name}.cast', to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save_model(model, path, save_as_external_data=True, location=f'{path.stem}.halves', size_threshold=1024)


def export(model: ImageBind, modality: str, folder: Path, dtype: str) -> list[Path]:
    """One graph, input [B, ...] to `joint` [B, out] of unit length, in a folder of its own: the graph, then its weights in shards."""
    name, port, example = GRAPHS[modality]
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # Of a large model torch writes a file for each tensor, wherever the graph is.
        part = Path(scratch) / 'model.onnx'
        torch.onnx.export(Encoder(model, modality).eval(), (example(),), str(part), input_names=[port], output_names=['joint'], opset_version=17,
                          dynamic_axes={port: {0: 'batch'}, 'joint': {0: 'batch'}}, dynamo=False)
        if dtype == 'fp16':
            halve(part)
        target = folder / name / 'model.onnx'
        return [target, *write_sharded(part, target, {'int8': 8, 'int4': 4}.get(dtype))]


def components(width: int, files: dict[str, list[str]]) -> dict:
    """What the program needs to know to feed each graph as ImageBind's own loader does."""
    picture = {'size': SIZE, 'mean': MEAN, 'std': STD, 'joint': width}
    made = {
        'text': ('clip-joint-text', {'joint': width, 'length': 77}),
        'image': ('clip-joint-image', {**picture, 'frames': 2}),
        'video': ('clip-joint-video', {**picture, 'frames': 2, 'clips': 5, 'clipSeconds': 2, 'crops': 3}),
        'audio': ('fbank-joint-audio', {'joint': width, 'clips': 3, 'clipSeconds': 2, 'frames': 204, 'mels': 128, 'mean': -4.268, 'std': 9.138}),
        'depth': ('joint-depth', {'joint': width, 'size': SIZE}),
        'thermal': ('joint-thermal', {'joint': width, 'size': SIZE}),
        'imu': ('joint-imu', {'joint': width, 'steps': 2000, 'channels': 6, 'rateHz': 400}),
    }
    graph_of = {'image': 'vision', 'video': 'vision'}
    result = {}
    for modality, (uses, config) in made.items():
        paths = files[graph_of.get(modality, modality)]
        listed = {'model': {'path': paths[0]}, **{f'weights{index}': {'path': path} for index, path in enumerate(paths[1:])}}
        if modality == 'text':
            listed |= {'vocabulary': {'path': 'vocab.json'}, 'merges': {'path': 'merges.txt'}}
        result[f'{modality}-encoder'] = {'kind': 'encoder', 'uses': uses, 'files': listed, 'config': config}
    return result


def seal(folder: Path, bundle: dict) -> None:
    """Sizes and hashes of every file, then bundle.json."""
    for component in bundle['components'].values():
        for file in component['files'].values():
            path = folder / file['path']
            with open(path, 'rb') as stream:
                file |= {'sha256': hashlib.file_digest(stream, 'sha256').hexdigest(), 'bytes': path.stat().st_size}
    (folder / 'bundle.json').write_text(json.dumps(bundle, indent=2) + '\n')


def write_bundle(model: ImageBind, folder: Path, tokenizer: Path, dtype: str = 'fp32', licence: str = 'CC-BY-NC-4.0', source: str = 'facebookresearch/ImageBind imagebind_huge') -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ('vocab.json', 'merges.txt'):
        if (tokenizer / name).resolve() != (folder / name).resolve():
            shutil.copyfile(tokenizer / name, folder / name)
    files = {}
    for modality in GRAPHS:
        files[modality] = [path.relative_to(folder).as_posix() for path in export(model, modality, folder, dtype)]
        print(f'{modality}: {sum((folder / name).stat().st_size for name in files[modality]) / 1e6:.1f} MB')
    made = components(model.shape.out, files)
    seal(folder, {'format': 1, 'id': 'imagebind', 'version': '1.0.0', 'title': 'ImageBind: six senses in one space', 'licence': licence, 'source': source, 'components': made,
                  'joint': model.shape.out, 'inputs': {name.removesuffix('-encoder'): {'encoder': name, 'projector': None} for name in made}, 'languageModel': None, 'outputs': {}, 'groups': []})


def find_tokenizer() -> Path:
    """CLIP's vocabulary in the cache of hubs."""
    home = Path(os.environ.get('HF_HOME') or Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'huggingface')
    cache = Path(os.environ.get('HF_HUB_CACHE') or home / 'hub')
    for vocabulary in sorted(cache.glob('models--openai--clip-vit-*/snapshots/*/vocab.json')):
        if (vocabulary.parent / 'merges.txt').exists():
            return vocabulary.parent
    raise SystemExit("there is no CLIP vocabulary in the cache; run anymodal pull openai/clip-vit-large-patch14 --include vocab.json --include merges.txt, or give --tokenizer FOLDER")


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m training.export.imagebind', description='ImageBind to a bundle.')
    parser.add_argument('source', type=Path, help='imagebind_huge.pth, the same tensors in safetensors, or: random')
    parser.add_argument('out', type=Path)
    parser.add_argument('--dtype', choices=['fp32', 'fp16', 'int8', 'int4'], default='fp32', help='how the weights are kept; the products are of float32')
    parser.add_argument('--tokenizer', type=Path, help="folder with CLIP's vocab.json and merges.txt")
    given = parser.parse_args()
    tokenizer = given.tokenizer or find_tokenizer()
    random = given.source == Path('random')
    torch.manual_seed(0)
    model = ImageBind(HUGE) if random else load(given.source)
    with torch.no_grad():
        write_bundle(model.eval(), given.out, tokenizer, given.dtype, source='random weights' if random else f'facebookresearch/ImageBind {given.source.name}')
    print(f'{given.out / "bundle.json"}: use it with --model {given.out}')


if __name__ == '__main__':
    main()
