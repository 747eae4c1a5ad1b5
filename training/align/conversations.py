"""Dialogues from JSONL, and each of them as the program would write it for the language model: ids, what is to be learnt at each, where media and signals stand.

Follows src/language-model/prompt.ts. Knows a bundle's tokenizer, chat template and config; no weights.
"""
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Tokenizer

from .frozen import FrozenModel

NO_LOSS = -100
#: Stands in a sequence of ids where an embedding of a medium goes.
VECTOR = -1
OPEN, CLOSE = '\U000F0000', '\U000F0001'
ROLES = ('system', 'user', 'assistant')


@dataclass
class Medium:
    path: Path
    modality: str


@dataclass
class Made:
    output: str
    caption: str
    medium: Medium | None = None


@dataclass
class Row:
    """`targets[i]` is what position i is to predict; `media` stand at the VECTORs in their order; `signals` are (position of the first token, what is made)."""

    ids: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    media: list[Medium] = field(default_factory=list)
    signals: list[tuple[int, Made]] = field(default_factory=list)


def read_dialogues(path: Path) -> list[list[tuple[str, list]]]:
    """A list of turns (role, parts) a line; a part is text, a Medium or something Made. Ends where a line is none, and says which."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(dialogue(json.loads(line), path.parent))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SystemExit(f'{path.name}: line {number}: {error or "no dialogue"}. An object with "messages" is expected, each with a "role" ({", ".join(ROLES)}) and a "content" '
                             '(docs/alignment.md, "Dialogues").') from error
    if len(found) < 8:
        raise SystemExit(f'{path.name}: {len(found)} dialogues; some dozens are the least that a model can be tuned on.')
    return found


def dialogue(given: dict, folder: Path) -> list[tuple[str, list]]:
    turns = []
    for message in given['messages']:
        role, content = message['role'], message['content']
        if role not in ROLES:
            raise ValueError(f'the role {role!r}')
        parts = [content] if isinstance(content, str) else content
        turns.append((role, [part if isinstance(part, str) else special(part, role, folder) for part in parts]))
    if turns[-1][0] != 'assistant':
        raise ValueError('the last turn is not the assistant\'s, so that there is nothing to learn')
    if any(role == 'system' for role, _ in turns[1:]):
        raise ValueError('a system message that is not the first')
    return turns


def special(part: dict, role: str, folder: Path):
    kind = lambda given: given.get('modality', 'image')
    if 'output' in part:
        if role != 'assistant':
            raise ValueError(f'an "output" in a turn of the {role}')
        medium = Medium(existing(folder / part['media']), part.get('modality', part['output'])) if 'media' in part else None
        return Made(str(part['output']), str(part['caption']), medium)
    if 'media' in part:
        if role != 'user':
            raise ValueError(f'"media" without an "output" in a turn of the {role}')
        return Medium(existing(folder / part['media']), kind(part))
    if 'text' in part:
        return str(part['text'])
    raise ValueError('a part that is neither text, "media" nor "output"')


def existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f'there is no file {path}')
    return path


class Writer:
    """Writes dialogues as rows."""

    def __init__(self, model: FrozenModel):
        self.model, self.config = model, model.config
        whole = json.loads(model.tokenizer.to_str())
        self.control = {token['content']: token['id'] for token in whole['added_tokens']}
        # Without added tokens what people wrote can only become ordinary pieces.
        self.plain = Tokenizer.from_str(json.dumps(whole | {'added_tokens': []}))
        spellings = sorted(self.control, key=len, reverse=True)
        self.cut = re.compile('(' + '|'.join(map(re.escape, spellings)) + ')') if spellings else None
        self.signals = {output: [self.control[token] for token in tokens] for output, tokens in self.config.get('signals', {}).items()}
        self.stops = [self.control[token] for token in self.config['stopTokens']]
        self.places, self.brackets = self.config.get('mediaPlaces', {}), self.config.get('mediaTokens')
        self.start = self.control[self.config['textStart']] if self.config.get('textStart') else None
        if self.config.get('references'):
            raise SystemExit(f'{model.folder}: its replies name media by tokens of their own, as those of nano, which training.language tunes.')

    def rows(self, turns: list[tuple[str, list]]) -> list[Row]:
        """One row, or one for each answer where the template writes a conversation otherwise once it goes on."""
        if self.config.get('systemPrompt') and turns[0][0] != 'system':
            turns = [('system', [self.config['systemPrompt']]), *turns]
        answers = [index for index, (role, _) in enumerate(turns) if role == 'assistant']
        whole = self.rendered(turns, False)
        if all(whole.startswith(self.rendered(turns[:index], True) + f'{OPEN}{index}') for index in answers):
            return [self.row(turns, whole, answers)]
        return [self.row(turns[:index + 1], f'{self.rendered(turns[:index], True)}{OPEN}{index}.0{CLOSE}', [index]) for index in answers]

    def rendered(self, turns: list[tuple[str, list]], asking: bool) -> str:
        """As the template writes it around marks in the place of what is said."""
        messages = []
        for index, (role, parts) in enumerate(turns):
            mark = lambda place: f'{OPEN}{index}.{place}{CLOSE}'
            if self.places:
                parts = [''] if role == 'assistant' else tidied(parts)
                messages.append({'role': role, 'content': [{'type': part.modality} if isinstance(part, Medium) else {'type': 'text', 'text': mark(place)} for place, part in enumerate(parts)]})
            else:
                messages.append({'role': role, 'content': mark(0)})
        return self.model.template.render(messages=messages, add_generation_prompt=asking, enable_thinking=False, **self.model.special)

    def row(self, turns: list[tuple[str, list]], written: str, answers: list[int]) -> Row:
        ink, media = Ink(self), [part for _, parts in turns for part in parts if isinstance(part, Medium)]
        marks = {place['mark']: modality for modality, place in self.places.items()}
        pieces = re.split(f'{OPEN}(\\d+\\.\\d+){CLOSE}', written)
        for number, piece in enumerate(pieces):
            if number % 2 == 0:
                for part in re.split('(' + '|'.join(map(re.escape, marks)) + ')', piece) if marks else [piece]:
                    if part in marks:
                        ink.block(media.pop(next(index for index, medium in enumerate(media) if medium.modality == marks[part])))
                    else:
                        ink.template(part)
                continue
            index, place = map(int, piece.split('.'))
            role, parts = turns[index]
            if role != 'assistant':
                for part in [tidied(parts)[place]] if self.places else tidied(parts):
                    ink.block(part) if isinstance(part, Medium) else ink.text.append(part)
                continue
            ink.flush()
            for part in parts:
                if isinstance(part, Made):
                    ink.flush(index in answers)
                    ink.group(part, index in answers)
                else:
                    ink.text.append(part)
            ink.flush(index in answers)
            if index in answers:
                after = [self.control[token] for token in (self.cut.split(pieces[number + 1]) if self.cut and number + 1 < len(pieces) else []) if token in self.control]
                ink.targets[-1] = next((token for token in after if token in self.stops), self.stops[0])
            # Media that were made stand behind the answer, before its end.
            for part in parts:
                if isinstance(part, Made) and part.medium:
                    ink.block(part.medium)
        return ink.row()


class Ink:
    """A row in the making."""

    def __init__(self, writer: Writer):
        self.writer, self.ids, self.targets, self.text, self.media, self.signals = writer, [], [], [], [], []

    def add(self, ids: list[int], trained: bool = False) -> None:
        for token in ids:
            if trained:
                self.targets[-1] = token
            self.ids.append(token)
            self.targets.append(NO_LOSS)

    def flush(self, trained: bool = False) -> None:
        """Neighbouring texts are encoded as one."""
        joined, self.text = ''.join(self.text), []
        if joined:
            self.add([] if self.writer.start is None else [self.writer.start])
            self.add(self.writer.plain.encode(joined, add_special_tokens=False).ids, trained)

    def template(self, text: str) -> None:
        for piece in self.writer.cut.split(text) if self.writer.cut else [text]:
            if piece in self.writer.control:
                self.flush()
                self.add([self.writer.control[piece]])
            elif piece:
                self.text.append(piece)

    def block(self, medium: Medium) -> None:
        writer = self.writer
        place, count = writer.places.get(medium.modality), writer.config.get('mediaEmbeds', {}).get(medium.modality)
        if count is None or (place is None and (writer.places or not writer.brackets)):
            raise SystemExit(f'{writer.model.folder}: it reads no {medium.modality}, or has no place for it there; training.align input gives it such an input.')
        before, after = (place.get('before', ''), place.get('after', '')) if place else (writer.brackets['begin'], writer.brackets['end'])
        self.template(before)
        self.flush()
        self.media.append((len(self.ids), medium))
        self.add([VECTOR] * count)
        self.template(after)
        self.flush()

    def group(self, made: Made, trained: bool) -> None:
        known = self.writer.signals
        if made.output not in known:
            raise SystemExit(f'{self.writer.model.folder}: it has no signals for {made.output}, there are {", ".join(known) or "none"}; training.align output --output {made.output} gives it some.')
        # The program follows the first token with the others by itself.
        self.add(known[made.output][:1], trained)
        self.signals.append((len(self.ids) - 1, made))
        self.add(known[made.output][1:])

    def row(self) -> Row:
        """Without what follows the last position that carries a loss or a signal: nothing is learnt from it."""
        self.flush()
        ends = [index for index, target in enumerate(self.targets) if target != NO_LOSS] + [place + len(self.writer.signals[made.output]) - 1 for place, made in self.signals]
        length = max(ends) + 1
        return Row(self.ids[:length], self.targets[:length], [medium for place, medium in self.media if place < length], self.signals)


def tidied(parts: list) -> list:
    """Text without white space beside a medium, which only parted them for the eye."""
    found = list(parts)
    for index, part in enumerate(parts):
        if isinstance(part, str):
            part = part.lstrip() if index and isinstance(parts[index - 1], Medium) else part
            found[index] = part.rstrip() if index + 1 < len(parts) and isinstance(parts[index + 1], Medium) else part
    return found
