"""Alignment: signal tokens and projectors between an exported language model and what a decoder or an encoder knows, from captions alone."""
