"""Pictures of the direct route from the exported graphs: sentence encoder tokens, flow-match Euler with guidance, latent decoder.

The loop of decoders/image in a few lines, to measure what ships; knows no training code.
"""
import os

import numpy as np
import onnxruntime
import torch
from transformers import AutoTokenizer

from training.conditioning import TOKEN_SCALE, TOKENS, WIDTH
from training.paths import work


def open_graph(*parts: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get('OMP_NUM_THREADS', 2))
    return onnxruntime.InferenceSession(str(work('export', *parts)), options, providers=['CPUExecutionProvider'])


def conditioning(texts: list[str]) -> np.ndarray:
    """float32 [n, 16, 384] from the shipped sentence encoder, as encoders/text computes it."""
    tokenizer, session = AutoTokenizer.from_pretrained(work('export', 'sentence-encoder', 'model.onnx').parent), open_graph('sentence-encoder', 'model.onnx')
    out = np.zeros((len(texts), TOKENS, WIDTH), np.float32)
    for row, text in zip(out, texts):
        ids = np.array([tokenizer(text)['input_ids']])
        tokens, embedding = session.run(['tokens', 'embedding'], {'input_ids': ids, 'attention_mask': np.ones_like(ids)})
        pieces = tokens[0, 1:-1][:TOKENS - 1]
        row[0], row[1:1 + len(pieces)] = embedding[0] * WIDTH ** 0.5, pieces / TOKEN_SCALE
    return out


def timesteps(steps: int, shift: float) -> np.ndarray:
    """Flow-match times from 1 to 0, steps + 1 values, as the image decoder's handover states them."""
    t = np.linspace(1, 0, steps + 1)
    return (shift * t / (1 + (shift - 1) * t)).astype(np.float32)


def draw(texts: list[str], seed: int = 0, steps: int = 20, guidance: float = 3.0, shift: float = 1.5, batch: int = 8) -> np.ndarray:
    """Pictures float32 [n, 3, 128, 128] in [-1, 1]; the noise of picture i is torch's of seed + i."""
    transformer, decoder = open_graph('image', 'transformer.onnx'), open_graph('image', 'latent-decoder.onnx')
    tokens, times, out = conditioning(texts), timesteps(steps, shift), []
    for at in range(0, len(texts), batch):
        part = tokens[at:at + batch]
        n = len(part)
        x = np.stack([torch.randn(4, 16, 16, generator=torch.Generator('cpu').manual_seed(seed + at + i)).numpy() for i in range(n)])
        fixed = {'source': np.zeros((2 * n, 4, 16, 16), np.float32), 'mask': np.ones((2 * n, 1, 16, 16), np.float32), 'tokens': np.concatenate([part, np.zeros_like(part)])}
        for t, following in zip(times[:-1], times[1:]):
            feeds = fixed | {'latents': np.concatenate([x, x]), 'timestep': np.full(2 * n, t, np.float32)}
            with_text, without = np.split(transformer.run(['velocity'], feeds)[0], 2)
            x = x + (following - t) * (without + guidance * (with_text - without))
        out.append(decoder.run(['pixels'], {'latents': x.astype(np.float32)})[0].clip(-1, 1))
    return np.concatenate(out)
