"""What is known about a medium in a conversation: a picture, a sound, a moving picture. Knows no tokens, no vectors and no phrasing."""
from dataclasses import dataclass

from ..data.nouns import article


@dataclass(frozen=True)
class Picture:
    """A picture of one thing; `key` names the vectors that stand for it (None: those of the caption), `background` its colour behind."""

    noun: str
    colour: str | None
    key: object = None
    background: str | None = None

    modality = "image"

    @property
    def caption(self) -> str:
        return article(f"{self.colour} {self.noun}" if self.colour else self.noun)

    def painted(self, colour: str) -> "Picture":
        return Picture(self.noun, colour)


@dataclass(frozen=True)
class Sound:
    """A sound by its caption ("a dog barking") and the words that name its class in an answer ("dog")."""

    caption: str
    name: str
    key: object = None

    modality = "audio"


@dataclass(frozen=True)
class Clip:
    """A thing that moves: "a red ball bouncing". The sound in the file, where it has one, is a track of its own in the prompt."""

    noun: str
    motion: str
    colour: str | None = None
    key: object = None
    sound: Sound | None = None
    said: str | None = None

    modality = "video"

    @property
    def caption(self) -> str:
        return self.said or f"{article(f'{self.colour} {self.noun}' if self.colour else self.noun)} {self.motion}".strip()

    @property
    def tracks(self) -> tuple[Sound, ...]:
        return () if self.sound is None else (self.sound,)
