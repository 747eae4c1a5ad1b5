"""Media as nano's encoders see them: tokens of the training items, by what they show. Captions stand in where there are none. Knows no dialogue."""
import random

import numpy as np

from ..data.nouns import EVERYDAY
from ..data.sounds import SOUNDS
from ..paths import work
from .dialogues import NOUNS, imagined
from .happenings import MOTIONS, SOUNDING, rows
from .media import Clip, Picture, Sound
from .pictures import CaptionVectors

TOKENS = work("export", "image-encoder", "tokens.npz")
DRAWN = work("export", "image-encoder", "tokens-drawn.npz")
AUDIO, VIDEO = work("language", "audio-tokens.npz"), work("language", "video-tokens.npz")
#: Share of pictures drawn from the everyday words.
EVERYDAY_SHARE = 0.75
#: Share of attached videos that have a sound.
TRACKED = 0.4


class EncodedVectors:
    """Vectors of real pictures, of the training families or of the held-out one; captions stand in where no picture fits. A picture of a
    generated drawing is any picture of its word and colour, half of the time, and its caption otherwise: decoders draw what was asked, roughly."""

    def __init__(self, seed: int, captions: CaptionVectors, held_out: bool = False):
        file = np.load(TOKENS)
        chosen = np.flatnonzero(file["held_out"] == held_out)
        self.tokens, self.captions, self.random = file["tokens"][chosen], captions, random.Random(seed)
        self.known = [(str(word), str(colour) or None) for word, colour in zip(file["word"][chosen], file["colour"][chosen])]
        self.places: dict[tuple, list[int]] = {}
        for index, key in enumerate(self.known):
            self.places.setdefault(key, []).append(index)
        self.by_word: dict[str, list[int]] = {}
        for index, (word, _) in enumerate(self.known):
            self.by_word.setdefault(word, []).append(index)
        common = {word for words in EVERYDAY.values() for word in words}
        self.everyday, self.every = [word for word in self.by_word if word in common], list(self.by_word)
        drawn = np.load(DRAWN)
        self.drawn, self.backgrounds = drawn["tokens"], {}
        for index, (pair, background) in enumerate(zip(drawn["pair"], drawn["background"])):
            if not pair and background:
                self.backgrounds.setdefault(str(background), []).append(index)

    def attached(self, dice: random.Random) -> Picture:
        word = dice.choice(self.everyday if dice.random() < EVERYDAY_SHARE else self.every)
        index = dice.choice(self.by_word[word])
        return Picture(*self.known[index], key=index)

    def vectors(self, picture: Picture) -> np.ndarray:
        if picture.background:
            return self.placed(picture)
        index = picture.key
        if index is None and self.random.random() < 0.5:
            index = self.random.choice(self.places.get((picture.noun, picture.colour)) or [None])
        return self.captions.vectors(picture) if index is None else self.tokens[index].astype(np.float32)

    def placed(self, picture: Picture) -> np.ndarray:
        """A picture on a coloured ground: the ground's token of any picture that has it, the rest the thing's own"""
        index = self.random.choice(self.backgrounds[picture.background])
        if self.random.random() < 0.5:
            return self.drawn[index].astype(np.float32)
        tokens = self.vectors(Picture(picture.noun, picture.colour, picture.key)).copy()
        tokens[2] = self.drawn[index][2]
        return tokens


def column(file, *names: str) -> list[str]:
    """The first of the columns that the file has; empty strings where it has none"""
    name = next((name for name in names if name in file.files), None)
    return [""] * len(file["tokens"]) if name is None else [str(value) for value in file[name]]


def split_rows(file, held_out: bool) -> np.ndarray:
    """Rows to learn from, or rows kept aside"""
    if "held_out" in file.files:
        return np.flatnonzero(file["held_out"] == held_out)
    return np.flatnonzero((file["split"] != "train") == held_out)


def told(caption: str, name: str) -> str:
    """How an answer names a sound: its caption where that is a phrase of its own, else what the class does"""
    known = SOUNDS.get(name)
    if known is None:
        return caption
    plain = caption.startswith(tuple(known.events + tuple(f"{thing} " for thing in known.things)))
    return caption if plain and not caption.startswith(("it is", "the ")) and not caption.endswith(" sound") else known.events[0]


class EncodedSounds:
    """Vectors of the sounds of one split. A generated sound is any sound of its caption, half of the time."""

    def __init__(self, seed: int, captions: CaptionVectors, held_out: bool = False):
        self.captions, self.random, self.sounds, self.places, self.by_name = captions, random.Random(seed), [], {}, {}
        if not AUDIO.exists():
            return
        file = np.load(AUDIO)
        chosen = split_rows(file, held_out)
        self.tokens = file["tokens"][chosen]
        said, names = column(file, "caption", "captions"), column(file, "class", "name", "noun", "label")
        for index, row in enumerate(chosen):
            caption, name = told(said[row], names[row]), names[row] or said[row]
            self.sounds.append(Sound(caption, name, index))
            self.places.setdefault(caption, []).append(index)
            self.by_name.setdefault(name, []).append(index)

    def attached(self, dice: random.Random) -> Sound:
        if self.sounds:
            return self.sounds[dice.choice(self.by_name[dice.choice(list(self.by_name))])]
        noun, caption, *_ = dice.choice(rows(SOUNDING))
        return Sound(caption, noun)

    def vectors(self, sound: Sound) -> np.ndarray:
        index = sound.key
        if index is None and self.random.random() < 0.5:
            index = self.random.choice(self.places.get(sound.caption) or self.by_name.get(sound.name) or [None])
        return self.captions.vectors(sound) if index is None else self.tokens[index].astype(np.float32)


class EncodedClips:
    """Vectors of the videos of one split, some of them with a sound of `sounds`."""

    def __init__(self, seed: int, captions: CaptionVectors, sounds: EncodedSounds, held_out: bool = False):
        self.captions, self.random, self.sounds, self.clips, self.places = captions, random.Random(seed), sounds, [], {}
        if not VIDEO.exists():
            return
        file = np.load(VIDEO)
        chosen = split_rows(file, held_out)
        self.tokens = file["tokens"][chosen]
        columns = [column(file, *names) for names in (("caption", "captions"), ("noun", "word"), ("motion",), ("colour",))]
        for index, row in enumerate(chosen):
            caption, noun, motion, colour = (values[row] for values in columns)
            self.clips.append(Clip(noun or caption, motion, colour or None, index, said=caption))
            self.places.setdefault(caption, []).append(index)

    def attached(self, dice: random.Random) -> Clip:
        if self.clips:
            clip = dice.choice(self.clips)
        else:
            clip = Clip(dice.choice(NOUNS), dice.choice(rows(MOTIONS))[0], imagined(dice).colour)
        sound = self.sounds.attached(dice) if dice.random() < TRACKED else None
        return Clip(clip.noun, clip.motion, clip.colour, clip.key, sound, clip.said)

    def vectors(self, clip: Clip) -> np.ndarray:
        index = clip.key
        if index is None and self.random.random() < 0.5:
            index = self.random.choice(self.places.get(clip.caption) or [None])
        return self.captions.vectors(clip) if index is None else self.tokens[index].astype(np.float32)


class EveryMedium:
    """The vectors of any medium, and by modality what draws one that a user could send."""

    def __init__(self, seed: int, real: bool = True, held_out: bool = False):
        captions = CaptionVectors(seed)
        sounds = EncodedSounds(seed, captions, held_out)
        clips = EncodedClips(seed, captions, sounds, held_out)
        self.of = {"audio": sounds, "video": clips, "image": EncodedVectors(seed, captions, held_out) if real else captions}
        self.attached = {"audio": sounds.attached, "video": clips.attached, "image": self.of["image"].attached if real else imagined}
        self.said = {"audio": sorted(sounds.places), "video": sorted(clips.places)}

    def vectors(self, medium: object) -> np.ndarray:
        return self.of[medium.modality].vectors(medium)
