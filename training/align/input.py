"""An input projector between an exported encoder and an exported language model, from captioned media, with the language model frozen.

No gradient goes through the language model: its targets are known in closed form, the rows of its own table for the words of the caption. The projector reads which words a medium has
and hands on their rows, so that the model reads "(picture of a red car)" where the medium stands (training/language/concepts.py does this for nano, field by field).
"""
import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from ..export.adopt import Donor
from ..export.bundle_folder import BundleFolder
from . import graft
from .frozen import FrozenModel
from .media import Captioned, Vocabulary, encoder_of, read_captioned, tokens_of, words_of
from .words import WordProjector, fit_words

KINDS = {'image': 'picture', 'audio': 'sound', 'video': 'video'}
ASKS = {'image': 'What is in the picture?', 'audio': 'What can be heard?', 'video': 'What is in the video?'}
#: Stands between the last word and the first, which follows again while there is room.
FILLER = ','


def pieces_of(model: FrozenModel, text: str) -> list[int]:
    """Ids of a text in the middle of a sentence: as behind a word, whatever the tokenizer does at the beginning of a text."""
    encode = lambda text: model.tokenizer.encode(text, add_special_tokens=False).ids
    before, whole = encode('say'), encode(f'say {text}')
    return whole[len(before):] if whole[:len(before)] == before else encode(f' {text}')


class Places:
    """Where a medium stands in a prompt, and what is around it: as the language model has it already, or in brackets of new tokens."""

    def __init__(self, model: FrozenModel, modality: str):
        self.model, self.modality, config = model, modality, model.config
        self.tokens, self.rows, self.mark = None, None, None
        own, marks = config.get('mediaTokens'), config.get('mediaPlaces', {})
        encode = lambda text: model.tokenizer.encode(text, add_special_tokens=False).ids
        if modality in marks:
            place = marks[modality]
            self.mark, self.before, self.after = place['mark'], model.embed(encode(place.get('before', ''))), model.embed(encode(place.get('after', '')))
        elif marks:
            raise SystemExit(f'{model.folder}: its chat template places {", ".join(marks)} and has no place for {modality}.')
        elif own:
            self.before, self.after = (model.embed([model.tokenizer.token_to_id(own[side])]) for side in ('begin', 'end'))
        else:
            free = lambda name: name if model.tokenizer.token_to_id(name) is None else free(name.replace('<', '<a '))
            self.tokens = [free('<media>'), free('</media>')]
            self.before, self.after = model.embed(pieces_of(model, '(')[-1:]), model.embed(encode(')')[-1:])
            self.rows = np.concatenate([self.before, self.after])

    def prompt(self, asked: str, block: np.ndarray) -> np.ndarray:
        """Embeddings [n,d] of a conversation: a medium, then a question about it."""
        model, split = self.model, self.mark or '\u241f'
        system = [{'role': 'system', 'content': model.system}] if model.system else []
        content = [{'type': self.modality}, {'type': 'text', 'text': asked}] if self.mark else split + asked
        written = model.template.render(messages=[*system, {'role': 'user', 'content': content}], add_generation_prompt=True, **model.special)
        left, _, right = written.partition(split)
        ids = lambda text: model.embed(model.tokenizer.encode(text, add_special_tokens=False).ids) if text else block[:0]
        return np.concatenate([ids(left), self.before, block, self.after, ids(right)]).astype(np.float32)


def reply(model: FrozenModel, embeds: np.ndarray, most: int = 24) -> list[int]:
    """Ids of what the language model says, the most likely one each time."""
    stops, cache, said = {model.tokenizer.token_to_id(token) for token in model.config['stopTokens']}, model.empty(), []
    names = ['logits', *cache.names]
    for _ in range(most):
        old = len(cache)
        found = model.model.run(names, {'inputs_embeds': embeds[None], 'position_ids': np.arange(old, old + len(embeds)), **cache.feeds})
        cache.append(found[1:])
        token = int(found[0].reshape(-1, found[0].shape[-1])[-1].argmax())
        if token in stops:
            break
        said.append(token)
        embeds = model.embed([token]).astype(np.float32)
    return said


@torch.no_grad()
def figures(projector: WordProjector, tokens, right, items: list[Captioned], vocabulary: Vocabulary, pool: int = 1000) -> tuple[dict, list[set[str]]]:
    """On media kept aside for the report: words said that stand in the caption, words of the caption that are said, how often the right caption is nearest by the mean of its words' rows,
    and how often the caption's noun is said. With the words said of each."""
    words, said = projector.chosen(projector.scores(tokens))
    found = torch.zeros(len(tokens), len(vocabulary.names)).scatter_add(1, words, said.float())
    texts = list(dict.fromkeys(item.caption for item in items))[:pool]
    weight, rows = torch.from_numpy(vocabulary.rarity), torch.stack([projector.table[ids[ids > 0]].mean(0) for ids in projector.pieces])
    every = torch.from_numpy(vocabulary.present(texts))
    middle = (every * weight @ rows).mean(0)
    unit = lambda given: torch.nn.functional.normalize(given * weight @ rows - middle, dim=-1)
    nearest = (unit(found) @ unit(every).T).argmax(-1).tolist()
    named = [{vocabulary.names[word] for word, is_said in zip(*pair) if is_said} for pair in zip(words.tolist(), said.tolist())]
    wanted = sum(len(words_of(item.caption)) for item in items)
    share = lambda hits: round(sum(hits) / len(items), 4)
    return {'reportedOn': len(items), 'wordsRight': round(float((found * right).sum() / found.sum()), 4), 'wordsFound': round(float((found * right).sum() / max(1, wanted)), 4),
            'nearest': share(texts[index] == item.caption for index, item in zip(nearest, items)), 'pool': len(texts),
            'nounSaid': share(item.noun in words for item, words in zip(items, named))}, named


@torch.no_grad()
def answers(model: FrozenModel, places: Places, projector: WordProjector, tokens, items: list[Captioned], asked: str, seed: int) -> dict:
    """How often the frozen model's own answer names the caption's noun; and another caption's, by chance."""
    own, other, shown = 0, 0, []
    strangers = random.Random(seed).sample(items, len(items))
    for each, item, stranger in zip(tokens, items, strangers):
        said = model.tokenizer.decode(reply(model, places.prompt(asked, projector(each).numpy())))
        has = lambda noun: noun != '' and noun in said.lower()
        own, other = own + has(item.noun), other + (has(stranger.noun) and stranger.noun != item.noun)
        shown.append({'caption': item.caption, 'answer': said})
    return {'asked': asked, 'answers': len(items), 'nounNamed': round(own / len(items), 4), 'nounNamedOfAnother': round(other / len(items), 4), 'examples': shown[:5]}


def write_bundle(model: FrozenModel, given: argparse.Namespace, places: Places, projector: WordProjector, shape: tuple[int, int]) -> None:
    """The language model's bundle with one more input, or one of its inputs anew; everything else as it was."""
    base, folder, bundle, modality = Donor(model.folder, 'base'), BundleFolder(given.out, 'fp32'), model.bundle, given.modality
    donor = base if given.encoder.resolve() == model.folder.resolve() else Donor(given.encoder, modality)
    source, encoder = encoder_of(given.encoder, modality)
    joint = encoder['config'].get('joint')
    if None not in (joint, bundle['joint']) and joint != bundle['joint']:
        raise SystemExit(f'{given.encoder}: its encoder has a joint space of {joint}, the language model\'s bundle one of {bundle["joint"]}; align to a bundle of the language model alone.')
    kept = {key: each for key, each in bundle['inputs'].items() if key != modality}
    names = {each for wired in kept.values() for each in wired.values() if each} | {each for wired in bundle['outputs'].values() for each in (wired['decoder'], *wired['sources'].values())}
    components = {each: base.component(each, given.out) for each in sorted(names)}
    language_model = base.component(model.name, given.out)
    files, config = language_model['files'], language_model['config']
    if places.tokens:
        vocabulary = config['vocabulary']
        graft.extend_head_unsaid(given.out / files['model']['path'], vocabulary, len(places.tokens))
        graft.extend_table(given.out / files['embed']['path'], vocabulary, places.rows)
        graft.extend_tokenizer(given.out / files['tokenizer']['path'], vocabulary, places.tokens)
        graft.check(given.out, files, places.rows, vocabulary)
        for key in ('model', 'embed', 'tokenizer'):
            files[key] = folder.listed(files[key]['path'])
        config |= {'vocabulary': vocabulary + 2, 'mediaTokens': dict(zip(('begin', 'end'), places.tokens))}
    config['mediaEmbeds'] = {**config.get('mediaEmbeds', {}), modality: projector.rows}
    name, encoding = f'{modality}-input-projector', f'{modality}-encoder' if donor is not base else source
    example = torch.randn(shape)
    folder.graph(name, 'model', name, lambda path: torch.onnx.export(projector, (example,), str(path), input_names=['tokens'], output_names=['embeds'], opset_version=17, dynamo=False))
    # All tokens to a fixed number of rows: the form that the program calls a resampler.
    whole = folder.write({name: {'kind': 'input-projector', 'uses': 'perceiver-resampler', 'config': {'in': list(shape), 'out': [projector.rows, projector.table.shape[1]]}}}, id=given.id or given.out.name.lower(),
                         title=f'{bundle["title"]}, reading {modality}', licence=' AND '.join(dict.fromkeys((bundle['licence'], donor.bundle['licence']))), source='made by training.align',
                         joint=bundle['joint'] or joint, inputs=kept | {modality: {'encoder': encoding, 'projector': name}}, languageModel=model.name, outputs=bundle['outputs'], groups=bundle.get('groups', []))
    whole['components'] |= components | {model.name: language_model, encoding: donor.component(source, given.out)}
    (given.out / 'bundle.json').write_text(json.dumps(whole, indent=2) + '\n')


def check(out: Path, modality: str, projector: WordProjector, tokens) -> None:
    """The written graph gives what was fitted."""
    session = onnxruntime.InferenceSession(str(out / f'{modality}-input-projector' / 'model.onnx'), providers=['CPUExecutionProvider'])
    for each in tokens[:8]:
        if np.abs(session.run(None, {'tokens': each.numpy()})[0] - projector(each).numpy()).max() > 1e-4:
            raise SystemExit('the written projector gives other rows than the fitted one.')


def run(given: argparse.Namespace) -> dict:
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    started, model, modality = time.time(), FrozenModel(given.language_model, given.threads), given.modality
    encoder_of(given.encoder, modality)
    items = read_captioned(given.captions)
    random.Random(given.seed).shuffle(items)
    items, places = items[:given.most], Places(model, modality)
    tokens = torch.from_numpy(tokens_of(given.encoder, modality, [item.media for item in items]).copy())
    encoded = time.time()
    # A caption is kept aside with all of its media.
    texts = list(dict.fromkeys(item.caption for item in items))
    held = set(texts[:min(given.held, len(texts) // 4)])
    aside = torch.tensor([index for index, item in enumerate(items) if item.caption in held])
    learn = torch.tensor([index for index, item in enumerate(items) if item.caption not in held])
    vocabulary = Vocabulary([items[index].caption for index in learn.tolist()], lambda word: pieces_of(model, word), given.words, given.least, given.pieces)
    right = torch.from_numpy(vocabulary.present([item.caption for item in items]))
    start = pieces_of(model, f'{KINDS.get(modality, modality)} of')
    used = sorted({*start, *vocabulary.pieces[vocabulary.pieces >= 0].tolist()})
    # The filler is the first row.
    spot = {token: index + 1 for index, token in enumerate(used)}
    table = torch.from_numpy(model.embed([pieces_of(model, FILLER)[-1], *used]).astype(np.float32))
    says, rows = vocabulary.usual([items[index].caption for index in learn.tolist()])
    says, rows = min(given.say, says, len(vocabulary.names)), min(given.rows, len(start) + rows)
    projector = fit_words(given.kind, tokens, right, learn, aside[:max(1, len(aside) // 2)], given.minutes, table=table, start=torch.tensor([spot[token] for token in start]),
                          pieces=torch.tensor([[spot.get(token, 0) for token in row] for row in vocabulary.pieces.tolist()]), place=torch.from_numpy(vocabulary.place) + 1e-6 * torch.arange(len(vocabulary.names)),
                          says=says, rows=rows)
    rest = aside[len(aside) // 2:]
    kept = [items[index] for index in rest.tolist()]
    told, _ = figures(projector, tokens[rest], right[rest], kept, vocabulary)
    report = {'media': len(items), 'captions': len(texts), 'heldOut': len(held), 'kind': given.kind, 'tokens': list(tokens.shape[1:]), 'embeds': [projector.rows, table.shape[1]], 'words': len(vocabulary.names),
              'wordsLeftOut': vocabulary.skipped, **told, 'threshold': round(float(projector.threshold), 3), 'trained': sum(each.numel() for each in projector.reader.parameters())}
    fitted = time.time()
    report['model'] = answers(model, places, projector, tokens[rest[:given.asked]], kept[:given.asked], given.ask or ASKS.get(modality, 'What is this?'), given.seed) if given.asked else None
    report['seconds'] = {'encoding': round(encoded - started), 'fit': round(fitted - encoded), 'answers': round(time.time() - fitted)}
    if given.dump:
        dump(given.dump, projector, tokens, right, learn, aside, items, vocabulary)
    write_bundle(model, given, places, projector, tuple(tokens.shape[1:]))
    check(given.out, modality, projector, tokens)
    (given.out / f'{modality}-alignment.json').write_text(json.dumps(report, indent=1) + '\n')
    return report


@torch.no_grad()
def dump(path: Path, projector: WordProjector, tokens, right, learn, aside, items: list[Captioned], vocabulary: Vocabulary) -> None:
    from safetensors.torch import save_file
    path.parent.mkdir(parents=True, exist_ok=True)
    embeds = torch.stack([projector(each) for each in tokens])
    save_file({'tokens': tokens.half(), 'embeds': embeds.half(), 'words': right.to(torch.uint8), 'learn': learn, 'check': aside}, path,
              metadata={'captions': json.dumps([item.caption for item in items]), 'words': json.dumps(vocabulary.names)})
    print(f'{path}: tokens, embeddings and words of {len(items)} media')
