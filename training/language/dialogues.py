"""Dialogues that teach nano when to answer with a picture, what it edits and what it shows: drawn at random from `phrases`. Knows no
vectors and no weights."""
import random

from ..data.nouns import EVERYDAY, article
from . import asking, phrases
from .media import Picture
from .phrases import ORDINALS, options
from .vocabulary import Conversation, Signal

COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"]
STYLES = ["flat", "3D", "cartoon", "glossy"]
NOUNS = sorted({word for words in EVERYDAY.values() for word in words if not set(word.split()) & set(COLOURS)})


class Writer:
    """Makes conversations; `attached` draws a picture that a user could send, `replays` are (question, answer) of the base model."""

    def __init__(self, tokenizer, seed: int, attached, replays: list[tuple[str, str]]):
        self.tokenizer, self.random, self.attached, self.replays = tokenizer, random.Random(seed), attached, replays

    def pick(self, text: str, **words: str) -> str:
        upper = {name.upper(): value[:1].upper() + value[1:] for name, value in words.items()}
        return self.random.choice(options(text)).format(**words, **upper)

    def said(self, text: str) -> str:
        """A user's text as people type it"""
        roll = self.random.random
        if roll() < 0.4:
            text = text[:1].upper() + text[1:]
        if text[-1] not in "?!." and roll() < 0.25:
            text += self.random.choice([".", ".", "!", " please", "?"])
        if roll() < 0.05:
            text = self.random.choice(["hi, ", "hello! ", "hey, ", "ok, ", "now ", "please, "]) + text
        return text

    def subject(self) -> tuple[str, Picture]:
        """A phrase to ask for, and what the drawn picture then shows"""
        random, roll = self.random, self.random.random()
        noun = random.choice(NOUNS)
        if roll < 0.3:
            return article(noun), Picture(noun, None)
        if roll < 0.62:
            picture = Picture(noun, random.choice(COLOURS))
            return picture.caption, picture
        if roll < 0.78:
            phrase = random.choice(options(phrases.OPEN))
            return phrase, Picture(phrase.split(" ", 1)[1], None)
        other, colour, picture = random.choice(NOUNS), random.choice(COLOURS), Picture(noun, None)
        a, b = article(noun), article(other)
        forms = [f"{a} and {b}", f"{a} and {b}", f"{b} next to {a}", f"{a} on the left and {b} on the right", f"{a} to the left of {b}", f"{a} on a {colour} background", article(f"small {noun}"), article(f"big {noun}"),
                 f"{a} in {random.choice(STYLES)} style", article(f"{random.choice(STYLES)} {noun}"), article(f"cute {noun}"), f"{article(f'{colour} {noun}')} and {article(f'{random.choice(COLOURS)} {other}')}"]
        return random.choice(forms), picture

    def start(self, ordinals_named: bool = False) -> Conversation:
        later = not ordinals_named and self.random.random() < 0.15
        return Conversation(self.tokenizer, first_ordinal=self.random.randint(2, 10) if later else 1)

    def user(self, talk: Conversation, text: str, *pictures: Picture) -> None:
        text = self.said(text) if text else ""
        talk.user([text, *pictures] if self.random.random() < 0.5 else [*pictures, text])

    def reply_with_picture(self, talk: Conversation, text: str, prompt: str, picture: Picture | None, references: tuple[int, ...] = (), wordless: float = 0.06) -> int | None:
        parts = [Signal(prompt, references, picture)]
        if self.random.random() >= wordless:
            parts.insert(0, text + " ")
            if self.random.random() < 0.12:
                parts.append(" " + self.pick(phrases.AFTER))
        ordinals = talk.assistant(parts)
        return ordinals[0] if ordinals else None

    def ask(self, talk: Conversation, last: bool) -> tuple[int | None, Picture]:
        """One request; the picture is seen by later turns unless this is the last"""
        phrase, picture = self.subject()
        self.user(talk, self.pick(phrases.ASK, x=phrase, n=phrase.split(" ", 1)[1] if phrase.startswith(("a ", "an ")) else phrase))
        return self.reply_with_picture(talk, self.pick(phrases.ASK_REPLY, x=phrase), phrase, None if last else picture), picture

    def edit(self, talk: Conversation, target: tuple[int, Picture], last: bool, named: str | None = None, place: int | None = None) -> tuple[int | None, Picture]:
        """An edit of one picture; `named` says how the user points at it ("the second picture", "the apple"), where "it" would not do, and
        `place` is its place among the pictures where that is what names it"""
        ordinal, picture = target
        random, roll, colour = self.random, self.random.random(), self.random.choice(COLOURS)
        after = picture
        if roll < 0.55:
            if named and place is not None:
                asked = self.pick(phrases.RECOLOUR_ORDINAL, o=ORDINALS[place], p=named, c=colour)
            else:
                asked = self.pick(phrases.RECOLOUR_NOUN if named or random.random() < 0.25 else phrases.RECOLOUR, n=picture.noun, c=colour)
            text = self.pick(phrases.RECOLOUR_REPLY_NOUN if random.random() < 0.3 else phrases.RECOLOUR_REPLY, n=picture.noun, c=colour)
            prompt, after = f"make it {colour}", picture.painted(colour)
        elif roll < 0.85:
            prompt, (forms, replies) = random.choice(list(phrases.EDITS.items()))
            forms = "|".join(form for form in options(forms) if ("{o}" in form) == bool(named)) or forms
            asked, text = self.pick(forms, o=named or "the picture"), self.pick(replies)
            after = Picture(picture.noun, None) if prompt == "make it black and white" else picture
            if named and named not in asked:
                asked = asked.replace("it", named, 1)
        elif roll < 0.95:
            asked, text = self.pick(phrases.TO_BACKGROUND, c=colour, o=named or "it"), self.pick(phrases.TO_BACKGROUND_REPLY, c=colour)
            asked, prompt = (f"put {named} on a {colour} background" if named else asked), f"put it on a {colour} background"
        else:
            thing = article(random.choice(NOUNS))
            asked, text, prompt = self.pick(phrases.ADD, x=thing), self.pick(phrases.ADD_REPLY, x=thing), f"add {thing}"
            asked = f"add {thing} to {named}" if named else asked
        self.user(talk, asked)
        return self.reply_with_picture(talk, text, prompt, None if last else after, (ordinal,)), after

    def replace(self, talk: Conversation, picture: Picture) -> None:
        """Another thing instead: a new drawing, which edits nothing"""
        other = self.random.choice(NOUNS)
        self.user(talk, self.pick(phrases.REPLACE, x=article(other), n=picture.noun))
        self.reply_with_picture(talk, self.pick(phrases.REPLACE_REPLY, x=article(other)), article(other), None)

    def again(self, talk: Conversation, phrase: str, picture: Picture) -> None:
        self.user(talk, self.pick(phrases.AGAIN, n=picture.noun))
        self.reply_with_picture(talk, self.pick(phrases.AGAIN_REPLY, x=phrase), phrase, None)

    def question(self, talk: Conversation, picture: Picture, drawn: bool = False, new: bool = False) -> None:
        """One question about one picture, attached with it where it is new"""
        random, roll, attached = self.random, self.random.random(), (picture,) if new else ()
        other = self.attached(random)
        if roll < 0.55 or (roll < 0.75 and picture.colour is None):
            self.user(talk, self.pick(phrases.READ_DRAWN if drawn else phrases.READ), *attached)
            talk.assistant([self.pick(phrases.READ_REPLY, x=picture.caption)])
        elif roll < 0.75:
            self.user(talk, self.pick(phrases.COLOUR, n=picture.noun), *attached)
            talk.assistant([self.pick(phrases.COLOUR_REPLY, n=picture.noun, c=picture.colour)])
        elif roll < 0.9 or picture.colour is None:
            right = random.random() < 0.5 or other.noun == picture.noun
            self.user(talk, self.pick(phrases.YES_NO, x=article(picture.noun if right else other.noun)), *attached)
            talk.assistant([self.pick(phrases.YES if right else phrases.NO, x=picture.caption)])
        else:
            colour = picture.colour if random.random() < 0.5 else random.choice([c for c in COLOURS if c != picture.colour])
            self.user(talk, self.pick(phrases.IS_COLOUR, n=picture.noun, c=colour), *attached)
            talk.assistant([f"{'Yes' if colour == picture.colour else 'No'}, it is {picture.colour}."])

    def small_talk(self, talk: Conversation, drawn: bool) -> None:
        if drawn and self.random.random() < 0.7:
            asked = self.random.choice(list(phrases.CHAT))
            self.user(talk, asked)
            talk.assistant([phrases.CHAT[asked]])
        else:
            asked, answer = self.random.choice(self.replays)
            talk.user([asked])
            talk.assistant([answer])

    def asks(self) -> Conversation:
        talk = self.start()
        if self.random.random() < 0.12:
            self.small_talk(talk, False)
        ordinal, picture = self.ask(talk, last=False)
        for _ in range(self.random.choice([0, 0, 1, 2])):
            roll = self.random.random()
            if roll < 0.5:
                ordinal, picture = self.ask(talk, last=False)
            elif roll < 0.75:
                self.small_talk(talk, True)
            else:
                self.question(talk, picture, drawn=True)
                break
        return talk

    def single(self) -> Conversation:
        talk = self.start()
        phrase, picture = self.subject()
        self.user(talk, self.pick(phrases.ASK, x=phrase, n=phrase.split(" ", 1)[1] if phrase.startswith(("a ", "an ")) else phrase))
        self.reply_with_picture(talk, self.pick(phrases.ASK_REPLY, x=phrase), phrase, picture, wordless=0.1)
        if self.random.random() < 0.3:
            self.again(talk, phrase, picture)
        elif self.random.random() < 0.2:
            self.replace(talk, picture)
        return talk

    def edits(self) -> Conversation:
        """A drawn or attached picture, then edits of the latest"""
        talk = self.start()
        if self.random.random() < 0.5:
            target = self.ask(talk, last=False)
        else:
            picture = self.attached(self.random)
            if self.random.random() < 0.5:
                self.question(talk, picture, new=True)
                target = (talk.first_ordinal, picture)
            else:
                colour = self.random.choice(COLOURS)
                if self.random.random() < 0.5:
                    self.user(talk, self.pick(phrases.RECOLOUR, c=colour), picture)
                    text, prompt, after = self.pick(phrases.RECOLOUR_REPLY, c=colour), f"make it {colour}", picture.painted(colour)
                else:
                    prompt, (forms, replies) = self.random.choice(list(phrases.EDITS.items()))
                    self.user(talk, self.pick(forms, o="the picture"), picture)
                    text, after = self.pick(replies), picture
                target = (self.reply_with_picture(talk, text, prompt, after, (talk.first_ordinal,)), after)
        for _ in range(self.random.choice([1, 1, 2])):
            target = self.edit(talk, target, last=False)
            if talk.signals[-1][1].prompt == "remove it":
                break
            if self.random.random() < 0.2:
                self.question(talk, target[1], drawn=True)
        return talk

    def two_pictures(self) -> Conversation:
        """Two pictures, sent together or one after the other, then questions and edits that point at one"""
        random = self.random
        talk = self.start(ordinals_named=True)
        first, second = self.attached(random), self.attached(random)
        if random.random() < 0.5:
            if first.noun == second.noun or random.random() < 0.8:
                self.user(talk, self.pick(phrases.BOTH), first, second)
                talk.assistant([self.pick(phrases.BOTH_REPLY, x=first.caption, y=second.caption)])
            else:
                self.user(talk, self.pick(phrases.SAME), first, second)
                talk.assistant([self.pick("No, " + phrases.BOTH_REPLY.replace("|", "|No, "), x=first.caption, y=second.caption).replace("No, The", "No, the")])
        else:
            for picture in (first, second):
                self.question(talk, picture, new=True)
        for _ in range(random.choice([1, 2])):
            index, roll = random.randrange(2), random.random()
            chosen, named = (first, second)[index], random.choice(phrases.POINTING[index])
            if roll < 0.3:
                self.user(talk, self.pick(phrases.ORDINAL_READ, o=ORDINALS[index]))
                talk.assistant([self.pick(phrases.ORDINAL_READ_REPLY, o=ORDINALS[index], x=chosen.caption)])
            elif roll < 0.5 and first.noun != second.noun:
                self.user(talk, self.pick(phrases.WHICH, x=article(chosen.noun), n=chosen.noun))
                talk.assistant([self.pick(phrases.WHICH_REPLY, o=ORDINALS[index], x=chosen.caption)])
            else:
                distinct = first.noun != second.noun and random.random() < 0.35
                self.edit(talk, (index + 1, chosen), last=True, named=f"the {chosen.noun}" if distinct else named, place=None if distinct else index)
                break
        return talk

    def reads(self) -> Conversation:
        talk = self.start()
        picture = self.attached(self.random)
        if self.random.random() < 0.08:
            talk.user([picture])
            talk.assistant([self.pick(phrases.READ_REPLY, x=picture.caption) + " What should I do with it?"])
        else:
            self.question(talk, picture, new=True)
        for _ in range(self.random.choice([0, 1, 1, 2])):
            self.question(talk, picture) if self.random.random() < 0.8 else self.small_talk(talk, self.random.random() < 0.5)
        return talk

    def two_answers(self) -> Conversation:
        talk = self.start(ordinals_named=True)
        (x, first), (y, second) = self.subject(), self.subject()
        self.user(talk, self.pick(phrases.TWO, x=x, y=y))
        one, two = self.pick(phrases.TWO_REPLY, x=x, y=y).split(";")
        ordinals = talk.assistant([one + " ", Signal(x, (), first), " " + two + " ", Signal(y, (), second)])
        if self.random.random() < 0.6:
            index = self.random.randrange(2)
            self.edit(talk, (ordinals[index], (first, second)[index]), last=True, named=self.random.choice(phrases.POINTING[index]), place=index)
        return talk

    def refusals(self) -> Conversation:
        """No picture to edit, none wanted, or talk about itself"""
        talk, roll, random = self.start(), self.random.random(), self.random
        if roll < 0.35:
            asked = self.pick(phrases.RECOLOUR, c=random.choice(COLOURS)) if random.random() < 0.6 else self.pick(random.choice(list(phrases.EDITS.values()))[0], o="the picture")
            answer = self.pick(phrases.NOT_YET)
        elif roll < 0.6:
            noun = random.choice(NOUNS)
            asked, answer = random.choice([pair for pair in options(asking.NOT_WANTED) if pair]).format(s=article(noun), n=noun, x=article(noun)).split(">")
        else:
            asked, answer = random.choice(list(asking.SELF.items()))
        self.user(talk, asked)
        talk.assistant([answer])
        return talk

    #: Kinds and their shares.
    KINDS = (("single", 15), ("asks", 14), ("edits", 28), ("reads", 21), ("two_pictures", 15), ("two_answers", 3), ("refusals", 4))

    def write(self, count: int) -> list[Conversation]:
        names, shares = zip(*self.KINDS)
        return [getattr(self, name)() for name in self.random.choices(names, shares, k=count)]


def imagined(random: random.Random) -> Picture:
    """A picture that exists in words only"""
    return Picture(random.choice(NOUNS), random.choice(COLOURS) if random.random() < 0.7 else None)
