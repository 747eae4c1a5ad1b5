"""Dialogues with one sound or one video, and speech, drawn at random from `asking`, beside those about pictures. Knows no vectors and no
weights."""
import random
import re
from dataclasses import dataclass

from ..data.nouns import article
from . import asking, phrases
from .concepts import STILL
from .dialogues import COLOURS, NOUNS, Writer
from .happenings import GOING, MOTIONS, OWN, SOUNDING, TUNES, WAYS, rows
from .media import Clip, Picture, Sound
from .phrases import options
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
        if dice.random() < 0.3:
            clip = self.media["video"](dice)
            if clip.motion and clip.motion != STILL:
                return clip.caption, clip.caption, Clip(clip.noun, clip.motion, clip.colour)
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
