"""Conversations whose signals carry captions of everything the decoders know: every noun with its other names, colours, styles, sizes, grounds, scenes, edits, motions and sounds, and
single words of the sentence encoder's vocabulary. Leaves out what the evaluation asks for. Knows no vectors and no weights."""
import json
import zlib
from collections.abc import Iterator

from ..conditioning import sentence_encoder
from ..data import captions, nouns
from ..data.nouns import article
from ..evaluate.nouns import JUDGED, SYNONYMS
from ..paths import work
from . import asking, phrases
from .dialogues import COLOURS, STYLES
from .seen_and_heard import Talks
from .vocabulary import Conversation, Signal

#: Kinds of captions and their shares.
SHARES = {"plain": 34, "coloured": 13, "styled": 7, "placed": 8, "word": 12, "moving": 15, "heard": 4, "changed": 7}
#: A reply is nearly always of this form when nano chooses the words itself.
USUAL, USUALLY = "Here is {x}.", 0.6
#: Words of the vocabulary that serve as names: how long they are.
LETTERS = range(3, 13)
#: One caption in so many is kept from learning.
HELD = 12


def held(caption: str) -> bool:
    """Whether a caption is kept from learning, the same in every run"""
    return zlib.crc32(caption.encode()) % HELD == 0


def bare(phrase: str) -> str:
    """A phrase without its article"""
    return phrase.split(" ", 1)[1] if phrase.startswith(("a ", "an ")) else phrase


class Wide(Talks):
    """Draws conversations of one or two turns"""

    def prepare(self) -> "Wide":
        folder = nouns.__file__.rsplit("/", 2)[0]
        reserved = json.loads(open(f"{folder}/evaluate/held-pairs.json").read())
        self.kept_colours = {tuple(pair) for pair in reserved["colours"]}
        self.kept_pairs = {frozenset(pair) for pair in reserved["pairs"]}
        self.judged = list(JUDGED)
        labels = {entry["name"]: entry["label"] for entry in json.loads(work("data", "sprites.json").read_text())}
        self.names = sorted({word for name, label in labels.items() for word in nouns.words(name, label)} - set(SYNONYMS))
        self.words = sorted(word for word in sentence_encoder()[0].get_vocab() if word.isascii() and word.isalpha() and len(word) in LETTERS and word not in SYNONYMS)
        #: Captions that name their own medium would be asked for, and answered, otherwise.
        self.moving = [text for text, *_ in json.loads(work("data", "clips", "fresh.json").read_text()) if text.startswith(("a ", "an ", "the ")) and not text.startswith(("a video", "a clip", "an anim", "a short"))]
        return self

    def noun(self) -> str:
        return self.random.choice(self.judged if self.random.random() < 0.62 else self.names)

    def coloured(self) -> str:
        while True:
            noun, colour = self.noun(), self.random.choice(COLOURS)
            if (colour, noun) not in self.kept_colours and not set(noun.split()) & set(COLOURS):
                return article(f"{colour} {noun}")

    def styled(self) -> str:
        noun, dice = self.noun(), self.random
        form = dice.choice(["{sw}", "{sw}", "{a} in {s} style", "{small}", "{big}", "{a} on {c} background", "{a} on {c} background", "{cute}"])
        return form.format(sw=article(f"{dice.choice(STYLES)} {noun}"), s=dice.choice(STYLES), a=article(noun), small=article(f"{dice.choice(['small', 'tiny', 'little'])} {noun}"), big=article(f"big {noun}"),
                           c=article(dice.choice(COLOURS)), cute=article(f"cute {noun}"))

    def placed(self) -> str:
        while True:
            one, two = self.noun(), self.noun()
            if one != two and frozenset((one, two)) not in self.kept_pairs:
                break
        a, b = article(one), article(two)
        if self.random.random() < 0.25:
            a, b = article(f"{self.random.choice(COLOURS)} {one}"), article(f"{self.random.choice(COLOURS)} {two}")
            if {(a.split()[1], one), (b.split()[1], two)} & self.kept_colours:
                return self.placed()
        form = self.random.choice([*captions.SCENE_SIDES, "{a} on the left and {b} on the right", "{a} and {b}", "{b} next to {a}", "{a} with {b}"])
        return form.format(a=a, b=b)

    def phrase(self, kind: str) -> str:
        if kind == "plain":
            return article(self.noun())
        return article(self.random.choice(self.words)) if kind == "word" else getattr(self, kind)()

    def answer(self, talk: Conversation, replies: str, phrase: str, caption: str, output: str, references: tuple[int, ...] = (), medium: object = None) -> None:
        text = USUAL.format(x=phrase) if self.random.random() < USUALLY else self.pick(replies, x=phrase)
        parts = [Signal(caption, references, medium, output)]
        if self.random.random() >= 0.05:
            parts.insert(0, text + " ")
        talk.assistant(parts)

    def drawn(self, talk: Conversation, kind: str) -> None:
        phrase = self.phrase(kind)
        asked = f"draw {phrase}" if self.random.random() < 0.2 else self.pick(phrases.ASK, x=phrase, n=bare(phrase))
        self.user(talk, asked)
        self.answer(talk, phrases.ASK_REPLY, phrase, phrase, "image")

    def filmed(self, talk: Conversation) -> None:
        caption = self.random.choice(self.moving)
        self.user(talk, self.pick(asking.FILM, x=caption))
        self.answer(talk, asking.FILM_REPLY, caption, caption, "video")

    def heard(self, talk: Conversation) -> None:
        request, sound = self.sound_subject()
        self.user(talk, request)
        self.answer(talk, asking.HEAR_REPLY, sound.caption, sound.caption, "audio")

    def changed(self, talk: Conversation) -> None:
        """A drawing, and an order to change it in the words that the decoder has learnt"""
        dice = self.random
        _, picture = self.ask(talk, last=False)
        a, b, v, c, s = picture.noun, article(self.noun()), self.noun(), dice.choice(COLOURS), dice.choice(["left", "right"])
        form, reply = dice.choice([
            (captions.ADD, "I added {b} on the {s}."), (captions.ADD, "Now there is {b} on the {s}."), (captions.ADD_ANYWHERE, "I added {b}."), (captions.REMOVE, "I removed the {v}."), (captions.REMOVE, "The {v} is gone."),
            (captions.REPLACE, "Here is {b} instead."), (captions.STYLE_ORDERS, "Here it is in {t} style."), (captions.RECOLOUR_NOUN, "Now the {w} is {c}."), (captions.TO_BACKGROUND, "The background is {c} now."),
            (captions.SMALLER, "Now it is smaller."), (captions.BIGGER, "Now it is bigger."), (captions.FLIP, "I flipped it."), (captions.ROTATE_LEFT, "I rotated it to the left."), (captions.ROTATE_RIGHT, "I rotated it to the right."),
            (captions.UPSIDE_DOWN, "Now it is upside down."), (captions.GREYSCALE, "Now it is black and white."), (captions.NO_BACKGROUND, "I removed the background.")])
        style = dice.choice(STYLES)
        words = {"w": a, "b": b, "v": v, "c": c, "ac": article(c), "s": style if form is captions.STYLE_ORDERS else s, "t": style}
        order = dice.choice(form).format(**words)
        self.user(talk, order)
        parts: list = [reply.format(**words) + " "] if dice.random() < 0.93 else []
        talk.assistant([*parts, Signal(order, (talk.first_ordinal,), None, "image")])

    def conversations(self) -> Iterator[Conversation]:
        """Without an end; a fifth have a second request"""
        names, shares = zip(*SHARES.items())
        while True:
            talk = self.start()
            for turn in range(2 if self.random.random() < 0.2 else 1):
                kind = self.random.choices(names, shares)[0]
                if kind == "moving":
                    self.filmed(talk)
                elif kind == "heard":
                    self.heard(talk)
                elif kind == "changed" and turn == 0:
                    self.changed(talk)
                    break
                else:
                    self.drawn(talk, "plain" if kind == "changed" else kind)
            yield talk
