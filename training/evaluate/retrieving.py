"""The row about retrieval: pictures of the held-out family, renders of sounds and clips that no training saw, to their captions and back.

Vectors come from `anymodal embed`. A caption that says the same thing is right: the same noun, the same class of sound, the same thing moving alike.
"""
import json

import numpy as np
import soundfile
from PIL import Image

from training.data.sounds import FORTY
from training.paths import work

from .bench import NOUN_LIST, Bench, article
from .heard import loaded
from .moving import real
from .nouns import NOUNS
from .product import save_picture
from .table import Row, share


def within_five(vectors: np.ndarray, texts: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """R@5 from media to texts and from texts to media; same[m, t] says whether a text is right for a medium."""
    alike = vectors @ texts.T
    to_text = np.take_along_axis(same, np.argsort(-alike, 1)[:, :5], 1).any(1)
    back = np.take_along_axis(same.T, np.argsort(-alike.T, 1)[:, :5], 1).any(1)
    return float(to_text.mean()), float(back[same.any(0)].mean())


def pictures(bench: Bench, folder) -> tuple[list[str], list[str], np.ndarray]:
    _, _, held, kind = bench.split
    first = {kind[i]: i for i in reversed(held) if kind[i] < len(NOUNS)}
    nouns = sorted(first)[::max(1, round(1 / bench.fraction))]
    files = [save_picture(x, folder / f'{noun:04}.png') for noun, x in zip(nouns, bench.drawing([first[noun] for noun in nouns]))]
    return [f'@{path}' for path in files], [article(NOUN_LIST[noun]) for noun in nouns], np.eye(len(nouns), dtype=bool)


def sounds(bench: Bench, folder) -> tuple[list[str], list[str], np.ndarray]:
    own = json.loads(work('data', 'audio', 'rows.json').read_text())
    chosen = [i for i, row in enumerate(own) if row['split'] == 'test' and row['name'] in FORTY and not row['second']][:bench.count(160)]
    for i in chosen:
        soundfile.write(folder / f'{i:05}.wav', loaded([i])[0], 16000)
    texts = list(dict.fromkeys(own[i]['captions'][0] for i in chosen))
    names = {text: {own[i]['name'] for i in chosen if own[i]['captions'][0] == text} for text in texts}
    return [f'@{folder / f"{i:05}.wav"}' for i in chosen], texts, np.array([[own[i]['name'] in names[text] for text in texts] for i in chosen])


def videos(bench: Bench, folder) -> tuple[list[str], list[str], np.ndarray]:
    from training.data.motions import SHARES

    kinds = [kind for kind in SHARES if kind != 'still']
    files, rows = [], []
    for n, (whole, _, row, _) in enumerate(real(bench, [kinds[i % len(kinds)] for i in range(bench.count(100))], plain=True)):
        shown = [Image.fromarray(f) for f in (whole.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()]
        shown[0].save(folder / f'{n:03}.webp', 'WEBP', save_all=True, append_images=shown[1:], duration=125, quality=95)
        files.append(f'@{folder / f"{n:03}.webp"}')
        rows.append(row)
    texts = list(dict.fromkeys(row['caption'] for row in rows))
    meant = {row['caption']: (row['slug'], row['kind'], row['direction']) for row in rows}
    return files, texts, np.array([[(row['slug'], row['kind'], row['direction']) == meant[text] for text in texts] for row in rows])


def rows(bench: Bench) -> list[Row]:
    folder = bench.product.folder / 'retrieval'
    folder.mkdir(parents=True, exist_ok=True)
    found, counts = {}, {}
    for name, made in (('image', pictures), ('audio', sounds), ('video', videos)):
        files, texts, same = made(bench, folder)
        there, back = within_five(bench.product.embed(files), bench.product.embed(texts), same)
        found |= {f'{name} to text': there, f'text to {name}': back}
        counts |= {f'{name}s and texts': f'{len(files)}, {len(texts)}', f'by chance, {name} to text': share(5 * same.sum(1).mean() / len(texts))}
    worst = min(found, key=found.get)
    return [Row('image, audio, video to text and back, R@5, the weakest of six', found[worst], 0.75, sum(int(v.split(',')[0]) for k, v in counts.items() if 'texts' in k), beside={
        **{name: share(value) for name, value in found.items()}, 'mean': share(np.mean(list(found.values()))), **counts})]

