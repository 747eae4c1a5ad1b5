"""Measures of nano's pictures that no generator was trained with: a frozen list of nouns, a judge, one table."""
