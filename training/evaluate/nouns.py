"""The frozen lists of nouns: NOUNS, 296 everyday ones that the encoders are measured on, and JUDGED, those and 204 more, which the judge of pictures knows.

A line is `noun: slug slug ...`, near-synonyms merged.
"""
from pathlib import Path


def read(*names: str) -> dict[str, list[str]]:
    lines = [line for name in names for line in (Path(__file__).parent / name).read_text().splitlines()]
    return {noun: slugs.split() for noun, slugs in (line.split(': ') for line in lines)}


NOUNS = read('nouns.txt')
#: CLDR slug to the index of its noun.
CLASS = {slug: i for i, slugs in enumerate(NOUNS.values()) for slug in slugs}
#: 500 nouns; the first 296 are NOUNS in the same order.
JUDGED = read('nouns.txt', 'nouns-more.txt')
JUDGED_CLASS = {slug: i for i, slugs in enumerate(JUDGED.values()) for slug in slugs}
#: Words that no caption or order of the data holds, and the noun they mean.
SYNONYMS = {
    'kitty': 'cat', 'pup': 'dog', 'serpent': 'snake', 'steed': 'horse', 'hog': 'pig', 'lamb': 'sheep', 'toad': 'frog', 'hare': 'rabbit', 'alligator': 'crocodile', 'goldfish': 'fish',
    'aircraft': 'plane', 'sedan': 'car', 'cab': 'taxi', 'yacht': 'boat', 'spacecraft': 'rocket', 'trike': 'bicycle', 'residence': 'house', 'cottage': 'house', 'fortress': 'castle', 'timepiece': 'watch',
    'spectacles': 'glasses', 'sneakers': 'shoe', 'gown': 'dress', 'jewel': 'diamond', 'blade': 'knife', 'blaze': 'fire', 'maize': 'corn', 'clementine': 'orange', 'daisy': 'flower', 'oak': 'tree',
}
