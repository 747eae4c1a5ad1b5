"""Rows about pictures of one thing: recognised by the judge on the direct and the chat route, words never seen with a picture, drawn and then named."""
import numpy as np
import torch
import torch.nn.functional as F

from .bench import NOUN_LIST, Bench, article
from .nouns import NOUNS, SYNONYMS
from .product import pictures
from .table import Row, share

#: Ways to ask on the direct route; only the first was a caption of training.
WAYS = ('{a}', '{a}, please', 'a pretty picture of {a}', 'could you draw {a}?', 'I would like {a}')


def asked(bench: Bench) -> list[int]:
    """The nouns asked for: 300 of the 500, drawn once."""
    return np.random.RandomState(1).permutation(len(NOUN_LIST))[:bench.count(300)].tolist()


def prompts(nouns: list[int]) -> list[str]:
    return [WAYS[i % len(WAYS)].format(a=article(NOUN_LIST[noun])) for i, noun in enumerate(nouns)]


def drawn(bench: Bench):
    nouns = asked(bench)
    jobs = [{'prompt': text, 'to': ['image'], 'route': 'direct', 'seed': 1000 + i} for i, text in enumerate(prompts(nouns))]
    made = bench.product.batch('single', jobs)
    return nouns, made, pictures(made)


def diversity(bench: Bench, count: int) -> tuple[float, float]:
    """Mean distance between pictures of one prompt over four seeds (root mean square of 0..1 at 32 x 32), and between real drawings of one noun."""
    nouns = asked(bench)[:count]
    made = bench.product.batch('seeds', [{'prompt': article(NOUN_LIST[noun]), 'to': ['image'], 'route': 'direct', 'seed': 50 + k} for noun in nouns for k in range(4)])
    small = lambda x: F.adaptive_avg_pool2d((x + 1) / 2, 32).flatten(1)
    spread = lambda x: float(torch.pdist(small(x)).mean() / 3072 ** 0.5)
    training, _, _, kind = bench.split
    real = [spread(bench.drawing(rows[:6])) for noun in nouns if len(rows := [i for i in training if kind[i] == noun]) > 1]
    return float(np.mean([spread(x) for x in pictures(made).split(4)])), float(np.mean(real))


def rows(bench: Bench) -> list[Row]:
    nouns, _, x = drawn(bench)
    first, five = bench.judged(x, nouns)
    everyday, plain = np.array(nouns) < len(NOUNS), np.arange(len(nouns)) % len(WAYS) == 0
    (aside, aside_right, aside_again), (held, held_right, held_again) = bench.aside, bench.held
    real = {name: bench.judged(pixels, right) for name, pixels, right in (('kept aside', aside, aside_right), ('kept aside, autoencoded', aside_again, aside_right),
                                                                        ('held-out style', held, held_right), ('held-out style, autoencoded', held_again, held_right))}
    found = bench.nearest_by_caption(prompts(nouns))
    ceilings = lambda k: {f'real {name} ({len(hits[k])})': share(hits[k].mean()) for name, hits in real.items()}
    varied, real_varied = diversity(bench, bench.count(12))
    baseline = bench.judged(found, nouns)
    ratio = {k: hits.mean() / real['kept aside, autoencoded'][k].mean() for k, hits in ((0, first), (1, five))}
    return [
        Row('pictures recognised, top-5 of 500 nouns', five.mean(), 0.75, len(nouns), beside={
            **ceilings(1), 'nearest training picture by caption': share(baseline[1].mean()), f'of the {everyday.sum()} everyday nouns': share(five[everyday].mean()), 'of the others': share(five[~everyday].mean()) if (~everyday).any() else 'none',
            'asked in words of the data': share(five[plain].mean()), 'in others': share(five[~plain].mean()) if (~plain).any() else 'none'}),
        Row('pictures recognised, top-1 of 500 nouns', first.mean(), 0.55, len(nouns), beside={
            **ceilings(0), 'nearest training picture by caption': share(baseline[0].mean()), f'of the {everyday.sum()} everyday nouns': share(first[everyday].mean()),
            'diversity over four seeds': ('', varied), 'of real drawings of one noun': ('', real_varied), 'distance to the nearest training drawing': ('', bench.distance(x)), 'of real drawings kept aside': ('', bench.distance(aside)),
            'autoencoder': ('dB', reconstruction(aside, aside_again)), 'autoencoder, held-out style': ('dB', reconstruction(held, held_again))}),
        Row('pictures recognised, against autoencoded real drawings kept aside (top-1)', ratio[0], 0.85, len(nouns), '', beside={
            'top-5': ('', ratio[1]), 'top-1 against the autoencoded held-out style': ('', first.mean() / real['held-out style, autoencoded'][0].mean())}),
    ]


def reconstruction(x: torch.Tensor, again: torch.Tensor) -> float:
    from .bench import psnr
    return float(psnr(x, again).mean())


def chat(bench: Bench) -> list[Row]:
    nouns, _, direct = drawn(bench)
    count = bench.count(100)
    made = bench.product.batch('chat', [{'prompt': f'draw {article(NOUN_LIST[noun])}', 'seed': 1000 + i} for i, noun in enumerate(nouns[:count])])
    x, right = pictures(made), nouns[:count]
    (one, five), (one_direct, five_direct) = bench.judged(x, right), bench.judged(direct[:count], right)
    exactly = np.mean([entry.outputs == ['image'] for entry in made])
    return [Row('chat route below the direct route, top-5', 100 * (five_direct.mean() - five.mean()), 8, count, 'points', True, {
        'top-5 chat': share(five.mean()), 'top-5 direct': share(five_direct.mean()), 'top-1 chat': share(one.mean()), 'top-1 direct': share(one_direct.mean()), 'one picture came': share(exactly)})]


def synonyms(bench: Bench) -> list[Row]:
    """Words that stand in no text of the training data, whole."""
    words = {word for text in bench._texts[0] for word in text.lower().replace('?', ' ').replace(',', ' ').split()}
    chosen = [(word, noun) for word, noun in SYNONYMS.items() if word not in words][:bench.count(30)]
    made = bench.product.batch('synonyms', [{'prompt': article(word), 'to': ['image'], 'route': 'direct', 'seed': 300 + 10 * i + k} for i, (word, _) in enumerate(chosen) for k in range(2)])
    right = [NOUN_LIST.index(noun) for _, noun in chosen for _ in range(2)]
    x = pictures(made)
    one, five = bench.judged(x, right)
    plain = bench.product.batch('synonyms-plain', [{'prompt': article(noun), 'to': ['image'], 'route': 'direct', 'seed': 300 + 10 * i + k} for i, (_, noun) in enumerate(chosen) for k in range(2)])
    missed = sorted({word for (word, _), hit in zip([c for c in chosen for _ in range(2)], five) if not hit})
    return [Row('words never seen with a picture, top-5', five.mean(), 0.55, len(right), beside={
        'top-1': share(one.mean()), 'the everyday word instead': share(bench.judged(pictures(plain), right)[1].mean()), 'nearest training picture by caption': share(bench.judged(bench.nearest_by_caption([article(w) for w, _ in chosen for _ in range(2)]), right)[1].mean()),
        'words': len(chosen), 'missed at least once': ', '.join(missed)})]


def named(bench: Bench, text: str, noun: int) -> bool:
    """Whether a text names a judged noun by any of its names, as whole words."""
    plain = ' ' + ''.join(c if c.isalnum() or c == '-' else ' ' for c in text.lower()) + ' '
    plain = ' '.join(plain.split())
    return any(f' {word} ' in f' {plain} ' or f' {word}s ' in f' {plain} ' for word in (w.lower().replace("'", ' ') for w in bench.synonyms[noun]))


def draw_then_name(bench: Bench) -> list[Row]:
    """The model names its own picture of an everyday noun, asked for in chat, in a conversation of its own."""
    everyday = [noun for noun in asked(bench) if noun < len(NOUNS)][:bench.count(60)]
    made = bench.product.batch('draw-name', [{'prompt': f'draw {article(NOUN_LIST[noun])}', 'seed': 7000 + i} for i, noun in enumerate(everyday)])
    shown = [(noun, entry.first('image')) for noun, entry in zip(everyday, made) if entry.first('image')]
    said = bench.product.batch('draw-name-said', [{'image': str(path), 'prompt': 'what is this?', 'seed': i} for i, (_, path) in enumerate(shown)])
    hits = [named(bench, entry.text, noun) for entry, (noun, _) in zip(said, shown)]
    right = [noun for noun, _ in shown]
    seen = bench.judged(pictures([entry for entry in made if entry.first('image')]), right)
    return [Row('draw, then name what was drawn', sum(hits) / len(everyday), 0.55, len(everyday), beside={'the judge names it (top-1)': share(seen[0].mean()), 'top-5': share(seen[1].mean()), 'example': said[0].text.strip()[:60]})]
