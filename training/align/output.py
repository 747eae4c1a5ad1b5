"""Signal tokens and an output projector for a decoder, from captions alone, with the language model frozen.

The new tokens' embeddings are drawn about the mean of the table; the first one's row of the head is fitted to come where a caption is asked for and not elsewhere; the projector
turns the states at the tokens into what the decoder's own text encoder makes of the caption (NExT-GPT, arXiv 2309.05519, section 4.2, with the language model untouched).
"""
import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from ..export.adopt import Donor
from ..export.bundle_folder import BundleFolder
from . import captions, fit, graft
from .frozen import FrozenModel
from .route import caption_route
from .text_encoders import TextEncoder


def new_rows(model: FrozenModel, count: int, seed: int) -> np.ndarray:
    """[count, d]: the mean of the table plus half of its deviation in noise."""
    random = np.random.default_rng(seed)
    table = model.embed(sorted(random.choice(model.config['vocabulary'], min(2000, model.config['vocabulary']), replace=False).tolist()))
    return (table.mean(0) + 0.5 * table.std(0) * random.standard_normal((count, table.shape[1]))).astype(np.float32)


def collect(model: FrozenModel, items: list[captions.Item], rows: np.ndarray, minutes: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States at the tokens [n,N,d] of as many items as there is time for, states where the first token comes [n,d], and states where it does not [m,d]."""
    started, states, before, elsewhere = time.time(), [], [], []
    for item in items:
        at, others = model.states(item.asked, item.answer, rows)
        states.append(at.astype(np.float16))
        before.append(others[-1])
        elsewhere.extend(others[-6:-1:2])
        if len(states) % 200 == 0:
            print(f'{len(states)} of {len(items)} captions, {time.time() - started:.0f} s', flush=True)
        if time.time() - started > minutes * 60:
            break
    return np.stack(states), np.stack(before), np.stack(elsewhere)


def head_row(before: np.ndarray, elsewhere: np.ndarray, likely: float) -> np.ndarray:
    """A row of the head [d] whose logit is `likely` where the token comes and as far below zero elsewhere, by ridge regression."""
    x = torch.from_numpy(np.concatenate([before, elsewhere]).astype(np.float64))
    y = torch.cat([torch.full((len(before),), likely), torch.full((len(elsewhere),), -likely)]).double()
    weight = torch.cat([torch.full((len(before),), 1 / len(before)), torch.full((len(elsewhere),), 1 / len(elsewhere))]).double()
    square = x.T @ (x * weight[:, None])
    return torch.linalg.solve(square + 1e-4 * square.diag().mean() * torch.eye(len(square), dtype=torch.float64), x.T @ (y * weight)).float().numpy()


def dump(path: Path, pairs: fit.Pairs, used: list[str]) -> None:
    from safetensors.torch import save_file
    save_file({'hidden': pairs.hidden.half(), 'embedded': pairs.embedded, 'conditioning': pairs.targets.half(), 'learn': pairs.learn, 'check': pairs.check}, path, metadata={'captions': json.dumps(used)})
    print(f'{path}: states and conditioning of {len(used)} captions')


def write_bundle(model: FrozenModel, decoder: Path, encoder: TextEncoder, given, projector, rows: np.ndarray, head: np.ndarray, report: dict) -> None:
    """The language model's bundle with the new tokens, its inputs as they were, and the decoder with the projector as one more output."""
    base, donor = Donor(model.folder, 'base'), None
    donor = base if decoder.resolve() == model.folder.resolve() else Donor(decoder, given.output)
    folder, bundle, count = BundleFolder(given.out, 'fp32'), model.bundle, len(rows)
    name, output, wiring = f'{given.output}-output-projector', given.output, donor.output(encoder.output)
    kept = {key: each for key, each in bundle['outputs'].items() if key != output}
    names = {each for wired in bundle['inputs'].values() for each in wired.values() if each} | {each for wired in kept.values() for each in (wired['decoder'], *wired['sources'].values())}
    components = {each: base.component(each, given.out) for each in sorted(names)}
    language_model = base.component(model.name, given.out)
    files, config, vocabulary = language_model['files'], language_model['config'], language_model['config']['vocabulary']
    tokens = [f'[{given.tokens}{index}]' for index in range(count)]
    graft.extend_head(given.out / files['model']['path'], vocabulary, head)
    graft.extend_table(given.out / files['embed']['path'], vocabulary, rows)
    graft.extend_tokenizer(given.out / files['tokenizer']['path'], vocabulary, tokens)
    graft.check(given.out, files, rows, vocabulary)
    for key in ('model', 'embed', 'tokenizer'):
        files[key] = folder.listed(files[key]['path'])
    config |= {'vocabulary': vocabulary + count, 'signals': {key: value for key, value in config.get('signals', {}).items() if key in kept} | {output: tokens}}
    config.pop('asks', None)
    wide, (length, width) = rows.shape[1], report['conditioning']
    states = torch.randn(1, count, wide)
    folder.graph(name, 'model', name, lambda path: torch.onnx.export(projector.eval(), (states, states), str(path), input_names=['hidden', 'embedded'], output_names=['tokens'], opset_version=17, dynamo=False))
    decoding = f'{output}-decoder' if donor is not base else wiring['decoder']
    components |= {model.name: language_model, decoding: donor.component(wiring['decoder'], given.out)}
    sources = {'signal': name}
    for kind, source in wiring['sources'].items():
        if kind == 'prompt' or (kind == 'joint' and donor is base):
            sources[kind] = f'{output}-{source}' if donor is not base else source
            components[sources[kind]] = donor.component(source, given.out)
    whole = folder.write({name: {'kind': 'output-projector', 'uses': 'nextgpt-transformer', 'config': {'signals': count, 'model': wide, 'tokens': [length, width]}}}, id=given.id or given.out.name.lower(),
                         title=f'{bundle["title"]}, with {output} by its own signals', licence=' AND '.join(dict.fromkeys((bundle['licence'], donor.bundle['licence']))), source='made by training.align',
                         joint=bundle['joint'], inputs=bundle['inputs'], languageModel=model.name, outputs=kept | {output: {'decoder': decoding, 'sources': sources, 'chat': 'signal'}},
                         groups=[group for group in bundle.get('groups', []) if {group['leader'], *group['followers']} <= {*kept, output}])
    whole['components'] |= components
    (given.out / 'bundle.json').write_text(json.dumps(whole, indent=2) + '\n')


def run(given: argparse.Namespace) -> dict:
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    torch.backends.mha.set_fastpath_enabled(False)
    started, model, encoder = time.time(), FrozenModel(given.language_model, given.threads), TextEncoder(given.decoder, given.of, given.threads)
    texts = captions.read_captions(given.captions)
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(given.seed)).tolist()
    items = captions.asked([texts[index] for index in order[:given.most]], given.seed)
    rows = new_rows(model, given.count, given.seed)
    states, before, elsewhere = collect(model, items, rows, given.minutes * 0.7)
    used = [item.caption for item in items[:len(states)]]
    plain = captions.PLAIN + tuple(line for line in (given.plain.read_text().splitlines() if given.plain else []) if line.strip())
    quiet = np.stack([model.states(question, '', rows)[1][-1] for question in plain])
    targets = torch.from_numpy(encoder(used))
    aside = min(given.held, len(used) // 4)
    pairs = fit.Pairs(torch.from_numpy(states.astype(np.float32)), torch.from_numpy(rows), targets, torch.arange(aside, len(used)), torch.arange(aside))
    collected = time.time()
    projector = fit.fit(pairs, given.minutes * 0.25, say=lambda text: print(text, flush=True))
    head = np.zeros_like(rows)
    half = len(before) // 2
    nowhere = np.concatenate([elsewhere, np.repeat(quiet, max(1, len(elsewhere) // len(quiet)), 0)])
    head[0] = head_row(before[:half], nowhere, 30.0)
    apart = {'asked': round(float((before[half:] @ head[0] > 0).mean()), 4), 'elsewhere': round(float((nowhere @ head[0] > 0).mean()), 4)}
    report = {'captions': len(used), 'heldOut': aside, 'conditioning': list(targets.shape[1:]), 'signalTokens': given.count, **fit.figures(projector, pairs), 'firstTokenComes': apart,
              'trained': sum(parameter.numel() for parameter in projector.parameters()) + rows.size + head.size, 'seconds': {'states': round(collected - started), 'fit': round(time.time() - collected)}}
    if given.route:
        asked = items[:min(given.route, aside)]
        report['captionRoute'] = caption_route(given.language_model, given.output, encoder, [item.asked for item in asked], [item.caption for item in asked])
    if given.dump:
        dump(given.dump, pairs, used)
    write_bundle(model, given.decoder, encoder, given, projector, rows, head, report)
    (given.out / 'alignment.json').write_text(json.dumps(report, indent=1) + '\n')
    return report
