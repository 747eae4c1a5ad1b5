"""What is said about a picture and about an edit: phrasings drawn at random from templates. Knows no pixels and no models."""
import random

from training.data.nouns import EVERYDAY, article
from training.evaluate.nouns import JUDGED_CLASS

PLAIN = ["{a}", "{a}", "{a}", "{w}", "{w}", "a drawing of {a}", "a picture of {a}", "an illustration of {a}", "an emoji of {a}", "a sticker of {a}", "an icon of {a}",
         "draw {a}", "show me {a}", "please draw {a}", "{a} on a white background", "a simple drawing of {a}", "a cute {w}", "an image of {a}"]
STYLED = ["{a} in {s} style", "a {s} drawing of {a}", "{s} {w}", "{a}, {s}", "a {s} {w}"]
COLOURED = ["{ca}", "{ca}", "{ca}", "{c} {w}", "a drawing of {ca}", "a picture of {ca}", "draw {ca}", "{a} in {c}", "{a} that is {c}"]
SMALL = ["a small {w}", "a tiny {w}", "a little {w} in the middle"]
BACKGROUND = ["{a} on {ac} background", "{w} on {c}", "{a} in front of {ac} background", "a drawing of {a} on {ac} background"]
SCENE_SIDES = ["{a} on the left and {b} on the right", "{a} to the left of {b}", "{b} to the right of {a}", "{a} and {b}, side by side"]
SIDES = SCENE_SIDES + ["{b} on the right and {a} on the left", "on the left {a} and on the right {b}", "{a} left of {b}", "{b} right of {a}", "draw {a} on the left and {b} on the right"]
SCENE = ["{a} and {b}", "{b} next to {a}", "{a} with {b}", "a picture of {a} and {b}"]
SPELLED = {"grey": ["grey", "gray"]}

RECOLOUR = ["make it {c}", "make it {c}", "make it {c}", "turn it {c}", "turn it {c}", "paint it {c}", "paint it {c}", "colour it {c}", "color it {c}", "change the colour to {c}", "change the color to {c}",
            "in {c} please", "in {c}", "now in {c}", "{c} instead", "recolour it to {c}", "change its colour to {c}", "I want it {c}", "can you make it {c}?", "make this {c}", "the same in {c}", "{c}", "dye it {c}", "give it {ac} colour"]
RECOLOUR_NOUN = ["make the {w} {c}", "turn the {w} {c}", "paint the {w} {c}", "change the {w} to {c}", "change the colour of the {w} to {c}", "make the {w} {c} please", "{ac} {w}", "the {w} should be {c}"]
FLIP = ["flip it", "mirror it", "flip the picture", "mirror the picture", "flip it horizontally", "make it face the other way", "turn it around"]
UPSIDE_DOWN = ["turn it upside down", "rotate it by 180 degrees", "put it upside down", "flip it vertically upside down"]
ROTATE_LEFT = ["rotate it to the left", "rotate it 90 degrees to the left", "turn it counterclockwise", "rotate it by 90 degrees counterclockwise"]
ROTATE_RIGHT = ["rotate it to the right", "rotate it 90 degrees to the right", "turn it clockwise", "rotate it by 90 degrees clockwise", "rotate it by 90 degrees"]
SMALLER = ["make it smaller", "it should be smaller", "shrink it", "smaller", "make it small", "zoom out", "make it tiny"]
BIGGER = ["make it bigger", "enlarge it", "bigger", "make it larger", "zoom in", "make it big"]
TO_BACKGROUND = ["on {ac} background", "put it on {ac} background", "make the background {c}", "change the background to {c}", "give it {ac} background", "with {ac} background"]
NO_BACKGROUND = ["remove the background", "on a white background", "make the background white", "put it on a white background"]
GREYSCALE = ["make it black and white", "remove the colour", "in black and white", "make it grayscale", "take the colours out"]
STYLE_ORDERS = ["make it {s}", "in {s} style", "in {s} style, please", "draw it in {s} style", "turn it into a {s} drawing", "the same in {s}", "make it look {s}", "redraw it in {s} style"]
ADD = ["add {b} on the {s}", "add {b} to the {s}", "put {b} on the {s}", "put {b} to the {s} of it", "put {b} next to it on the {s}", "draw {b} on the {s} side", "add {b} to the {s} of the {w}", "place {b} on the {s} of the {w}"]
ADD_ANYWHERE = ["add {b}", "put {b} next to it", "add {b} beside it", "draw {b} next to the {w}", "with {b}"]
REMOVE = ["remove the {v}", "take the {v} away", "erase the {v}", "delete the {v}", "without the {v}", "get rid of the {v}", "no {v}", "only the {w}"]
REPLACE = ["replace the {w} with {b}", "replace the {w} by {b}", "turn the {w} into {b}", "change the {w} to {b}", "swap the {w} for {b}", "{b} instead of the {w}"]
REPLACE_WHOLE = ["change it into {b}", "turn it into {b}", "make it {b}", "{b} instead", "replace it with {b}"]
ERASE = ["remove it", "erase this", "take it away", "nothing", "an empty white background", "delete this"]


def spelled(colour: str, dice: random.Random) -> str:
    return dice.choice(SPELLED.get(colour, [colour]))


def weight(name: str, family: str) -> float:
    """How often a drawing is seen. The 500 nouns come alike often, the rest seldom; families that draw alike count more: with few samples a common style comes first."""
    thing = 3.0 if name in EVERYDAY else 2.5 if name in JUDGED_CLASS else 0.4
    return thing * {"noto": 1.2, "flat": 1.2, "fluent": 1.2, "fluent3d": 1.2, "twemoji": 1.0, "emojione": 0.7, "noto1": 0.6, "fx": 0.4}.get(family, 1.0)


def plain(words: list[str], style: str, colour: str | None, dice: random.Random, count: int) -> list[str]:
    """Captions of one untouched drawing; the colour is named in a quarter of them where it is known."""
    out = []
    for _ in range(count):
        word = words[0] if dice.random() < 0.6 else dice.choice(words)
        draw = dice.random()
        if colour and draw < 0.25 and not any(c in word for c in (colour, " ")):
            out.append(coloured([word], colour, dice))
        elif draw < 0.4:
            out.append(dice.choice(STYLED).format(a=article(word), w=word, s=style))
        else:
            out.append(dice.choice(PLAIN).format(a=article(word), w=word))
    return out


def coloured(words: list[str], colour: str, dice: random.Random) -> str:
    """One caption of a drawing whose colour matters."""
    word, colour = dice.choice(words), spelled(colour, dice)
    return dice.choice(COLOURED).format(ca=article(f"{colour} {word}"), a=article(word), w=word, c=colour)


def recolour(words: list[str], colour: str, dice: random.Random, with_noun: bool) -> str:
    """One instruction to recolour."""
    colour = spelled(colour, dice)
    if with_noun:
        return dice.choice(RECOLOUR_NOUN).format(w=dice.choice(words), c=colour, ac=article(colour))
    return dice.choice(RECOLOUR).format(c=colour, ac=article(colour))
