"""Measures the exported image encoder: python -m training.encoder.report.

Zero-shot retrieval among the frozen nouns, colours by token and by caption, for the training families and the held-out one.
"""
import numpy as np
import onnxruntime
import torch

from training.conditioning import sentence_embeddings
from training.data.nouns import article
from training.evaluate.nouns import CLASS, NOUNS
from training.paths import work

from .phrases import COLOUR, Phrases
from .pictures import Bank


def encode(session, pixels: np.ndarray, batch: int = 64) -> np.ndarray:
    """uint8 [n, 96, 96, 3 or 4 (premultiplied)] on white to tokens float16 [n, 9, 384]."""
    out = []
    for at in range(0, len(pixels), batch):
        part = np.asarray(pixels[at:at + batch]).astype(np.float32) / 255
        if part.shape[-1] == 4:
            part = part[..., :3] + 1 - part[..., 3:]
        out.append(session.run(['tokens'], {'pixels': np.ascontiguousarray(part.transpose(0, 3, 1, 2)) * 2 - 1})[0].astype(np.float16))
    return np.concatenate(out)


def main() -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(work('export', 'image-encoder', 'model.onnx')), options, providers=['CPUExecutionProvider'])
    bank = Bank()
    phrases = Phrases(bank.names)
    pixels = bank.pixels.numpy()
    plain, held = ~bank.painted.numpy(), bank.held_out.numpy()
    everyday = np.array([name in CLASS for name, _ in bank.names])[bank.concept.numpy()]
    rows = np.arange(len(pixels))
    rows = np.concatenate([rows[plain & everyday & ~held][::4], rows[plain & held], rows[~plain & held & everyday], rows[~plain & ~held & everyday][::20]])
    tokens = encode(session, pixels[rows])
    wide = tokens.astype(np.float32)
    concept, colour = bank.concept.numpy()[rows], bank.colour.numpy()[rows]
    text = sentence_embeddings([article(n) for n in NOUNS])
    kind = np.array([CLASS.get(name, -1) for name, _ in bank.names])[concept]
    for label, chosen in (('training families', plain[rows] & ~held[rows]), ('held-out style', plain[rows] & held[rows])):
        use = chosen & (kind >= 0)
        order = np.argsort(-(wide[use, 0] @ text.T), 1)
        word = np.argsort(-(wide[use, 6] @ text.T), 1)
        hit = (order == kind[use, None])
        print(f'{label}: {use.sum()} pictures, {len(NOUNS)} nouns: joint top-1 {hit[:, 0].mean():.3f} top-5 {hit[:, :5].any(1).mean():.3f}, '
              f'word token top-1 {(word[:, 0] == kind[use]).mean():.3f}, cosine to caption {(wide[use, 0] * phrases.single[concept[use]]).sum(-1).mean():.3f}')
    for label, chosen in (('training families', ~held[rows]), ('held-out style', held[rows])):
        use = chosen & (colour >= 0) & ~plain[rows]
        token = (wide[use, 1] @ phrases.colour.T).argmax(1) == colour[use]
        caption = np.einsum('nd,ncd->nc', wide[use, 0], phrases.coloured[concept[use]]).argmax(1) == colour[use]
        ground = (wide[use, 2] @ phrases.colour.T).argmax(1) == COLOUR.index('white')
        print(f'{label}, recoloured: {use.sum()} pictures, 11 colours: colour token {token.mean():.3f}, joint within its word {caption.mean():.3f}, white background {ground.mean():.3f}')


if __name__ == '__main__':
    main()
