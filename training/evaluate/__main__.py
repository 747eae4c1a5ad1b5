"""One table of what nano's pictures are worth: python -m training.evaluate [PICTURES] [STEPS] [GUIDANCE] [SHIFT].

Rows whose graphs are not there yet are left out, and the last line names them.
"""
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from training.data.colours import Painter
from training.data.nouns import article
from training.paths import work

from .judge import load, on_white, split
from .nouns import NOUNS

PAINTABLE = ['apple', 'car', 'house', 'cat', 'dog', 'fish', 'bird', 'flower', 'balloon', 'hat', 'shoe', 'star', 'heart', 'umbrella', 'chair', 'guitar', 'key', 'butterfly', 'T-shirt', 'cup']
COLOURS = ['red', 'green', 'blue', 'yellow', 'purple', 'pink', 'orange', 'brown', 'black']
PLACES = list(NOUNS)


def colour_of(picture: torch.Tensor) -> str | None:
    """Dominant colour name of a picture [3, H, W] on white; what is not white counts as drawn."""
    rgb = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    drawn = (rgb.min(-1) < 238).astype(np.uint8) * 255
    return Painter(np.concatenate([rgb, drawn[..., None]], -1)).colour if drawn.any() else None


def nearest(pictures: torch.Tensor, known: torch.Tensor) -> float:
    """Median over pictures of the root mean square distance (0..1) to the nearest of `known` or its mirror image, at 32 x 32."""
    small = lambda x: F.adaptive_avg_pool2d((x + 1) / 2, 32).flatten(1)
    a, b = small(pictures), small(known)
    distance = torch.minimum(torch.cdist(a, b).amin(1), torch.cdist(small(pictures.flip(3)), b).amin(1))
    return float(distance.median() / 3072 ** 0.5)


def sheet(pictures: torch.Tensor, path, columns: int = 12) -> None:
    rows = -(-len(pictures) // columns)
    canvas = torch.ones(rows * columns, *pictures.shape[1:])
    canvas[:len(pictures)] = pictures
    side = pictures.shape[-1]
    grid = canvas.view(rows, columns, 3, side, side).permute(0, 3, 1, 4, 2).reshape(rows * side, columns * side, 3)
    Image.fromarray(((grid + 1) * 127.5).round().byte().numpy()).save(path)


def main() -> None:
    given, handover = [float(v) for v in sys.argv[1:]], work('export', 'image', 'handover.json')
    default = json.loads(handover.read_text())['defaults'] if handover.exists() else {}
    settings = [96, default.get('steps', 20), default.get('guidance', 3.0), default.get('shift', 1.5)]
    count, steps, guidance, shift = given + settings[len(given):]
    count = int(count)
    judge, (training, aside, held, kind) = load(), split()
    pictures = np.load(work('data', 'sprites.npy'), mmap_mode='r')
    large = lambda rows: on_white(torch.cat([(x := torch.from_numpy(np.array(pictures[rows])).permute(0, 3, 1, 2).float() / 255)[:, :3] * x[:, 3:], x[:, 3:]], 1))
    known, missing, rows = large(training), [], []

    def judged(name: str, x: torch.Tensor, right: list[int]) -> None:
        order, right = judge.order(x), np.array(right)[:, None]
        rows.append((name, len(x), (order[:, :1] == right).any(1).mean(), (order[:, :5] == right).any(1).mean(), nearest(x, known)))

    judged('real drawings, kept aside', large(aside), [kind[i] for i in aside])
    judged('real drawings, held-out style', large(held), [kind[i] for i in held])
    export = work('export', 'image', 'x').parent
    notes = []
    if (export / 'latent-decoder.onnx').exists() and (export / 'latent-encoder.onnx').exists():
        from .direct import open_graph
        encoder, decoder = open_graph('image', 'latent-encoder.onnx'), open_graph('image', 'latent-decoder.onnx')
        for name, chosen in (('kept aside', aside), ('held-out style', held)):
            x = large(chosen)
            again = torch.cat([torch.from_numpy(decoder.run(['pixels'], {'latents': encoder.run(['latents'], {'pixels': p.numpy()})[0]})[0]) for p in x.split(16)]).clamp(-1, 1)
            judged(f'{name}, through the autoencoder' + (' (it was trained on them)' if chosen is aside else ''), again, [kind[i] for i in chosen])
            notes.append(f'autoencoder, {name}: {(-10 * torch.log10((again - x).square().mean((1, 2, 3)) / 4)).mean():.2f} dB')
        if (export / 'transformer.onnx').exists():
            from .direct import draw
            drawn_often = sorted(range(len(PLACES)), key=lambda i: (-sum(kind[j] == i for j in training), PLACES[i]))
            asked = sorted(np.random.RandomState(1).permutation(drawn_often[:150])[:count].tolist())
            x = torch.from_numpy(draw([article(PLACES[i]) for i in asked], 0, int(steps), guidance, shift))
            judged(f'drawn from a prompt, {int(steps)} steps, guidance {guidance:g}', x, asked)
            sheet(x, work('sheets', 'direct.png'))
            pairs = [(c, n) for i, n in enumerate(PAINTABLE) for c in (COLOURS[i % len(COLOURS)], COLOURS[(i + 4) % len(COLOURS)])][:max(4, count // 3)]
            x = torch.from_numpy(draw([article(f'{c} {n}') for c, n in pairs], 1000, int(steps), guidance, shift))
            sheet(x, work('sheets', 'direct-colours.png'))
            judged('drawn from a prompt with a colour', x, [PLACES.index(n) for _, n in pairs])
            named = [colour_of(p) for p in x]
            notes.append(f'colour as asked: {np.mean([a == c for a, (c, _) in zip(named, pairs)]):.3f} of {len(pairs)} ({sum(a is None for a in named)} without a dominant colour)')
        else:
            missing.append('pictures drawn from prompts (export/image/transformer.onnx)')
    else:
        missing.append('autoencoder and pictures drawn from prompts (export/image/*.onnx)')
    print(f'judge: {len(NOUNS)} nouns, trained on {len(training)} drawings\n\n{"pictures":62s} {"n":>5s} {"top-1":>7s} {"top-5":>7s} {"nearest":>8s}')
    for name, n, one, five, near in rows:
        print(f'{name:62s} {n:5d} {one:7.3f} {five:7.3f} {near:8.3f}')
    print('\nnearest: median distance to the nearest training drawing of the judge, 32 x 32, root mean square of 0..1')
    for note in notes:
        print(note)
    print('not there yet: ' + '; '.join(missing) if missing else 'nothing left out')


if __name__ == '__main__':
    main()
