"""How well signals carry captions through the exported graph, for each output. Knows no training."""
import random

import numpy as np

from ..conditioning import conditioning_tokens
from .base import tokenizer
from .dialogues import COLOURS, NOUNS
from .happenings import MOTIONS, SOUNDING, TUNES, rows
from .media import Clip
from .phrases import options
from .pictures import captions
from .vocabulary import OUTPUTS, Conversation

FORMS = {"image": ["draw {}", "I want to see {}", "{}", "a drawing of {} please", "please make {}"], "audio": ["play the sound of {}", "let me hear {}", "the sound of {} please", "I want to hear {}"],
         "video": ["a video of {}", "film {}", "animate {} please", "make a short video of {}"]}


def pools(dice: random.Random, count: int) -> dict[str, list[str]]:
    """Captions by output: those asked for come first"""
    moving = sorted({Clip(dice.choice(NOUNS), row[0], dice.choice([None, None, *COLOURS])).caption for row in rows(MOTIONS) for _ in range(count // 30 + 8)})
    heard = [row[1] for row in rows(SOUNDING)] + options(TUNES)
    pictures = dice.sample(captions(), count)
    dice.shuffle(moving)
    dice.shuffle(heard)
    return {"image": pictures, "audio": heard + pictures[: count - len(heard)], "video": moving[:count] + pictures[: max(0, count - len(moving))]}


def measure(graphs, show, count: int, asked: int) -> dict:
    dice, found = random.Random(7), {}
    for output, pool in pools(dice, count).items():
        if output not in OUTPUTS or output not in graphs.out:
            continue
        targets = conditioning_tokens(pool)
        unit = targets[:, 0] / np.linalg.norm(targets[:, 0], axis=1, keepdims=True)
        cosines, errors, first, five = [], [], 0, 0
        for index in range(asked):
            talk = Conversation(tokenizer())
            talk.user([dice.choice(FORMS[output]).format(pool[index])])
            reply = graphs.reply(talk, required=(output,))
            made = next((made for made in reply.made if made.output == output), None)
            if made is None:
                continue
            order = np.argsort(-(unit @ made.conditioning[0]))[:5]
            first, five = first + (order[0] == index), five + (index in order)
            cosines.append(unit[index] @ made.conditioning[0] / np.linalg.norm(made.conditioning[0]))
            present = np.abs(targets[index]).sum(-1) > 0
            present[0] = False
            errors.append(((made.conditioning - targets[index])[present] ** 2).mean())
        found[output] = {"cosine of token 0": f"{np.mean(cosines):.3f}", "error of word pieces": f"{np.mean(errors):.3f}", f"nearest of {len(pool)}": f"{first}/{asked}", "within five": f"{five}/{asked}"}
    return found
