"""Rows about sounds: recognised among forty classes, and tunes by the notes that an independent transcriber hears.

Beside stand real renders that no training saw, the same through the bundle's components and vocoder, and the training clip found by caption.
"""
import json
import random

import numpy as np
import torch

from training.audio.compose import Bank, levelled, put
from training.audio.mel import log_mel
from training.conditioning import sentence_embeddings
from training.data.sounds import FORTY, SOUNDS
from training.data.tunes import TUNES, line
from training.paths import work

from . import transcribe
from .bench import Bench
from .product import samples
from .sounds import Judge
from .table import Row, share

#: Ways to ask that no caption has.
WAYS = (lambda s: f'please let me hear {s.events[0]}', lambda s: f'I want to listen to {s.things[0]}', lambda s: f'a recording with {s.events[-1]}', lambda s: f'play {s.things[-1]}')
#: Instruments whose real renders basic-pitch hears well (note F1 of .80 and more over the eight tunes): of an organ it hears every rank of pipes (.31), of a violin and a
#: guitar no beginnings (.63, .68), so that nothing could be said of what is made.
INSTRUMENTS = ('piano', 'flute', 'accordion', 'xylophone', 'trumpet', 'saxophone', 'marimba', 'harmonica')


def waves(bench: Bench, name: str, prompts: list[str], seed: int) -> np.ndarray:
    jobs = [{'prompt': text, 'to': ['audio'], 'route': 'direct', 'seed': seed + i} for i, text in enumerate(prompts)]
    return np.stack([samples(entry.first('audio')) for entry in bench.product.batch(name, jobs)])


def mels(x: np.ndarray) -> np.ndarray:
    return torch.cat([log_mel(torch.from_numpy(np.ascontiguousarray(part))) for part in np.array_split(x, max(1, len(x) // 16))]).numpy()


def again(bench: Bench, x: np.ndarray) -> np.ndarray:
    """Samples through components and vocoder."""
    encoder, vocoder = bench.graph('audio', 'mel-encoder.onnx'), bench.graph('audio', 'vocoder.onnx')
    return np.concatenate([vocoder.run(['samples'], {'latents': encoder.run(['latents'], {'mel': mel[None]})[0]})[0] for mel in mels(x)])


def nearest_clips(prompts: list[str]) -> np.ndarray:
    """Samples of the training clip whose caption is nearest to each prompt."""
    said, own = np.load(work('data', 'audio', 'captions.npy')), json.loads(work('data', 'audio', 'rows.json').read_text())
    tokens = np.load(work('data', 'audio', 'tokens.npy'), mmap_mode='r')[:, 0].astype(np.float32)
    training = np.array([i for i, row in enumerate(own) if row['split'] == 'train'])
    clip_of = {int(text): i for i in training[::-1] for text in said[i]}
    usable = np.array(sorted(clip_of))
    vectors = tokens[usable] / np.linalg.norm(tokens[usable], axis=1, keepdims=True).clip(1e-6)
    found = usable[(sentence_embeddings(prompts) @ vectors.T).argmax(1)]
    return loaded([clip_of[int(text)] for text in found])


def loaded(rows: list[int]) -> np.ndarray:
    stored = np.load(work('data', 'audio', 'samples.npy'), mmap_mode='r')[rows]
    return stored.astype(np.float32) / (32767 if stored.dtype == np.int16 else 1)


def rows(bench: Bench) -> list[Row]:
    judge = Judge()
    names = [name for k in range(2) for name in FORTY][:bench.count(80)]
    prompts = [WAYS[(i + i // 40) % len(WAYS)](SOUNDS[name]) for i, name in enumerate(names)]
    made = waves(bench, 'sounds', prompts, 6000)
    own = json.loads(work('data', 'audio', 'rows.json').read_text())
    held = [i for i, row in enumerate(own) if row['split'] == 'test' and row['name'] in FORTY][:bench.count(160)]
    true, held_names = loaded(held), [own[i]['name'] for i in held]
    first, five = judge.hits(mels(made), names)
    real, vocoded = judge.hits(mels(true), held_names), judge.hits(mels(again(bench, true)), held_names)
    found = judge.hits(mels(nearest_clips(prompts)), names)
    never = sorted({name for name in FORTY if not any(hit for hit, n in zip(first, names) if n == name)})
    return [Row('sounds recognised among 40 classes', first.mean(), 0.80, len(names), beside={
        'within five': share(five.mean()), f'real renders kept aside ({len(held)})': share(real[0].mean()), 'the same through the vocoder': share(vocoded[0].mean()), 'nearest training clip by caption': share(found[0].mean()), 'never right': ', '.join(never) or 'none'})]


def rendered(tune: str, instrument: str, dice: random.Random, bank: Bank) -> np.ndarray:
    """A tune as the data's clips are made, from notes that no training heard where there are such."""
    clip, keys = np.zeros(65536, np.float32), sorted(e['key'] for e in bank.by_name[instrument])
    tonic = round(keys[0] + 1 + (keys[-1] - keys[0] - 13) * dice.uniform(0.3, 0.6))
    variant, beat = dice.choice(sorted({e['variant'] for e in bank.by_name[instrument]})), dice.choice([0.22, 0.28, 0.34])
    for start, beats, semitones in line(TUNES[tune]):
        put(clip, bank.note(dice, instrument, tonic + semitones, variant), 0.05 + start * beat, 0.9, beats * beat + 0.12)
    return levelled(clip, 1).astype(np.float32)


def tunes(bench: Bench) -> list[Row]:
    asked = [(tune, INSTRUMENTS[(i + 3 * k) % len(INSTRUMENTS)]) for k in range(3) for i, tune in enumerate(TUNES)][:bench.count(24)]
    prompts = [('{t} on the {i}', '{i} playing {t}', 'play {t} with {i}')[k % 3].format(t=tune, i=('a ' if k % 3 else '') + name) for k, (tune, name) in enumerate(asked)]
    bank, dice = Bank('test'), random.Random(31)
    sets = {'made': waves(bench, 'tunes', prompts, 6500), 'real renders': np.stack([rendered(tune, name, dice, bank) for tune, name in asked])}
    sets['real renders through the vocoder'] = again(bench, sets['real renders'])
    sets['nearest training clip by caption'] = nearest_clips(prompts)
    figures, told, other, count = {}, {}, [], []
    for name, clips in sets.items():
        heard = [transcribe.notes(clip) for clip in clips]
        table = np.array([[transcribe.score(one, line(TUNES[tune])) for tune in TUNES] for one in heard])
        right = np.array([list(TUNES).index(tune) for tune, _ in asked])
        figures[name], told[name] = table[np.arange(len(right)), right], (table.argmax(1) == right).mean()
        if name == 'made':
            other, count = (table.sum(1) - figures[name]) / (len(TUNES) - 1), [len(one) for one in heard]
    return [Row('tunes: note F1 by basic-pitch', figures['made'].mean(), 0.60, len(asked), beside={
        **{name: share(values.mean()) for name, values in figures.items() if name != 'made'}, 'against the other tunes (chance)': share(np.mean(other)), 'the tune told among eight': share(told['made']),
        'told of real renders': share(told['real renders']), 'notes heard in a clip': ('', float(np.mean(count)))})]
