"""The caption route beside the signals: what the same language model would ask a decoder for in words, and how near the decoder's text encoder takes them to the caption that was meant.

The words come of the program itself (route.ts). Knows no training.
"""
import json
import os
import subprocess
from pathlib import Path

import numpy as np

from .media import ROOT
from .text_encoders import TextEncoder


def words_for(folder: Path, output: str, asked: list[str]) -> list[str] | None:
    node = ROOT / 'node_modules' / '.bin' / 'node'
    lines = ''.join(f'{json.dumps(text)}\n' for text in asked).encode()
    made = subprocess.run([str(node) if node.exists() else 'node', str(ROOT / 'training' / 'align' / 'route.ts'), str(folder), output], input=lines, stdout=subprocess.PIPE, env={**os.environ, 'NODE_NO_WARNINGS': '1'})
    if made.returncode:
        print(f'{folder}: its language model did not answer in words; the reason is above, and the report has no caption route.', flush=True)
        return None
    return [json.loads(line) for line in made.stdout.splitlines()]


def caption_route(folder: Path, output: str, encoder: TextEncoder, asked: list[str], captions: list[str]) -> dict | None:
    """`cosine` of the conditioning by the model's words to that by the caption; `asks`, how often it wrote any words; `same`, how often the caption's own."""
    words = words_for(folder, output, asked)
    if words is None:
        return None
    made, right = (encoder([text or ' ' for text in texts]).reshape(len(texts), -1) for texts in (words, captions))
    cosine = (made * right).sum(-1) / np.maximum(np.linalg.norm(made, axis=-1) * np.linalg.norm(right, axis=-1), 1e-9)
    plain = lambda text: ' '.join(text.lower().strip(' .!').split())
    share = lambda hits: round(sum(hits) / len(words), 4)
    return {'asked': len(asked), 'asks': share(text != '' for text in words), 'same': share(plain(text) == plain(caption) for text, caption in zip(words, captions)), 'cosine': round(float(cosine.mean()), 4)}
