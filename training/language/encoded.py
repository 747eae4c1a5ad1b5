"""Media as nano's encoders see them: tokens of the training items, by what they show. Captions stand in where there are none. Knows no dialogue."""
import random

import numpy as np

from ..data.nouns import EVERYDAY
from ..paths import work
from .concepts import AUDIO, DRAWN, TOKENS, VIDEO, Concepts, block_ids, labelled, motion_of, told, uncoloured, values_of
from .media import Clip, Picture, Sound
from .pictures import CaptionVectors

#: Share of pictures drawn from the everyday words.
EVERYDAY_SHARE = 0.75
#: Share of attached videos that have a sound.
TRACKED = 0.4
#: Share of pictures, sounds and videos known in words that stand as the words, and not as something of that name that an encoder saw.
IN_WORDS = 0.6


class Encoded:
    """Media of one modality that an encoder has seen, of the training split or of the one kept aside. To a model that learns to talk
    (`as_read`) they are what the projector reads in them: what it reads wrongly is not the talker's to guess. Of media that are known in words
    only, some stand as their words, others as something of that name."""

    modality = ""

    def __init__(self, seed: int, captions: CaptionVectors, held_out: bool, as_read: bool):
        self.captions, self.random = captions, random.Random(seed)
        self.items: list = []
        self.by_noun: dict[str, list[int]] = {}
        if not self.load(held_out):
            return
        if as_read:
            self.read = Concepts().read(self.modality, self.tokens)
            self.items = [self.item(index, values) for index, values in enumerate(self.read)]
        for index, item in enumerate(self.items):
            self.by_noun.setdefault(self.name(item), []).append(index)

    def attached(self, dice: random.Random):
        return self.items[dice.choice(self.by_noun[dice.choice(list(self.by_noun))])]

    def name(self, item) -> str:
        return item.noun

    def known(self, item) -> tuple[np.ndarray, dict[str, str]]:
        """Encoder tokens [9, 384] and the words of the fields, for the block of an item"""
        index = item.key
        if index is None and self.items and self.random.random() > IN_WORDS:
            index = self.random.choice(self.by_noun.get(self.name(item)) or [None])
        return (self.captions.vectors(item), values_of(item)) if index is None else (self.tokens[index].astype(np.float32), self.read[index])

    def vectors(self, item) -> np.ndarray:
        return self.captions.vectors(item) if item.key is None else self.tokens[item.key].astype(np.float32)


class EncodedPictures(Encoded):
    modality = "image"

    def load(self, held_out: bool) -> bool:
        file = np.load(TOKENS)
        chosen = np.flatnonzero(file["held_out"] == held_out)
        self.tokens, names = file["tokens"][chosen], zip(file["word"][chosen].tolist(), file["colour"][chosen].tolist())
        self.items = [Picture(word, colour or None, index) for index, (word, colour) in enumerate(names)]
        self.common = {word for words in EVERYDAY.values() for word in words}
        drawn = np.load(DRAWN)
        self.drawn, self.backgrounds = drawn["tokens"], {}
        for index in np.flatnonzero(~drawn["pair"]).tolist():
            self.backgrounds.setdefault(str(drawn["background"][index]), []).append(index)
        return True

    def item(self, index: int, values: dict[str, str]) -> Picture:
        return Picture(uncoloured(values["noun"]), values["colour"], index)

    def attached(self, dice: random.Random) -> Picture:
        everyday = [word for word in self.by_noun if word in self.common]
        return self.items[dice.choice(self.by_noun[dice.choice(everyday if dice.random() < EVERYDAY_SHARE else list(self.by_noun))])]

    def known(self, item: Picture) -> tuple[np.ndarray, dict[str, str]]:
        return (self.captions.vectors(item), values_of(item)) if item.background else super().known(item)

    def vectors(self, item: Picture) -> np.ndarray:
        """Of a picture on a coloured ground: the ground's token of any picture that has it, the rest the thing's own"""
        if not item.background or item.background not in self.backgrounds:
            return super().vectors(item)
        tokens = super().vectors(Picture(item.noun, item.colour, item.key)).copy()
        tokens[2] = self.drawn[self.random.choice(self.backgrounds[item.background])][2]
        return tokens


class EncodedSounds(Encoded):
    modality = "audio"

    def load(self, held_out: bool) -> bool:
        if not AUDIO.exists():
            return False
        tokens, values, aside = labelled("audio")
        chosen = np.flatnonzero(aside == held_out)
        self.tokens = tokens[chosen]
        self.said = {caption for caption in np.load(AUDIO)["captions"][chosen].tolist() if not caption.startswith(("it is", "its ", "the ")) and len(caption) > 7}
        self.items = [Sound(told(values["event"][row], values["pattern"][row]), values["event"][row], index) for index, row in enumerate(chosen)]
        return True

    def name(self, item: Sound) -> str:
        return item.name

    def item(self, index: int, values: dict[str, str]) -> Sound:
        return Sound(told(values["event"], values["pattern"]), values["event"], index)


class EncodedClips(Encoded):
    modality = "video"

    def load(self, held_out: bool) -> bool:
        if not VIDEO.exists():
            return False
        file = np.load(VIDEO)
        chosen = np.flatnonzero((file["split"] != "train") == held_out)
        self.tokens = file["tokens"][chosen]
        columns = (file[name][chosen].tolist() for name in ("noun", "colour", "captions"))
        self.items = [Clip(noun, motion_of(caption, noun), colour or None, index) for index, (noun, colour, caption) in enumerate(zip(*columns))]
        return True

    def item(self, index: int, values: dict[str, str]) -> Clip:
        return Clip(uncoloured(values["noun"]), values["motion"], values["colour"], index)


class EveryMedium:
    """The vectors of any medium, and by modality what draws one that a user could send."""

    def __init__(self, seed: int, held_out: bool = False, as_read: bool = False):
        captions = CaptionVectors(seed)
        self.of = {kind.modality: kind(seed, captions, held_out, as_read) for kind in (EncodedPictures, EncodedSounds, EncodedClips)}
        self.attached = {"image": self.of["image"].attached, "audio": self.of["audio"].attached, "video": self.clip}
        self.said = {"audio": sorted(self.of["audio"].said)}

    def clip(self, dice: random.Random) -> Clip:
        clip = self.of["video"].attached(dice)
        sound = self.of["audio"].attached(dice) if dice.random() < TRACKED else None
        return Clip(clip.noun, clip.motion, clip.colour, clip.key, sound)

    def vectors(self, medium: object) -> np.ndarray:
        """Encoder tokens [9, 384]"""
        return self.of[medium.modality].vectors(medium)

    def block(self, medium: object) -> tuple[np.ndarray, np.ndarray]:
        """Encoder tokens [9, 384], and the ids [9] whose rows the projector puts in their places (-1: a free place)"""
        tokens, values = self.of[medium.modality].known(medium)
        return tokens, block_ids(medium.modality, values)
