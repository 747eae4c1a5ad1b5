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
#: Outputs that are asked for by a group of signal tokens.
OUTPUTS = {"image": "IMG", "audio": "AUD", "video": "VID"}
GROUPS = {output: [IDS[token] for token in SIGNALS[kind]] for output, kind in OUTPUTS.items()}
#: Tokens around the words that are to be spoken.
SPEAK, SPOKEN = SIGNALS["SPK"][:2]
SYSTEM = "You are anymodal. You answer with text, pictures, sounds and videos."
#: Vectors of one medium of any modality: a global one and the detail tokens of its encoder.
MEDIUM_VECTORS = 9
#: End of a turn, `<|im_end|>`.
END = 2
#: Stands in a sequence of ids where a projected vector goes.
VECTOR = -1


#: Target of a position that carries no loss.
NO_LOSS = -100


@dataclass
class Signal:
    """A generated medium in the assistant's turn: what it edits or follows, the caption that the decoder should get (for speech: the words
    to be spoken), and what stands for the medium in later turns (None: nothing does). A forced signal is begun by the runtime: its tokens
    carry no loss, words to be spoken do."""

    prompt: str
    references: tuple[int, ...] = ()
    medium: object | None = None
    output: str = "image"
    forced: bool = False


@dataclass
class Conversation:
    """A growing sequence of ids; `targets[i]` is what position i should predict. `blocks` are the media (or tracks of media) that stand
    behind the nine vectors of each block, in order, `shown` counts the ordinals, `signals` are the signals with the position of their first token."""

    tokenizer: object
    first_ordinal: int = 1
    ids: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    blocks: list[object] = field(default_factory=list)
    shown: int = 0
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

    def medium(self, medium: object) -> int:
        """Appends `[Mk]`, then `<media>` + vectors + `</media>` of the medium and of each of its tracks, and returns k. Beyond the last
        ordinal there is no `[Mk]`."""
        ordinal = self.first_ordinal + self.shown
        self.shown += 1
        self.add([IDS[f"[M{ordinal}]"]] if ordinal <= len(ORDINALS) else [])
        for block in (medium, *getattr(medium, "tracks", ())):
            self.blocks.append(block)
            self.add([IDS[OPEN], *[VECTOR] * MEDIUM_VECTORS, IDS[CLOSE]])
        return ordinal

    def user(self, parts: list) -> None:
        """A turn of strings and media (anything that is not a string), then the assistant's header."""
        self.text("<|im_start|>user\n")
        for part in parts:
            if isinstance(part, str):
                self.text(part)
            else:
                self.medium(part)
        self.text("<|im_end|>\n<|im_start|>assistant\n")

    def assistant(self, parts: list, trained: bool = True) -> list[int]:
        """A turn of strings and Signals. Blocks of the signals' media come after the reply and before its end, which is predicted from
        the reply's last token: the runtime appends them when the media are made. Returns their ordinals."""
        for part in parts:
            if isinstance(part, str):
                self.text(part, trained)
                continue
            wanted = trained and not part.forced
            if part.output == "speech":
                self.add([IDS[SPEAK]], wanted)
                self.text(part.prompt, trained)
                self.add([IDS[SPOKEN]], trained)
                continue
            self.add([IDS[f"[M{ordinal}]"] for ordinal in part.references], wanted)
            self.signals.append((len(self.ids), part))
            self.add(GROUPS[part.output], wanted)
        if trained:
            self.targets[-1] = END
        ordinals = [self.medium(part.medium) for part in parts if isinstance(part, Signal) and part.medium is not None]
        self.add([END])
        self.text("\n")
        return ordinals

    def trim(self) -> "Conversation":
        """Without what follows the last position that carries a loss: nothing is learnt from it"""
        last = max([index for index, target in enumerate(self.targets) if target != NO_LOSS] + [place + 3 for place, _ in self.signals])
        del self.ids[last + 1 :], self.targets[last + 1 :], self.blocks[sum(token == IDS[OPEN] for token in self.ids[: last + 1]) :]
        return self
