"""Dialogues with sounds, videos, speech and several kinds at once, drawn at random from `asking`, beside those about pictures. Knows no
vectors and no weights."""
import random
import re
from dataclasses import dataclass

from ..data.nouns import article
from . import asking, phrases
from .dialogues import COLOURS, NOUNS, Writer
from .happenings import GOING, MOTIONS, OWN, SOUNDING, TUNES, WAYS, rows
from .media import Clip, Picture, Sound
from .phrases import ORDINALS, options
from .vocabulary import Conversation, Signal

SOUNDS = {row[0]: row[1:] for row in rows(SOUNDING)}
DRAWN_SOUNDS = [noun for noun, (_, _, drawn) in SOUNDS.items() if drawn == "1"]
ANY_MOTION, OWN_MOTION = rows(MOTIONS), {row[0]: row[1:] for row in rows(OWN)}
KINDS = ("image", "audio", "video")


@dataclass(frozen=True)
class Thing:
    """What a request is about: with its colour and article, the caption of its sound and the word for it, the caption of its video, how it
    moves ("bouncing", "bounce"; empty where it only is seen)."""

    noun: str
    colour: str | None
    heard: str
    word: str
    motion: str
    verb: str
    #: What the video's caption is where it is not made of the thing and its motion.
    said: str | None = None

    @property
    def shown(self) -> str:
        return article(f"{self.colour} {self.noun}" if self.colour else self.noun)

    @property
    def filmed(self) -> str:
        return self.said or f"{self.shown} {self.motion}".strip()

    def caption(self, output: str) -> str:
        return {"image": self.shown, "audio": self.heard, "video": self.filmed}[output]

    def medium(self, output: str) -> object:
        return {"image": Picture(self.noun, self.colour), "audio": Sound(self.heard, self.noun), "video": Clip(self.noun, self.motion, self.colour)}[output]

    def words(self) -> dict[str, str]:
        return {"s": self.shown, "x": self.heard, "y": self.filmed, "n": self.noun, "w": self.word, "m": self.motion, "v": self.verb}


class Everything(Writer):
    """`attached` draws by modality a medium that a user could send; `captions` are captions of the data's own sounds and videos."""

    def __init__(self, tokenizer, seed: int, attached: dict, replays: list[tuple[str, str]], captions: dict[str, list[str]] | None = None, sentences: list[str] | None = None):
        super().__init__(tokenizer, seed, attached["image"], replays)
        self.media, self.captions, self.sentences = attached, captions or {}, sentences or []

    # What is asked about

    def thing(self, sounding: bool | None = None, moving: float = 0.6, coloured: float = 0.35) -> Thing:
        dice = self.random
        sounding = dice.random() < 0.65 if sounding is None else sounding
        noun = dice.choice(DRAWN_SOUNDS if sounding else NOUNS)
        colour = dice.choice(COLOURS) if dice.random() < coloured else None
        motion, verb = "", ""
        if dice.random() < moving:
            motion, verb = OWN_MOTION[noun] if noun in OWN_MOTION and dice.random() < 0.5 else dice.choice(ANY_MOTION)[:2]
            if motion in GOING and dice.random() < 0.4:
                way = dice.choice(WAYS)
                motion, verb = f"{motion} {way}", f"{verb} {way}"
        heard, word = (SOUNDS[noun][0], SOUNDS[noun][1]) if noun in SOUNDS else (f"{article(noun)} {motion}".strip() if dice.random() < 0.5 else article(noun), "")
        return Thing(noun, colour, heard, word, motion, verb)

    def choose(self, text: str, thing: Thing, **more: str) -> str:
        """One phrasing, among those whose words the thing has"""
        words = thing.words() | more
        fitting = [form for form in options(text) if all(words[name.lower()] for name in re.findall(r"{(\w+)}", form))]
        upper = {name.upper(): value[:1].upper() + value[1:] for name, value in words.items()}
        return self.random.choice(fitting).format(**words, **upper)

    def sound_subject(self) -> tuple[str, Sound]:
        """A request for one sound, and the sound"""
        dice, roll = self.random, self.random.random()
        own = self.captions.get("audio", [])
        if own and roll < 0.3:
            caption = dice.choice(own)
            return self.pick(asking.HEAR, x=caption, n=caption), Sound(caption, caption)
        if roll < 0.78:
            noun = dice.choice(list(SOUNDS))
            caption, word, _ = SOUNDS[noun]
            thing = Thing(noun, None, caption, word, "", "")
            plain = noun in ("rain", "thunder", "wind", "fire", "applause", "laughter", "footsteps", "bubbles", "water", "drums", "maracas", "bagpipes", "strings", "glass")
            if dice.random() < (0.55 if word else 0.25):
                request = self.choose(asking.HEAR_OWN, thing, s=noun if plain else article(noun))
            else:
                request = self.pick(asking.HEAR, x=caption, n=noun)
            return request, Sound(caption, noun)
        caption = dice.choice(options(TUNES)) if roll < 0.9 else self.thing(False, moving=0.5).filmed
        return self.pick(asking.HEAR, x=caption, n=caption), Sound(caption, caption)

    def film_subject(self) -> tuple[str, str, Clip]:
        """Words for what a video should show, its caption, and the video"""
        dice = self.random
        own = self.captions.get("video", [])
        if own and dice.random() < 0.3:
            caption = dice.choice(own)
            return caption, caption, Clip(caption, "", said=caption)
        thing = self.thing(dice.random() < 0.4, moving=0.75)
        words = thing.filmed
        if thing.motion and " " not in thing.motion and dice.random() < 0.35:
            words = article(f"{thing.motion} {thing.colour or ''} {thing.noun}".replace("  ", " ")) if dice.random() < 0.6 else f"{thing.shown} that {thing.verb}s"
        return words, thing.filmed, thing.medium("video")

    # Single outputs

    def reply(self, talk: Conversation, text: str, signals: list[Signal], wordless: float = 0.08) -> list[int]:
        if self.random.random() < wordless:
            return talk.assistant(signals)
        between = "" if self.random.random() < 0.15 else " "
        return talk.assistant([text + between, *signals])

    def reply_with(self, talk: Conversation, text: str, caption: str, output: str) -> None:
        self.reply(talk, text, [Signal(caption, (), None, output)])

    def ask_sound(self, talk: Conversation, keep: bool = True) -> Sound:
        request, sound = self.sound_subject()
        self.user(talk, request)
        self.reply(talk, self.pick(asking.HEAR_REPLY, x=sound.caption), [Signal(sound.caption, (), sound if keep else None, "audio")])
        return sound

    def ask_video(self, talk: Conversation, keep: bool = True) -> Clip:
        words, caption, clip = self.film_subject()
        self.user(talk, self.pick(asking.FILM, x=words))
        self.reply(talk, self.pick(asking.FILM_REPLY, x=words), [Signal(caption, (), clip if keep else None, "video")])
        return clip

    def hears(self) -> Conversation:
        talk = self.start()
        sound = self.ask_sound(talk)
        roll = self.random.random()
        if roll < 0.2:
            self.user(talk, self.pick(asking.LISTEN_MADE))
            talk.assistant([self.pick(asking.LISTEN_REPLY, x=sound.caption)])
        elif roll < 0.4:
            self.ask_sound(talk)
        elif roll < 0.5:
            self.small_talk(talk, True)
        return talk

    def films(self) -> Conversation:
        talk = self.start()
        clip = self.ask_video(talk)
        roll = self.random.random()
        if roll < 0.15:
            self.user(talk, self.pick(asking.WATCH_MADE))
            talk.assistant([self.pick(asking.WATCH_REPLY, x=clip.caption)])
        elif roll < 0.35:
            self.ask_video(talk)
        elif roll < 0.45:
            self.small_talk(talk, True)
        return talk

    # Several outputs

    def several(self) -> Conversation:
        talk, dice = self.start(), self.random
        thing, other, roll = self.thing(moving=0.5), self.thing(moving=0.5), dice.random()
        if roll < 0.24:
            words, caption, clip = self.film_subject()
            request = self.pick(asking.WITH_SOUND, v=self.pick("a video of {x}|make a video of {x}|film {x}|animate {x}|a clip of {x}|show me a video of {x}|a short video of {x}|an animation of {x}|create a video of {x}", x=words))
            heard = SOUNDS[clip.noun][0] if not clip.motion and clip.noun in SOUNDS else caption
            self.user(talk, request)
            sound = Sound(heard, clip.noun)
            film = Clip(clip.noun, clip.motion, clip.colour, sound=sound if dice.random() < 0.7 else None, said=clip.said)
            self.reply(talk, self.pick(asking.WITH_SOUND_REPLY, x=words), [Signal(caption, (), film, "video"), Signal(heard, (), sound, "audio")])
            return self.perhaps_remember(talk, ("video", caption))
        things = [thing, thing, thing]
        if roll < 0.66:
            outputs = dice.sample(KINDS, 3 if dice.random() < 0.22 else 2)
            style = dice.randrange(2)
            parts = [self.choose((asking.PART_AFTER if index else asking.PART_NAMED)[output].split(";")[style], thing) for index, output in enumerate(outputs)]
            request = self.joined(parts, style)
        elif roll < 0.8:
            outputs = dice.sample(KINDS, 3 if dice.random() < 0.3 else 2)
            named = [dice.choice(asking.KIND_NAMES[output]) for output in outputs]
            listed = f"{named[0]} and {named[1]}" if len(named) == 2 else f"{named[0]}, {named[1]} and {named[2]}"
            request = self.choose(asking.KINDS_OF, thing, k=listed)
            things = [Thing(thing.noun, thing.colour, thing.heard, thing.word, "", "")] * 3
        elif roll < 0.85:
            outputs, request = ("image", "audio"), self.choose(asking.SEE_AND_HEAR, thing)
        else:
            outputs, things, style = dice.choices(KINDS, k=2), [thing, other], dice.randrange(2)
            if outputs[0] == outputs[1] == "image" and style == 0:
                outputs[1] = "audio"
            request = self.joined([self.choose(asking.PART_NAMED[output].split(";")[style], things[index]) for index, output in enumerate(outputs)], style)
        self.user(talk, request)
        signals = [Signal(things[index].caption(output), (), things[index].medium(output), output) for index, output in enumerate(outputs)]
        self.answer_several(talk, signals, things)
        return self.perhaps_remember(talk, (outputs[0], signals[0].prompt))

    def joined(self, parts: list[str], style: int) -> str:
        if len(parts) == 2:
            text = self.pick(asking.JOINED, a=parts[0], b=parts[1])
        else:
            text = self.pick(asking.JOINED_THREE, a=parts[0], b=parts[1], c=parts[2])
        return self.pick(asking.WANTED, a=text) if style == 1 and not text.startswith("first") else text

    def answer_several(self, talk: Conversation, signals: list[Signal], things: list[Thing]) -> list[int]:
        dice = self.random
        if dice.random() < 0.55:
            parts = []
            for signal, thing in zip(signals, things):
                parts += [(" " if parts else "") + self.choose(asking.PIECE_REPLY[signal.output], thing) + " ", signal]
            return talk.assistant(parts)
        pieces = [{"image": f"a picture of {signal.prompt}", "audio": f"the sound of {signal.prompt}", "video": f"a video of {signal.prompt}"}[signal.output] for signal in signals]
        listed = " and ".join(pieces) if len(pieces) < 3 else f"{pieces[0]}, {pieces[1]} and {pieces[2]}"
        return self.reply(talk, self.pick(asking.SEVERAL_REPLY, k=listed), signals, wordless=0.15)

    # Follow-ups and memory

    def perhaps_remember(self, talk: Conversation, *wishes: tuple[str, str], share: float = 0.12) -> Conversation:
        if self.random.random() < share:
            self.remember(talk, list(wishes))
        return talk

    def remember(self, talk: Conversation, wishes: list[tuple[str, str]]) -> None:
        dice = self.random
        roll = dice.random()
        if roll < 0.65 or len(wishes) == 1:
            asked, (output, caption) = asking.REMEMBER_FIRST, wishes[0]
        elif roll < 0.8:
            asked, (output, caption) = asking.REMEMBER_SECOND, wishes[1]
        else:
            asked, (output, caption) = asking.REMEMBER_LAST, wishes[-1]
        self.user(talk, self.pick(asked))
        talk.assistant([self.pick(asking.REMEMBERED[output], s=caption, x=caption)])

    def follows(self) -> Conversation:
        """One thing in several forms over several turns, then perhaps what was asked for first"""
        talk, dice, wishes = self.start(), self.random, []
        thing = self.thing(dice.random() < 0.8, moving=0.4)
        first = dice.choice(("image", "image", "image", "audio", "video"))
        caption = thing.caption(first)
        if first == "image":
            request, text = self.pick(phrases.ASK, x=caption, n=caption.split(" ", 1)[-1]), self.pick(phrases.ASK_REPLY, x=caption)
        elif first == "audio":
            request = self.choose(asking.HEAR_OWN, thing, s=article(thing.noun)) if thing.word and dice.random() < 0.6 else self.pick(asking.HEAR, x=caption, n=thing.noun)
            text = self.pick(asking.HEAR_REPLY, x=caption)
        else:
            request, text = self.pick(asking.FILM, x=caption), self.pick(asking.FILM_REPLY, x=caption)
        self.user(talk, request)
        latest = {first: self.reply(talk, text, [Signal(caption, (), thing.medium(first), first)])[0]}
        wishes.append((first, caption))
        for _ in range(dice.choice([1, 1, 2, 2, 3])):
            roll = dice.random()
            if roll < 0.14 and "image" in latest:
                ordinal, _ = self.edit(talk, (latest["image"], Picture(thing.noun, thing.colour)), last=False, named=f"the {thing.noun}" if len(latest) > 1 and dice.random() < 0.5 else None)
                latest["image"] = ordinal
                wishes.append(("edit", talk.signals[-1][1].prompt))
                continue
            if roll < 0.26:
                thing, latest = self.thing(dice.random() < 0.8, moving=0.4), {}
                output = dice.choice(KINDS)
                words = thing.caption(output)
                asked = {"image": phrases.ASK, "audio": asking.HEAR, "video": asking.FILM}[output]
                self.user(talk, self.pick(asked, x=words, n=words.split(" ", 1)[-1] if output == "image" else thing.noun))
                text = self.pick({"image": phrases.ASK_REPLY, "audio": asking.HEAR_REPLY, "video": asking.FILM_REPLY}[output], x=words)
            else:
                output = dice.choice([kind for kind in KINDS if kind not in latest] or list(KINDS))
                self.follow(talk, thing, output, latest, wishes)
                continue
            latest[output] = self.reply(talk, text, [Signal(words, (), thing.medium(output), output)])[0]
            wishes.append((output, words))
        if dice.random() < 0.5:
            self.remember(talk, wishes)
        return talk

    def follow(self, talk: Conversation, thing: Thing, output: str, latest: dict[str, int], wishes: list) -> None:
        dice, caption, references = self.random, thing.caption(output), ()
        if output == "audio":
            asked = asking.NOW_HEAR if "image" in latest or "audio" in latest else asking.NOW_VIDEO_SOUND
            if "video" in latest and "image" not in latest and thing.motion:
                caption = thing.filmed
        elif output == "video":
            moves = dice.random() < 0.35
            verb_motion = (OWN_MOTION.get(thing.noun) or dice.choice(ANY_MOTION)[:2]) if moves else ["", ""]
            thing = Thing(thing.noun, thing.colour, thing.heard, thing.word, *verb_motion[:2])
            asked, caption = asking.NOW_FILM_MOTION if moves else asking.NOW_FILM, thing.filmed
            references = (latest["image"],) if "image" in latest else ()
        else:
            asked = asking.NOW_ALONE if "video" in latest else asking.NOW_DRAW
        self.user(talk, self.choose(asked, thing))
        text = self.pick({"image": phrases.ASK_REPLY, "audio": asking.HEAR_REPLY, "video": asking.FILM_REPLY}[output], x=caption)
        latest[output] = self.reply(talk, text, [Signal(caption, references, thing.medium(output), output)])[0]
        wishes.append((output, caption))

    def remembers(self) -> Conversation:
        """Two to four short requests of any kind, then what they were"""
        talk, dice, wishes = self.start(), self.random, []
        for _ in range(dice.choice([1, 2, 2, 3])):
            roll = dice.random()
            if roll < 0.35:
                phrase, picture = self.subject()
                self.user(talk, self.pick(phrases.ASK, x=phrase, n=phrase.split(" ", 1)[-1]))
                self.reply_with_picture(talk, self.pick(phrases.ASK_REPLY, x=phrase), phrase, picture)
                wishes.append(("image", phrase))
            elif roll < 0.55:
                wishes.append(("audio", self.ask_sound(talk).caption))
            elif roll < 0.75:
                wishes.append(("video", self.ask_video(talk).caption))
            elif roll < 0.85:
                sentence = self.sentence()
                self.user_exactly(talk, self.pick(asking.SAY, t=sentence))
                talk.assistant([Signal(sentence, (), Sound("a person speaking", "voice"), "speech")])
                wishes.append(("speech", sentence))
            else:
                asked, answer = dice.choice(self.replays)
                talk.user([asked])
                talk.assistant([answer], trained=False)
                wishes.append(("text", asked))
        self.remember(talk, wishes)
        return talk

    # Forced by the caller

    def forces(self) -> Conversation:
        """The caller demands outputs whatever was said: their states must carry what the talk is about"""
        talk, dice, roll = self.start(), self.random, self.random.random()
        outputs = dice.sample(KINDS, dice.choice([1, 2, 2, 3]))
        thing = self.thing(moving=0.25)
        text = self.choose("Here is {s}.|This is {s}.|{S}.|Here you go: {s}.|Sure, here is {s}.", thing)
        trained = True
        if roll < 0.12:
            thing = self.thing(None, moving=0.0, coloured=0.0)
            self.user(talk, self.pick("what is {s}?|tell me about {s}|do you like {s}?|{s}|I saw {s}|where do I find {s}?|why do people like {s}?", s=thing.shown))
            text, trained = self.choose("{S} is a fine thing.|I know {s}.|It depends on {s}.|{S}.|There is a lot to say about {s}.", thing), False
        elif roll < 0.32:
            kind = dice.choice(KINDS)
            medium = self.media[kind](dice)
            thing = self.thing_of(medium)
            self.user(talk, self.pick("what is this?|look at this|this|make something of this||do something with this|continue") if dice.random() < 0.7 else "", medium)
            text = self.pick(phrases.READ_REPLY, x=medium.caption)
        elif roll < 0.72:
            self.user(talk, dice.choice([thing.shown, thing.shown, thing.noun, thing.heard, thing.filmed]))
        else:
            first = outputs[0]
            form = {"image": phrases.ASK, "audio": asking.HEAR, "video": asking.FILM}[first]
            self.user(talk, self.pick(form, x=thing.caption(first), n=thing.noun))
        signals = [Signal(thing.caption(output), (), None, output, forced=True) for output in outputs]
        if dice.random() < 0.12:
            signals.insert(dice.randrange(len(signals) + 1), Signal(text, (), None, "speech", forced=True))
        dice_text = dice.random()
        talk.assistant(signals if dice_text < 0.2 else [text + (" " if dice_text < 0.4 else ""), *signals], trained=trained)
        return talk

    def thing_of(self, medium: object) -> Thing:
        if isinstance(medium, Picture):
            noun, colour, motion = medium.noun, medium.colour, ""
        elif isinstance(medium, Sound):
            return Thing(medium.name, None, medium.caption, "", "", "")
        else:
            noun, colour, motion = medium.noun, medium.colour, medium.motion
        heard, word = (SOUNDS[noun][0], SOUNDS[noun][1]) if noun in SOUNDS else (f"{article(noun)} {motion}".strip(), "")
        return Thing(noun, colour, heard, word, motion, "", getattr(medium, "said", None))

    # Speech

    def sentence(self) -> str:
        dice, roll = self.random, self.random.random()
        if self.sentences and roll < 0.7:
            text = dice.choice(self.sentences)
        elif roll < 0.85:
            text = " ".join(dice.choice(NOUNS) for _ in range(dice.randint(1, 6)))
        else:
            text = dice.choice([self.thing().filmed, self.thing().shown, self.subject()[0]])
        return text if dice.random() < 0.8 else text.lower().rstrip(".")

    def user_exactly(self, talk: Conversation, text: str) -> None:
        """A user's text whose end must stay as it is: it may be part of what is to be spoken"""
        talk.user([text[:1].upper() + text[1:] if self.random.random() < 0.4 else text])

    def speaks(self) -> Conversation:
        talk, dice, roll = self.start(), self.random, self.random.random()
        voice = Sound("a person speaking", "voice")
        lead = [self.pick(asking.SAY_REPLY) + " "] if dice.random() < 0.25 else []
        if roll < 0.72:
            sentence = self.sentence()
            self.user_exactly(talk, self.pick(asking.SAY, t=sentence))
            talk.assistant([*lead, Signal(sentence, (), voice, "speech")])
            if dice.random() < 0.25:
                sentence = self.sentence()
                self.user_exactly(talk, self.pick(asking.SAY, t=sentence))
                talk.assistant([Signal(sentence, (), voice, "speech")])
            elif dice.random() < 0.1:
                self.ask_sound(talk)
        elif roll < 0.86:
            asked, answer = dice.choice(self.replays)
            self.user_exactly(talk, self.pick(asking.ALOUD, t=asked))
            talk.assistant([Signal(answer, (), voice, "speech")])
        else:
            asked, answer = dice.choice(self.replays)
            talk.user([asked])
            talk.assistant([answer])
            self.user(talk, self.pick(asking.AGAIN_ALOUD))
            talk.assistant([Signal(answer, (), voice, "speech")])
        return talk
