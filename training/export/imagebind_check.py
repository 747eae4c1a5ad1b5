"""ImageBind at full size with random weights, one modality after another: each graph's vectors against PyTorch's, with time and memory.

Usage: python -m training.export.imagebind_check [MODALITY ...] [--dtype fp16] [--threads N]. Nothing is kept.
"""
import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from training.export.imagebind import GRAPHS, export
from training.export.imagebind_torch import HUGE, ImageBind, Shape


def timed(work, times: int = 3) -> tuple:
    """The result and the shortest of several times, the first aside."""
    result, best = work(), float('inf')
    for _ in range(times):
        begin = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - begin)
    return result, best


def write(modality: str, folder: Path, dtype: str, threads: int) -> None:
    """The graph, an input and what torch makes of it."""
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    model = ImageBind(Shape({modality: HUGE.trunks[modality]}, HUGE.out, HUGE.vocabulary)).eval()
    example = GRAPHS[modality][2]()[:1]
    with torch.no_grad():
        vector, seconds = timed(lambda: model(modality, example))
        np.savez(folder / 'torch.npz', example=example.numpy(), vector=vector.numpy(), seconds=seconds, parameters=sum(parameter.numel() for parameter in model.parameters()))
        export(model, modality, folder, dtype)


def run(modality: str, folder: Path, threads: int) -> None:
    """One line of figures; in a process of its own, so that its memory is the graph's."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    name, port, _ = GRAPHS[modality]
    reference = np.load(folder / 'torch.npz')
    begin = time.perf_counter()
    session = onnxruntime.InferenceSession(str(folder / name / 'model.onnx'), options, providers=['CPUExecutionProvider'])
    loaded = time.perf_counter() - begin
    (vector,), seconds = timed(lambda: session.run(None, {port: reference['example']}))
    expected = reference['vector']
    cosine = float((vector * expected).sum() / np.linalg.norm(vector) / np.linalg.norm(expected))
    print(json.dumps({'modality': modality, 'parameters': int(reference['parameters']), 'bytes': sum(path.stat().st_size for path in (folder / name).iterdir()),
                      'cosine': round(cosine, 8), 'largestDifference': float(np.abs(vector - expected).max()), 'torchSeconds': round(float(reference['seconds']), 3), 'onnxSeconds': round(seconds, 3),
                      'loadSeconds': round(loaded, 2), 'peakMemoryBytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog='python -m training.export.imagebind_check', description='ImageBind at full size against PyTorch.')
    parser.add_argument('modalities', nargs='*', metavar='MODALITY', help=', '.join(GRAPHS))
    parser.add_argument('--dtype', choices=['fp32', 'fp16', 'int8', 'int4'], default='fp32')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--folder', type=Path, help=argparse.SUPPRESS)
    parser.add_argument('--part', choices=['write', 'run'], help=argparse.SUPPRESS)
    given = parser.parse_args()
    for modality in given.modalities or list(GRAPHS):
        if given.part == 'write':
            write(modality, given.folder, given.dtype, given.threads)
        elif given.part == 'run':
            run(modality, given.folder, given.threads)
        else:
            with tempfile.TemporaryDirectory() as folder:
                for part in ('write', 'run'):
                    subprocess.run([sys.executable, '-m', 'training.export.imagebind_check', modality, '--part', part, '--folder', folder, '--dtype', given.dtype, '--threads', str(given.threads)], check=True)


if __name__ == '__main__':
    main()
