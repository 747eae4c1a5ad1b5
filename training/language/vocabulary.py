"""The tokens that nano adds to its language model, and the layout of a conversation in token ids. Knows no weights."""
from dataclasses import dataclass, field

#: First added id: the size of SmolLM2's vocabulary.
FIRST = 49152
OPEN, CLOSE = "<media>", "</media>"
ORDINALS = [f"[M{index}]" for index in range(1, 17)]
SIGNALS = {kind: [f"[{kind}{index}]" for index in range(4)] for kind in ("IMG", "AUD", "VID", "SPK")}
#: In the order of their ids.
ADDED = [OPEN, CLOSE, *ORDINALS, *(token for group in SIGNALS.values() for token in group)]
IDS = {token: FIRST + index for index, token in enumerate(ADDED)}
SYSTEM = "You are anymodal. You answer with text and pictures."
#: Vectors of one picture: a global one and the detail tokens of the image encoder.
PICTURE_VECTORS = 9
#: End of a turn, `<|im_end|>`.
END = 2
#: Stands in a sequence of ids where a projected vector goes.
VECTOR = -1


#: Target of a position that carries no loss.
NO_LOSS = -100


@dataclass
class Signal:
    """A generated picture in the assistant's turn: what it edits or follows, what it asks the decoder for, and what stands for the picture
    in later turns (None: nothing does)."""

    prompt: str
    references: tuple[int, ...] = ()
    picture: object | None = None


@dataclass
class Conversation:
    """A growing sequence of ids; `targets[i]` is what position i should predict. `pictures[i]` is whatever stands for the i-th medium, and
    `signals` are the signals with the position of their first token."""

    tokenizer: object
    first_ordinal: int = 1
    ids: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    pictures: list[object] = field(default_factory=list)
    signals: list[tuple[int, Signal]] = field(default_factory=list)

    def __post_init__(self):
        self.text(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n")

    def add(self, ids: list[int], trained: bool = False) -> None:
        for token in ids:
            if trained:
                self.targets[-1] = token
            self.ids.append(token)
            self.targets.append(NO_LOSS)

    def text(self, text: str, trained: bool = False) -> None:
        self.add(self.tokenizer(text, add_special_tokens=False).input_ids, trained)

    def medium(self, picture: object) -> int:
        """Appends `[Mk]<media>` + vectors + `</media>` and returns k."""
        ordinal = self.first_ordinal + len(self.pictures)
        self.pictures.append(picture)
        self.add([IDS[f"[M{ordinal}]"], IDS[OPEN], *[VECTOR] * PICTURE_VECTORS, IDS[CLOSE]])
        return ordinal

    def user(self, parts: list) -> None:
        """A turn of strings and pictures (anything that is not a string), then the assistant's header."""
        self.text("<|im_start|>user\n")
        for part in parts:
            if isinstance(part, str):
                self.text(part)
            else:
                self.medium(part)
        self.text("<|im_end|>\n<|im_start|>assistant\n")

    def assistant(self, parts: list, trained: bool = True) -> list[int]:
        """A turn of strings and Signals. Blocks of the signals' pictures come after the reply and before its end, which is predicted from
        the reply's last token: the runtime appends them when the pictures are drawn. Returns their ordinals."""
        for part in parts:
            if isinstance(part, str):
                self.text(part, trained)
            else:
                self.add([IDS[f"[M{ordinal}]"] for ordinal in part.references], trained)
                self.signals.append((len(self.ids), part))
                self.add([IDS[token] for token in SIGNALS["IMG"]], trained)
        if trained:
            self.targets[-1] = END
        ordinals = [self.medium(part.picture) for part in parts if isinstance(part, Signal) and part.picture is not None]
        self.add([END])
        self.text("\n")
        return ordinals
