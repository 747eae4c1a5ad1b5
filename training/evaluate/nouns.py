"""The frozen list of everyday nouns that encoders and judge are measured on: `noun: slug slug ...`, near-synonyms merged."""
from pathlib import Path

NOUNS = {noun: slugs.split() for noun, slugs in (line.split(': ') for line in (Path(__file__).parent / 'nouns.txt').read_text().splitlines())}
#: CLDR slug to the index of its noun.
CLASS = {slug: i for i, slugs in enumerate(NOUNS.values()) for slug in slugs}
