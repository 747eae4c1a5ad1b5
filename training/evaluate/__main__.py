"""The table of what nano is worth: python -m training.evaluate [--only ROWS] [--quick] [--model FOLDER].

Runs the product on frozen requests, judges what comes, and writes table.md and table.json into $ANYMODAL_WORK/evaluate/BUNDLE. README.md says how to read it.
"""
import argparse
import json
import time
import traceback
from pathlib import Path

import torch

from training.paths import work

from .bench import Bench
from .product import ROOT
from .table import markdown, save


def parts() -> dict:
    from .table import Row

    def naming(bench: Bench) -> list[Row]:
        """What was written down for a sheet of this bundle, if it was."""
        path = work('evaluate', 'naming.json')
        kept = json.loads(path.read_text()) if path.exists() else None
        if kept is None or kept['bundle'] != bench.product.folder.name:
            print('blind naming: not done for this bundle (python -m training.evaluate.naming sheet)')
            return []
        return [Row('blind naming of 60 shuffled pictures', kept['right'] / kept['of'], 0.60, kept['of'])]

    from . import composed, edits, heard, moving, retrieving, single, talking

    return {'single': single.rows, 'chat': single.chat, 'synonyms': single.synonyms, 'draw-name': single.draw_then_name,
            'colours': composed.colours, 'sides': composed.sides, 'edits': edits.rows, 'animations': moving.rows, 'sounds': heard.rows, 'tunes': heard.tunes,
            'requests': talking.requests, 'captions': talking.captions, 'retrieval': retrieving.rows, 'perplexity': talking.perplexity, 'size': talking.size, 'naming': naming}


def main() -> None:
    known = parts()
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--only', nargs='+', choices=list(known), metavar='ROWS', help=', '.join(known))
    arguments.add_argument('--quick', action='store_true', help='a fifth of the samples')
    arguments.add_argument('--share', type=float, default=1.0, help='that share of the samples')
    arguments.add_argument('--model', type=Path, default=ROOT / 'models' / 'nano')
    arguments.add_argument('--program', type=Path, default=ROOT, help='another checkout of the program, where this one is being worked on')
    options = arguments.parse_args()
    torch.set_num_threads(1)
    taken = 0.2 if options.quick else options.share
    bench = Bench(options.model, taken, options.program)
    folder, title = bench.product.folder, f'{options.model.name}{f", {100 * taken:g} % of the samples" if taken < 1 else ""}'
    found = []
    for name in options.only or known:
        before, own = bench.product.seconds, time.process_time()
        try:
            rows = known[name](bench)
        except Exception:
            print(f'{name}: no figures\n{traceback.format_exc()}', flush=True)
            continue
        for row in rows:
            row.seconds = (bench.product.seconds - before + time.process_time() - own) / len(rows)
        found += rows
        print('\n'.join(markdown(rows, name).splitlines()[4:-2]), flush=True)
        save(rows, folder, title)
    print(markdown(found, title))


if __name__ == '__main__':
    main()
