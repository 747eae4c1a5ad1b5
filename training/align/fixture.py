"""python -m training.align.fixture [OUT]: a tiny language model that was aligned to a tiny encoder, the same tuned on dialogues about pictures (OUT-tuned), and what both make of a picture.

For test/chains/align.test.ts. The language model and the encoder are random ones of test/fixtures; the pictures are squares and bars of plain colours. Knows nothing of TypeScript.
"""
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw

from . import input as reading
from .__main__ import parser
from .frozen import FrozenModel
from .media import tokens_of

FIXTURES = Path(__file__).parents[2] / 'test' / 'fixtures'
ASKED = 'what is in the picture?'
COLOURS = {'red': (220, 30, 30), 'green': (30, 160, 60), 'blue': (40, 60, 220), 'black': (10, 10, 10), 'yellow': (240, 220, 40), 'pink': (250, 150, 200), 'brown': (120, 70, 30)}
SHAPES = {'square': (30, 30, 66, 66), 'bar': (6, 40, 90, 56), 'pole': (40, 6, 56, 90), 'ground': (0, 70, 96, 96)}


def draw(folder: Path, copies: int = 3) -> Path:
    dice, lines = np.random.default_rng(0), []
    for colour, paint in COLOURS.items():
        for shape, (left, top, right, bottom) in SHAPES.items():
            for copy in range(copies):
                picture, move = Image.new('RGB', (96, 96), 'white'), dice.integers(-5, 6, 2)
                ImageDraw.Draw(picture).rectangle((left + move[0], top + move[1], right + move[0], bottom + move[1]), paint)
                picture.save(folder / f'{colour}-{shape}-{copy}.png')
                lines.append(json.dumps({'media': f'{colour}-{shape}-{copy}.png', 'caption': f'a {colour} {shape}'}))
    (folder / 'captions.jsonl').write_text('\n'.join(lines) + '\n')
    return folder / 'captions.jsonl'


def main(out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        listed, folder = draw(Path(scratch)), Path(scratch)
        given = parser().parse_args(['input', '--language-model', str(FIXTURES / 'language-models' / 'qwen3'), '--encoder', str(FIXTURES / 'tiny'), '--captions', str(listed), '--out', str(out),
                                     '--held', '6', '--asked', '2', '--pieces', '6', '--id', 'aligned'])
        print(json.dumps(given.run(given), indent=1))
        (out / 'image-alignment.json').unlink()
        shutil.copy(folder / 'red-square-0.png', out / 'picture.png')
        tokens = tokens_of(FIXTURES / 'tiny', 'image', [out / 'picture.png'])[0]
        keep_reference(out, tokens, 8)
        talks = [json.loads(line) for line in listed.read_text().splitlines()]
        (folder / 'dialogues.jsonl').write_text(''.join(json.dumps({'messages': [{'role': 'user', 'content': [{'media': each['media']}, ASKED]}, {'role': 'assistant', 'content': each['caption']}]}) + '\n' for each in talks))
        tuned = out.with_name(f'{out.name}-tuned')
        shutil.rmtree(tuned, ignore_errors=True)
        given = parser().parse_args(['dialogues', '--language-model', str(out), '--dialogues', str(folder / 'dialogues.jsonl'), '--out', str(tuned), '--held', '8', '--epochs', '40', '--minutes', '6', '--id', 'tuned'])
        print(json.dumps(given.run(given), indent=1))
        (tuned / 'dialogues.json').unlink()
        keep_reference(tuned, tokens, 12)


def keep_reference(out: Path, tokens: np.ndarray, most: int) -> None:
    """What stands where the picture does, and what is said of it."""
    projector = next(component for component in json.loads((out / 'bundle.json').read_text())['components'].values() if component['kind'] == 'input-projector')
    embeds = onnxruntime.InferenceSession(str(out / projector['files']['model']['path']), providers=['CPUExecutionProvider']).run(None, {'tokens': tokens})[0]
    model = FrozenModel(out)
    prompt = reading.Places(model, 'image').prompt(ASKED, embeds)
    said = model.tokenizer.decode([int(np.abs(model.embed(list(range(model.config['vocabulary']))) - row).sum(1).argmin()) for row in embeds])
    rounded = lambda array: [round(float(value), 5) for value in array.flatten()]
    (out / 'reference.json').write_text(json.dumps({'asked': ASKED, 'block': said, 'embeds': rounded(embeds), 'prompt': len(prompt), 'begin': model.config['mediaTokens']['begin'],
                                                    'reply': (reply := reading.reply(model, prompt, most)), 'text': model.tokenizer.decode(reply)}) + '\n')


if __name__ == '__main__':
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES / 'align')
