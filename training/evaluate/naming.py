"""Blind naming: python -m training.evaluate.naming sheet | score NAMES.txt [--model FOLDER].

`sheet` draws 60 shuffled pictures of everyday nouns with numbers only, and writes the key to a file of its own. A person writes one name a line (in the
order of the numbers, an empty line for none) before opening the key; `score` counts names that are in the noun's set of synonyms.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from training.paths import work

from .bench import NOUN_LIST, Bench, article
from .nouns import NOUNS
from .product import ROOT, pictures
from .single import named

COUNT, COLUMNS, SIDE = 60, 10, 150


def sheet(bench: Bench, seed: int) -> None:
    dice = np.random.RandomState(seed)
    chosen = dice.permutation(len(NOUNS))[:COUNT].tolist()
    made = bench.product.batch(f'naming-{seed}', [{'prompt': f'draw {article(NOUN_LIST[noun])}', 'to': ['image'], 'route': 'direct', 'seed': 8000 + i} for i, noun in enumerate(chosen)])
    canvas = Image.new('RGB', (COLUMNS * SIDE, -(-COUNT // COLUMNS) * (SIDE + 14)), 'white')
    pen = ImageDraw.Draw(canvas)
    for i, x in enumerate(((pictures(made) + 1) * 127.5).round().byte()):
        at = (i % COLUMNS * SIDE, i // COLUMNS * (SIDE + 14))
        canvas.paste(Image.fromarray(x.permute(1, 2, 0).numpy()), (at[0] + 11, at[1] + 14))
        pen.text((at[0] + 4, at[1] + 2), str(i + 1), fill='black')
    canvas.save(work('evaluate', 'naming.png'))
    work('evaluate', 'naming-key.json').write_text(json.dumps({'bundle': str(bench.product.folder.name), 'seed': seed, 'nouns': chosen}))
    print(f'{work("evaluate", "naming.png")}; the key is beside it: open it after the names are written')


def score(bench: Bench, path: Path) -> None:
    key = json.loads(work('evaluate', 'naming-key.json').read_text())
    said = path.read_text().splitlines()
    said += [''] * (len(key['nouns']) - len(said))
    hits = [bool(name.strip()) and named(bench, name, noun) for name, noun in zip(said, key['nouns'])]
    for i, (hit, name, noun) in enumerate(zip(hits, said, key['nouns'])):
        print(f'{i + 1:3} {"+" if hit else " "} {name:20} {NOUN_LIST[noun]}')
    print(f'{sum(hits)} of {len(hits)} named: {100 * np.mean(hits):.0f} % (at least 60 %)')
    work('evaluate', 'naming.json').write_text(json.dumps({'bundle': key['bundle'], 'right': sum(hits), 'of': len(hits)}))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('what', choices=('sheet', 'score'))
    arguments.add_argument('names', nargs='?', type=Path)
    arguments.add_argument('--model', type=Path, default=ROOT / 'models' / 'nano')
    arguments.add_argument('--seed', type=int, default=1)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    bench = Bench(options.model)
    if options.what == 'sheet':
        sheet(bench, options.seed)
    elif options.names is None:
        arguments.error('score: give the file of names')
    else:
        score(bench, options.names)


if __name__ == '__main__':
    main()
