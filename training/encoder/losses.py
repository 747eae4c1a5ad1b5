"""What the nine tokens must say: captions, concept, and one attribute a token, all measured against sentence embeddings."""
import torch
import torch.nn.functional as F
from torch import nn

from .phrases import Phrases


class Objective(nn.Module):
    """Loss of tokens [B, 9, 384] given labels (indices, -1 where nothing is said), and accuracies for the log."""

    def __init__(self, phrases: Phrases, nearness: float = 2.0):
        super().__init__()
        self.nearness = nearness  # weight of the distance to the caption; more of it costs a little retrieval
        for name in ('plain', 'single', 'word', 'coloured', 'ground', 'counted', 'placed', 'styled', 'pairs', 'colour', 'count', 'side', 'style'):
            self.register_buffer(name, torch.from_numpy(getattr(phrases, name)), persistent=False)
        self.register_buffer('same', torch.from_numpy(phrases.same), persistent=False)
        self.scale = nn.Parameter(torch.tensor([20.0, 20.0, 20.0]).log())  # concept, colour within a word, attributes
        self.layout = nn.Linear(384, 108)

    def caption(self, label: dict, draw: torch.Tensor) -> torch.Tensor:
        """One caption's embedding a picture: of the pair, the count, the colour, the background, the side, the style or plain."""
        c = label['concept']
        target = torch.where((draw < 0.5)[:, None], self.single[c], self.plain[c])

        def put(rows, table, index):
            nonlocal target
            target = torch.where(rows[:, None], table[c, index.clamp(min=0)], target)

        put((label['style'] >= 0) & (draw > 0.92), self.styled, label['style'])
        put((label['side'] > 0) & (draw < 0.5), self.placed, label['side'])
        put((label['ground'] >= 0) & (label['ground'] != 9) & (draw < 0.35), self.ground, label['ground'])
        put((label['colour'] >= 0) & (draw < torch.where(label['painted'], 0.75, 0.3)), self.coloured, label['colour'])
        put(label['count'] > 0, self.counted, label['count'])
        return torch.where((label['pair'] >= 0)[:, None], self.pairs[label['pair'].clamp(min=0)], target)

    def concept(self, vectors, names, draw):
        """Softmax over all concepts; concepts that share a word with the right one are right as well."""
        table = torch.where((draw < 0.5), 1.0, 0.0).mean() * self.plain + (1 - torch.where((draw < 0.5), 1.0, 0.0).mean()) * self.word
        logits = vectors @ F.normalize(table, dim=-1).T * self.scale[0].exp().clamp(max=60)
        right = self.same[names]
        loss = torch.logsumexp(logits, 1) - torch.logsumexp(logits.masked_fill(~right, -1e4), 1)
        return loss, right.gather(1, logits.argmax(1, keepdim=True)).squeeze(1)

    def attribute(self, token, table, label):
        """Cross-entropy over the embeddings of an attribute's words, and nearness to the right one."""
        cosine = token @ table.T
        known = label >= 0
        loss = F.cross_entropy(cosine * self.scale[2].exp().clamp(max=60), label.clamp(min=0), reduction='none') + (1 - cosine.gather(1, label.clamp(min=0)[:, None]).squeeze(1))
        return (loss * known).sum() / known.sum().clamp(min=1), ((cosine.argmax(1) == label) & known).sum() / known.sum().clamp(min=1)

    def forward(self, tokens, pixels, label, draw):
        joint, single = tokens[:, 0], label['pair'] < 0
        near = 1 - (joint * self.caption(label, draw)).sum(-1)
        concept, hit = self.concept(joint, label['concept'], draw)
        # In a pair the whole picture belongs to no single concept; its words are in tokens 6 and 7.
        concept, right = (concept * single).sum() / single.sum(), (hit & single).sum() / single.sum()
        known = (label['colour'] >= 0) & single & (label['count'] == 0)
        within = torch.einsum('bd,bcd->bc', joint, self.coloured[label['concept']]) * self.scale[1].exp().clamp(max=60)
        colours = (F.cross_entropy(within, label['colour'].clamp(min=0), reduction='none') * known).sum() / known.sum().clamp(min=1)
        parts, report = {'near': self.nearness * near.mean(), 'concept': 1.5 * concept, 'colours': 0.3 * colours}, {'concept': right}
        for name, token, index in (('colour', 1, label['colour']), ('ground', 2, label['ground']), ('count', 3, label['count']),
                                   ('side', 4, label['side']), ('style', 5, label['style'])):
            parts[name], report[name] = self.attribute(tokens[:, token], self.colour if name == 'ground' else getattr(self, name), index)
            parts[name] = 0.12 * parts[name]
        for name, token in (('concept', 6), ('second', 7)):
            loss, hit = self.concept(tokens[:, token], label[name], draw)
            cosine = (tokens[:, token] * self.word[label[name]]).sum(-1)
            parts['word' + name] = 0.3 * (loss + 1 - cosine).mean()
            report['word' + name] = hit.float().mean()
        thumbnail = F.adaptive_avg_pool2d(pixels, 6).flatten(1)
        parts['layout'] = 0.5 * F.mse_loss(self.layout(tokens[:, 8] * 384 ** 0.5 * 0.2), thumbnail)
        return sum(parts.values()), {k: float(v.detach()) for k, v in (report | {'near': 1 - near.mean()}).items()}
