"""Which notes are to be played, read off the words: a small network chooses a tune of the book, its tempo and its key; the audio transformer reads the notes.

As the video decoder takes a motion from a book, so that what is to be played is certain and how it sounds is drawn. Knows no sound.
"""
import torch
import torch.nn as nn

from training.data.tunes import TUNES, line

TEXT_WIDTH = 384
#: Lowest MIDI key of a roll and how many; log-mel frames of a position, positions, seconds of a frame.
LOWEST, KEYS, PATCH, POSITIONS, FRAME = 24, 80, 4, 64, 0.016
#: Seconds of a beat by the word that goes with it, and of the first note.
BEATS, BEGIN = {"": 0.27, "fast": 0.22, "slow": 0.34}, 0.06
#: Seconds that a note sounds on after its beats, and tonics that can be told.
AFTER, TONICS = 0.06, 72
ROLL = 2 * PATCH * KEYS


class Plan(nn.Module):
    """tokens [B,16,384] to a roll [B,64,640]: at each position, for its four frames, which of 80 keys sound and which begin; zeros where no tune is named."""

    def __init__(self, width: int = 96):
        super().__init__()
        self.read = nn.Sequential(nn.Linear(2 * TEXT_WIDTH, width), nn.SiLU(), nn.Linear(width, len(TUNES) + 1 + len(BEATS) + TONICS))
        most = max(map(len, TUNES.values()))
        # The last entry is no tune: notes that never begin.
        book = torch.full((len(TUNES) + 1, most, 3), 99.0)
        for row, pairs in enumerate(TUNES.values()):
            book[row, : len(pairs)] = torch.tensor(line(pairs))
        self.register_buffer("book", book, persistent=False)
        self.register_buffer("beats", torch.tensor(list(BEATS.values())), persistent=False)
        self.register_buffer("times", FRAME * torch.arange(POSITIONS * PATCH), persistent=False)
        self.register_buffer("keys", LOWEST + torch.arange(KEYS).float(), persistent=False)

    def logits(self, tokens):
        """Of the tune [B,9] (the last is none), the tempo [B,3] and the tonic [B,72]."""
        kind = self.read[0].weight.dtype
        said = self.read(torch.cat([tokens[:, 0], tokens[:, 1:].sum(1) / 4], 1).to(kind)).float()
        return said.split([len(TUNES) + 1, len(BEATS), TONICS], 1)

    def roll(self, tune, beat, tonic):
        """tune [B] (place in the book), beat [B] in seconds, tonic [B] as a MIDI key, to [B,64,640]."""
        notes = self.book[tune]
        starts, lengths, keys = BEGIN + notes[..., 0] * beat[:, None], notes[..., 1] * beat[:, None] + AFTER, notes[..., 2] + tonic[:, None]
        since = self.times[None, :, None] - starts[:, None]
        sounds = ((since >= -FRAME / 2) & (since < lengths[:, None])).float()
        begins = (1 - since.abs() / FRAME).clamp(min=0)
        which = (keys[..., None] == self.keys).float()
        frames = torch.cat([(sounds @ which).clamp(max=1), (begins @ which).clamp(max=1)], -1)
        return frames.reshape(-1, POSITIONS, ROLL)

    def forward(self, tokens):
        tune, beat, tonic = self.logits(tokens)
        said = tokens.abs().amax((1, 2)) > 0
        return self.roll(tune.argmax(1), self.beats[beat.argmax(1)], (LOWEST + tonic.argmax(1)).float()) * said[:, None, None].float()
