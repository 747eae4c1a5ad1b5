"""Rows about the language model: the right outputs for free requests, no media in plain chat, what it says of pictures and sounds, perplexity.

The 200 requests (asked.py) and the plain questions (training/language/requests.py) were written apart from the training phrasings.
"""
import json
import shutil
from collections import Counter

import numpy as np
import onnxruntime
import soundfile

from training.data.sounds import FORTY, SOUNDS
from training.export.cache import Cache
from training.language.quantise import answer_rows, document_rows
from training.language.requests import PLAIN
from training.paths import work

from .asked import ASKED
from .bench import Bench, article
from .heard import loaded
from .nouns import NOUNS
from .product import save_picture
from .single import named
from .table import Row, share

#: Which outputs come is the language model's affair alone: one step of a decoder is enough.
BRIEF = {output: {'steps': 1} for output in ('image', 'audio', 'video')}
LOOK = ('what is this?', 'What do you see here?', 'name the thing in this picture')
LISTEN = ('what do you hear?', 'What makes this sound?', 'name this sound')


def requests(bench: Bench) -> list[Row]:
    step = max(1, round(1 / bench.fraction))
    entries = ASKED[::step]
    single = [entry for entry in entries if not entry.before]
    talks = [entry for entry in entries if entry.before]
    made = bench.product.batch('requests', [{'prompt': entry.text, 'seed': i, 'options': BRIEF} for i, entry in enumerate(single)])
    answered = [turns[-1] for turns in bench.product.chat('requests-talks', [[said for said, _, _ in entry.before] + [entry.text] for entry in talks], [f'{output}.steps=1' for output in BRIEF])]
    right, order, of, wrong = Counter(), 0, Counter(), []
    for entry, reply in zip(single + talks, made + answered):
        wanted = [output for output, *_ in entry.outputs]
        kind = 'follow-up' if entry.before else 'none' if not wanted else 'several' if len(wanted) > 1 else wanted[0]
        of[kind] += 1
        right[kind] += sorted(reply.outputs) == sorted(wanted)
        order += reply.outputs == wanted
        if sorted(reply.outputs) != sorted(wanted):
            wrong.append(f'"{entry.text}" {"+".join(reply.outputs) or "text"}')
    plain = list(dict.fromkeys(PLAIN))[::step]
    chat = bench.product.batch('plain', [{'prompt': text, 'seed': i, 'options': BRIEF} for i, text in enumerate(plain)])
    with_media = [text for text, reply in zip(plain, chat) if reply.outputs]
    return [Row('right set of outputs, 200 requests written apart', sum(right.values()) / len(entries), 0.90, len(entries), beside={
        **{kind: f'{right[kind]}/{of[kind]}' for kind in of}, 'in the order asked': share(order / len(entries)), 'some that went wrong': '; '.join(wrong[:8])}),
        Row('media in plain chat', len(with_media) / len(plain), 0.01, len(plain), most=True, beside={'where': '; '.join(with_media) or 'nowhere'})]


def captions(bench: Bench) -> list[Row]:
    """Pictures of the held-out family and renders of sounds that no training heard, in conversations of their own."""
    _, _, held, kind = bench.split
    chosen = [i for i in held if kind[i] < len(NOUNS)][:bench.count(120)]
    folder = bench.product.folder / 'captions-given'
    files = [save_picture(x, folder / f'{i:04}.png') for i, x in zip(chosen, bench.drawing(chosen))]
    said = bench.product.batch('captions', [{'image': str(path), 'prompt': LOOK[k % 3], 'seed': k, 'options': BRIEF} for k, path in enumerate(files)])
    hits = np.array([named(bench, reply.text, kind[i]) for reply, i in zip(said, chosen)])
    vectors, names = bench.product.embed([f'@{path}' for path in files]), bench.product.embed([article(noun) for noun in NOUNS])
    order = np.argsort(-(vectors @ names.T), 1)
    right = np.array([kind[i] for i in chosen])[:, None]
    own, five = (order[:, :1] == right).any(1), (order[:, :5] == right).any(1)
    own_rows = json.loads(work('data', 'audio', 'rows.json').read_text())
    by_class = {name: [i for i, row in enumerate(own_rows) if row['split'] == 'test' and row['name'] == name and not row['second']][:2] for name in FORTY}
    sounds = [(i, name) for name, rows in by_class.items() for i in rows][::max(1, round(1 / bench.fraction))]
    for i, _ in sounds:
        soundfile.write(folder / f'{i:05}.wav', loaded([i])[0], 16000)
    replies = bench.product.batch('captions-sounds', [{'audio': str(folder / f'{i:05}.wav'), 'prompt': LISTEN[k % 3], 'seed': k, 'options': BRIEF} for k, (i, _) in enumerate(sounds)])
    heard = [hears(reply.text, name) for reply, (_, name) in zip(replies, sounds)]
    missed = sorted({name for hit, (_, name) in zip(heard, sounds) if not hit})
    return [Row('captions of the held-out family, against the encoder\'s own top-1', hits.mean() / max(own.mean(), 1e-6), 0.9, len(chosen), '', beside={
        'named by the language model': share(hits.mean()), 'by the encoder, top-1 of 296': share(own.mean()), 'top-5': share(five.mean()), 'answered with media': share(np.mean([bool(reply.outputs) for reply in said])), 'example': said[0].text.strip()[:60]}),
        Row('sounds named by the language model', float(np.mean(heard)), 0.75, len(sounds), beside={'missed': ', '.join(missed), 'example': replies[0].text.strip()[:60]})]


def hears(text: str, name: str) -> bool:
    """Whether a text has any of a class's words."""
    sound, said = SOUNDS[name], text.lower()
    bare = lambda words: words.split(' ', 1)[1] if words.split(' ')[0] in ('a', 'an', 'the') and ' ' in words else words
    return any(bare(words) in said for words in (name, *sound.things, *sound.events, *sound.nouns))


def perplexity(bench: Bench) -> list[Row]:
    """The shipped graph against itself with its adapters set to zero: the base model at the same bits."""
    shipped = bench.product.bundle / 'language-model'
    untouched = bench.product.folder / 'language-untouched'
    untouched.mkdir(exist_ok=True)
    for name in ('model.onnx', 'base.weights', 'embed.onnx', 'adapter.weights'):
        if not (untouched / name).exists():
            shutil.copyfile(shipped / name, untouched / name)
    (untouched / 'adapter.weights').write_bytes(bytes((shipped / 'adapter.weights').stat().st_size))
    sets = {'documents': document_rows(bench.count(8)), 'answers of the base': answer_rows(-bench.count(4))}
    found = {name: losses(folder, sets) for name, folder in (('shipped', shipped), ('untouched', untouched))}
    plain = [np.exp(found[name]['documents']) for name in ('shipped', 'untouched')]
    answers = [np.exp(found[name]['answers of the base']) for name in ('shipped', 'untouched')]
    return [Row('perplexity on plain text above the untouched base at the same bits', plain[0] / plain[1] - 1, 0.05, len(sets['documents']) * 255, most=True, beside={
        'shipped': ('', float(plain[0])), 'untouched': ('', float(plain[1])), 'on answers of the base': ('', float(answers[0])), 'untouched there': ('', float(answers[1])), 'n': 'tokens'})]


def losses(folder, sets: dict) -> dict[str, float]:
    """Mean loss a token of rows of ids [rows, length]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    step, table = (onnxruntime.InferenceSession(str(folder / name), options, providers=['CPUExecutionProvider']) for name in ('model.onnx', 'embed.onnx'))
    head = np.concatenate([table.run(None, {'input_ids': part[None]})[0][0] for part in np.array_split(np.arange(49152), 16)])
    names = [output.name for output in step.get_outputs()]
    empty = Cache(step).feeds
    found = {}
    for name, rows in sets.items():
        total = []
        for row in rows.numpy():
            out = dict(zip(names, step.run(None, {'inputs_embeds': table.run(None, {'input_ids': row[None]})[0], 'position_ids': np.arange(len(row)), **empty})))
            logits = out['hidden'][0, :-1] @ head.T
            top = logits.max(1, keepdims=True)
            total.append(np.log(np.exp(logits - top).sum(1)) + top[:, 0] - logits[np.arange(len(row) - 1), row[1:]])
        found[name] = float(np.concatenate(total).mean())
    return found


def size(bench: Bench) -> list[Row]:
    total = sum(path.stat().st_size for path in bench.product.bundle.rglob('*') if path.is_file())
    parts = Counter()
    for path in bench.product.bundle.rglob('*'):
        if path.is_file():
            parts[path.relative_to(bench.product.bundle).parts[0]] += path.stat().st_size
    return [Row('size of the bundle', total / 1e6, 220, 1, 'MB', True, {name: ('MB', size / 1e6) for name, size in parts.most_common(6)})]
