"""Refits the encoder's heads on features computed once, nearer to the captions, and writes tokens of every picture: python -m training.encoder.refit.

The trunk stays. Writes tokens.npz (drawings, each once recoloured, the held-out family too) and tokens-drawn.npz (pictures of the
training batches with count, side and background) beside the exported graph.
"""
import json
import time

import numpy as np
import torch
import torch.nn.functional as F

from training.conditioning import sentence_embeddings
from training.data import sprites
from training.data.nouns import article
from training.evaluate.nouns import CLASS, NOUNS
from training.paths import work

from .losses import Objective
from .model import ImageEncoder
from .phrases import COLOUR, COUNT, SIDE, Phrases, bare
from .pictures import Bank

DRAWN, STEPS, BATCH, RATE, NEARNESS = 5000, 300, 384, 6e-4, 8.0
#: Weight and inverse temperature of finding pictures by their words: the objective itself only asks for the words of pictures.
BACK, SCALE = 1.0, 25.0


@torch.inference_mode()
def features(model: ImageEncoder, pictures: np.ndarray, batch: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gathered [n, 9, INNER], means [n, HIGH] and 6 x 6 thumbnails [n, 3, 6, 6] of uint8 pictures on white."""
    out = []
    for at in range(0, len(pictures), batch):
        part = torch.from_numpy(np.array(pictures[at:at + batch])).permute(0, 3, 1, 2).float() / 255
        part = (part[:, :3] + 1 - part[:, 3:]) if part.shape[1] == 4 else part
        pixels = (part * 2 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast('cpu', torch.bfloat16):
            gathered, mean = model.features(pixels)
        out.append((gathered.float(), mean.float(), F.adaptive_avg_pool2d(pixels, 6)))
    return tuple(torch.cat(parts) for parts in zip(*out))


def found(texts: torch.Tensor, joint: torch.Tensor, concept: torch.Tensor, alone: torch.Tensor) -> torch.Tensor:
    """How far the words [B, 384] of pictures [B, 384] are from finding them among the others of the batch; pictures of one concept are right for each other, pairs are left out."""
    scores = (texts[alone] @ joint[alone].T) * SCALE
    right = concept[alone][:, None] == concept[alone][None]
    return (torch.logsumexp(scores, 1) - torch.logsumexp(scores.masked_fill(~right, -1e4), 1)).mean()


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    start, path = time.time(), work('checkpoints', 'image-encoder.pt')
    bank, state, model = Bank(), torch.load(path), ImageEncoder()
    phrases = Phrases(bank.names)
    objective = Objective(phrases, NEARNESS)
    model.load_state_dict(state['model'])
    objective.load_state_dict(state['objective'])
    model = model.eval().to(memory_format=torch.channels_last)
    described = json.loads(work('encoder', 'bank.json').read_text())['rows']
    sprite = np.array([r['sprite'] for r in described])
    rows = np.flatnonzero(np.arange(len(sprite)) - np.searchsorted(sprite, sprite) <= 1)  # the drawing and one recoloured version
    drawn, drawn_label = np.load(work('encoder', 'drawn-1.npy'), mmap_mode='r')[:DRAWN], np.load(work('encoder', 'drawn-1.npz'))
    own, others = features(model, bank.pixels.numpy()[rows]), features(model, drawn)
    print(f'features of {len(rows)} and {DRAWN} pictures, {time.time() - start:.0f} s', flush=True)

    t, none = torch.from_numpy(rows), torch.full((len(rows),), -1)
    label = {'concept': bank.concept[t], 'second': bank.concept[t], 'colour': bank.colour[t], 'painted': bank.painted[t], 'ground': none + 1 + COLOUR.index('white'),
             'count': none + 1, 'side': none + 1, 'style': bank.style[t], 'pair': none}
    held = bank.held_out[t]
    learn = torch.nonzero(~held).squeeze(1)
    together = [torch.cat([a[learn], b]) for a, b in zip(own, others)]
    labels = {k: torch.cat([v[learn], torch.from_numpy(drawn_label[k][:DRAWN])]) for k, v in label.items()}
    text = torch.from_numpy(sentence_embeddings([article(n) for n in NOUNS]))
    kind = torch.tensor([CLASS.get(name, -1) for name, _ in bank.names])[label['concept']]

    @torch.inference_mode()
    def measure(name: str) -> torch.Tensor:
        tokens = model.heads(own[0], own[1])[0]
        for family, chosen in (('training', ~held), ('held-out', held)):
            use = chosen & (kind >= 0) & ~label['painted']
            order = (tokens[use, 0] @ text.T).argsort(1, descending=True)
            hit = order[:, :5] == kind[use, None]
            near = (tokens[use, 0] * torch.from_numpy(phrases.single)[label['concept'][use]]).sum(-1).mean()
            one = {int(c): i for i, c in enumerate(kind[use].tolist())}
            alike = text[list(one)] @ tokens[use, 0][list(one.values())].T
            back = (alike.argsort(1, descending=True)[:, :5] == torch.arange(len(one))[:, None]).any(1).float().mean()
            print(f'{name}, {family}: picture by its word, R@5 of {len(one)} {back:.3f}, top-1 {hit[:, 0].float().mean():.3f} top-5 {hit.any(1).float().mean():.3f}, cosine to caption {near:.3f}', flush=True)
        return tokens

    measure('before')
    single = torch.from_numpy(phrases.single)
    free = [*model.mixer.parameters(), *model.out.parameters(), *model.whole.parameters(), *objective.parameters()]
    optimiser = torch.optim.AdamW(free, RATE, weight_decay=0.01)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group['lr'] = RATE * min(1, (step + 1) / 20) * (1 - step / STEPS)
        pick = torch.randint(len(labels['concept']), (BATCH,))
        gathered, mean, thumbnail = (x[pick] for x in together)
        gathered, mean = gathered * (1 + 0.15 * torch.randn_like(gathered)), mean * (1 + 0.15 * torch.randn_like(mean))
        made, some = model.heads(gathered, mean)[0], {k: v[pick] for k, v in labels.items()}
        loss, said = objective(made, thumbnail, some, torch.rand(BATCH))
        loss = loss + BACK * found(single[some['concept']], made[:, 0], some['concept'], some['pair'] < 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 0:
            print(step, f'{time.time() - start:.0f} s', json.dumps({k: round(v, 3) for k, v in said.items()}), flush=True)
    tokens = measure('after').half().numpy()
    torch.save(state | {'model': model.state_dict()}, work('checkpoints', 'image-encoder-refit.pt'))
    with torch.inference_mode():
        drawn_tokens = model.heads(others[0], others[1])[0].half().numpy()

    names = [bank.names[c] for c in label['concept'].tolist()]
    word, colour = [bare(words) for _, words in names], label['colour'].tolist()
    said = lambda table, index: [table[i] if i >= 0 else '' for i in index]
    np.savez(work('export', 'image-encoder', 'tokens.npz'), tokens=tokens, name=[n for n, _ in names], word=word, colour=said(COLOUR, colour),
             style=[sprites.STYLES[bank.family[i]] for i in rows], caption=[article(f'{COLOUR[c]} {w}' if c >= 0 else w) for c, w in zip(colour, word)],
             family=[bank.family[i] for i in rows], painted=label['painted'].numpy(), held_out=held.numpy(), sprite=sprite[rows])
    index = {k: drawn_label[k][:DRAWN] for k in drawn_label}
    word = np.array([bare(words) for _, words in bank.names])
    np.savez(work('export', 'image-encoder', 'tokens-drawn.npz'), tokens=drawn_tokens, word=word[index['concept']], second=word[index['second']], pair=index['pair'] >= 0,
             colour=said(COLOUR, index['colour']), background=said(COLOUR, index['ground']), count=said(COUNT, index['count']), side=said(SIDE, index['side']))
    print(f'{time.time() - start:.0f} s')


if __name__ == '__main__':
    main()
