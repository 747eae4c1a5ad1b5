"""What people say and models answer around a caption, and what is kept aside.

Captions are lines of text, or JSONL with a `caption` each. Knows no model.
"""
import json
import random
from dataclasses import dataclass
from pathlib import Path

ASKS = ('{caption}', 'Draw {caption}.', 'Show me {caption}.', 'make {caption}', 'Please create {caption}.', 'I would like to have {caption}', 'Can you make {caption}?', 'generate: {caption}')
ANSWERS = ('', 'Here is {caption}. ', 'Here you are: {caption} ', 'Sure! ')
#: Questions that want words alone, beside those of --plain.
PLAIN = ('Hello!', 'What is the capital of France?', 'How do I boil an egg?', 'Tell me a joke.', 'What is 12 times 12?', 'Who wrote Hamlet?', 'Explain photosynthesis.', 'Translate "good morning" to French.',
         'Why is the sky blue?', 'Give me three tips for better sleep.', 'What does HTTP stand for?', 'Write a short poem about the sea.', 'What is a prime number?', 'How are you?', 'Thank you!',
         'Summarise the story of Cinderella.', 'What is the largest planet?', 'How far away is the moon?', 'List five fruits.', 'What is the opposite of cold?', 'Who are you?', 'What can you do?',
         'When did the Second World War end?', 'How do I sort a list in Python?')


@dataclass
class Item:
    caption: str
    asked: str
    answer: str


def read_captions(path: Path) -> list[str]:
    """Distinct captions in the order of the file."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        if path.suffix == '.jsonl':
            try:
                text = json.loads(line)['caption']
            except (ValueError, KeyError, TypeError) as error:
                raise SystemExit(f'{path.name}: line {number} is no JSON object with a "caption".') from error
        else:
            text = line
        found.append(str(text).strip())
    found = list(dict.fromkeys(found))
    if len(found) < 20:
        raise SystemExit(f'{path.name}: {len(found)} different captions; some hundreds are the least that a projector can learn of.')
    return found


def asked(captions: list[str], seed: int, asks: tuple[str, ...] = ASKS) -> list[Item]:
    """Each caption in one of the ways to ask for it and one of the ways to answer."""
    dice = random.Random(seed)
    return [Item(caption, dice.choice(asks).format(caption=caption), dice.choice(ANSWERS).format(caption=caption)) for caption in captions]
