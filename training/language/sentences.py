"""Sentences to be spoken: of the base model's own answers, of the questions, and everyday ones. Knows no tokens."""
import json
import random
import re

from ..paths import work
from .questions import FORMS, THINGS, plural, with_article

EVERYDAY = """hello|hello there|good evening|how are you today|nice to meet you|see you later|goodbye|thank you|please|yes|no|I love you|merry christmas|happy new year|happy birthday|welcome home|well done|congratulations|good luck|take care|
My name is Tom.|I live in a small town.|The weather is nice today.|It is raining again.|Dinner is ready.|Please close the window.|Where is my phone?|I will be late.|The meeting starts at ten.|Turn left at the next street.|The bus is coming.|
one two three four five|Monday, Tuesday, Wednesday|a b c d e|The cat sits on the mat.|She sells sea shells by the sea shore.|Peter has two brothers and a sister.|We are going to the beach tomorrow.|The old man walks slowly.|Time is money.|
Practice makes perfect.|Every cloud has a silver lining.|The early bird catches the worm.|To be or not to be.|Once upon a time there was a king.|The end.|Mind the gap.|Ladies and gentlemen, welcome aboard.|Your order is ready.|Breakfast is served at eight.|
The shop is closed on Sundays.|Please wait here.|Have a nice day!|What a beautiful morning!|I am so happy to see you.|I am tired and hungry.|This is the best day of my life.|The answer is forty-two.|My favourite colour is green.|Call me back, please.|
Ten, nine, eight, seven, six.|The quick brown fox jumps over the lazy dog.|Do not forget your keys.|Can you help me, please?|Let us begin.|Attention please.|Stop!|Look at that!|I have a dream.|We are the champions.|Sweet dreams, my dear."""
NAMES = "Anna Ben Clara David Emma Frank Grace Henry Ida Jack Kate Leo Maria Noah Olga Paul Rosa Sam Tina Victor".split()
FRAMES = ["{n} has {k} {s}.", "I saw {a} in {p}.", "{n} and {m} are going to {p}.", "The {t} costs {k} dollars.", "{n} is {k} years old.", "My {t} is in the {p2}.", "{n} likes {s} and {s2}.", "hello {n}", "good night, {n}", "Dear {n}, the {t} has arrived.",
          "There are {k} {s} on the table.", "Where is the {t}, {n}?", "{n} bought {a} for {m}.", "{a} and {a2}", "the {t} is blue", "On {p2} street there is {a}.", "{n}, please bring the {t}.", "{k} {s}, {k2} {s2}"]
PLACES = "Paris|London|the park|the garden|the city|Berlin|the kitchen|school|the forest|Rome|the station|the zoo".split("|")
NUMBERS = "two three four five six seven eight nine ten twelve twenty 3 7 15 40 100".split()


def sentences(count: int = 2500, seed: int = 5) -> list[str]:
    """Distinct sentences of up to a hundred and ten characters"""
    dice, found = random.Random(seed), set()
    for text in EVERYDAY.split("|"):
        found.add(text.strip("\n"))
    for entry in json.loads(work("language", "replays.json").read_text()):
        found.add(entry["question"])
        found.update(part for part in re.split(r"(?<=[.!?])\s+", entry["answer"].replace("\n", " ")) if 8 < len(part) <= 110 and part[-1] in ".!?" and not set(part) & set("*#|[]<>`"))
    while len(found) < count:
        word, other = dice.sample(THINGS, 2)
        if dice.random() < 0.2:
            found.add(dice.choice(FORMS["plain"] + FORMS["sound"]).format(a=with_article(word), b=word, s=plural(word), a2=with_article(other)))
            continue
        first, second = dice.sample(NAMES, 2)
        found.add(dice.choice(FRAMES).format(n=first, m=second, t=word, a=with_article(word), a2=with_article(other), s=plural(word), s2=plural(other), k=dice.choice(NUMBERS), k2=dice.choice(NUMBERS), p=dice.choice(PLACES), p2=dice.choice(["Main", "Station", "Church", "Garden"])))
    return sorted(found)
