"""Models of the field at full size with random weights, one part after another: its graph in our runtime against PyTorch, with error, time and memory.

Usage: python -m training.export.full_size_check [MODEL[/PART] ...] [--edge PIXELS] [--frames N] [--layers N] [--threads N] [--work FOLDER]. A part at a time is built in a
process of its own and run by `node bench/graph.ts` in another; nothing is kept. Weights are those that the classes begin with, with zeros replaced. Knows no prompt and no pipeline.
"""
import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from .full_size_models import MODELS
from .shards import write_sharded

TIMES = 3
NODE = 'node_modules/.bin/node'
HEADS = ('part', 'parameters', 'largest difference', 'of', 'seconds', 'PyTorch', 'opened in', 'memory', 'PyTorch')


@torch.no_grad()
def write(name: str, given: argparse.Namespace, folder: Path) -> None:
    """model.onnx with its weights, inputs, what torch makes of them, and how long and in how much memory it took."""
    model, part = name.split('/')
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    made = MODELS[model][part](given)
    for parameter in made.module.parameters():
        if not parameter.any():
            parameter.normal_(0, 0.02)  # what begins as zero hides faults behind it
    expected, best = None, float('inf')
    for _ in range(TIMES):
        begin = time.perf_counter()
        expected = made.run()
        best = min(best, time.perf_counter() - begin)
    figures = {'parameters': sum(parameter.numel() for parameter in made.module.parameters()), 'seconds': best, 'bytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    ports = {'inputs': {}, 'outputs': {}}
    for side, tensors in (('inputs', made.inputs), ('outputs', dict(zip(made.outputs, expected, strict=True)))):
        for port, tensor in tensors.items():
            array = tensor.numpy()
            array = np.asarray(array, np.int64 if array.dtype.kind in 'iu' else np.float32)
            (folder / f'{side}-{port}.bin').write_bytes(array.tobytes())
            ports[side][port] = {'shape': list(array.shape), 'type': str(array.dtype), 'file': f'{side}-{port}.bin'}
    (folder / 'case.json').write_text(json.dumps({'times': TIMES, 'threads': given.threads, **ports, 'torch': figures}))
    (folder / 'raw').mkdir()
    made.export(folder / 'raw' / 'model.onnx')
    del made
    write_sharded(folder / 'raw' / 'model.onnx', folder / 'model.onnx', None)
    shutil.rmtree(folder / 'raw')


def check(name: str, given: argparse.Namespace, options: list[str]) -> None:
    """One line of the table."""
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        subprocess.run([sys.executable, '-m', 'training.export.full_size_check', name, *options, '--folder', folder], check=True, stdout=subprocess.DEVNULL)
        theirs = json.loads((Path(folder) / 'case.json').read_text())['torch']
        ours = json.loads(subprocess.run([NODE if Path(NODE).exists() else 'node', 'bench/graph.ts', folder], check=True, stdout=subprocess.PIPE).stdout)
    cells = (name, f'{theirs["parameters"] / 1e6:.0f} M', f'{ours["difference"]:.1e}', f'{ours["largest"]:.1f}', f'{ours["seconds"]:.2f}', f'{theirs["seconds"]:.2f}', f'{ours["openSeconds"]:.1f} s',
             f'{ours["bytes"] / 1e9:.2f} GB', f'{theirs["bytes"] / 1e9:.2f} GB')
    print('| ' + ' | '.join(cells) + ' |', flush=True)


def main() -> None:
    known = [f'{model}/{part}' for model, parts in MODELS.items() for part in parts]
    parser = argparse.ArgumentParser(prog='python -m training.export.full_size_check', description='Models at full size against PyTorch.')
    parser.add_argument('names', nargs='*', metavar='MODEL[/PART]', help=', '.join(known))
    parser.add_argument('--edge', type=int, default=256, help='pixels of pictures and frames')
    parser.add_argument('--frames', type=int, default=8, help='of videos')
    parser.add_argument('--layers', type=int, default=2, help='of the language model')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--work', type=Path, help='where graphs are written for the time of a part; up to 12 GB')
    parser.add_argument('--folder', type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.folder is not None:
        write(given.names[0], given, given.folder)
        return
    chosen = [name for name in known if not given.names or name in given.names or name.split('/')[0] in given.names]
    if not chosen:
        parser.error(f'no such model; there are {", ".join(known)}')
    print('| ' + ' | '.join(HEADS) + ' |\n' + '|---' * len(HEADS) + '|', flush=True)
    options = [word for key in ('edge', 'frames', 'layers', 'threads') for word in (f'--{key}', str(getattr(given, key)))]
    for name in chosen:
        check(name, given, options)


if __name__ == '__main__':
    main()
