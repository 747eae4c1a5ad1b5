"""A language model tuned on dialogues: low-rank pairs beside its frozen weights and the rows of its signal tokens, then the output projectors fitted anew to what it says now.

The base is the exported model itself, in the blocks in which it ships (QLoRA, arXiv 2305.14314), so what is tuned is what runs. Signals are trained to carry their captions, as in
NExT-GPT (arXiv 2309.05519, section 4.3), by an output projector that is trained beside them.
"""
import argparse
import json
import random
import resource
import time
from pathlib import Path

import torch

from ..export.adopt import Donor
from ..export.bundle_folder import BundleFolder
from . import captions, fit
from .adapters import write_tuned
from .conversations import Row, Writer, read_dialogues
from .dialogue_loss import Conditioning, Embedded, Exported, Loss, figures, pairs_of, told
from .frozen import FrozenModel
from .route import caption_route
from .text_encoders import TextEncoder
from .tune import RATES, Descent, batches
from .weights import Tunable, read

#: Signals of an output from which on its projector is trained and fitted.
ENOUGH = 20
#: States that the projector beside the tuning begins with, at most.
FIRST_STATES = 2000


def written(writer: Writer, dialogues: list, longest: int) -> tuple[list[list[Row]], int]:
    """Rows of each dialogue that fits, and how many do not."""
    found = [writer.rows(turns) for turns in dialogues]
    kept = [rows for rows in found if max(len(row.ids) for row in rows) <= longest]
    return kept, len(found) - len(kept)


def first_projector(loss: Loss, learn: list[Row], output: str, minutes: float, say) -> torch.nn.Module:
    """Fitted to the states of the model as it is, to be trained beside it."""
    states, meant = [], []
    with torch.no_grad():
        for row in learn:
            if any(made.output == output for _, made in row.signals) and len(meant) < FIRST_STATES:
                hidden, texts = loss.signals([row], output, loss.states([row]))
                states.append(hidden.cpu().float())
                meant += texts
        hidden, embedded = torch.cat(states), loss.embedded(output).cpu().float()
    order = torch.randperm(len(hidden))
    pairs = fit.Pairs(hidden, embedded, loss.targets[output].of(meant), order[len(order) // 8:], order[:len(order) // 8])
    return fit.fit(pairs, minutes, say=say)


def copied(model: FrozenModel, out: Path) -> tuple[BundleFolder, dict]:
    """Every component of the bundle under OUT, its files linked."""
    base = Donor(model.folder, 'base')
    return BundleFolder(out, 'fp32'), {name: base.component(name, out) for name in model.bundle['components']}


def write_language_model(out: Path, folder: BundleFolder, component: dict, tunable: Tunable) -> None:
    files = component['files']
    weights = write_tuned(out / files['model']['path'], out / files['embed']['path'], tunable.decoder, tunable.vocabulary, tunable.grafts)
    files['adapterWeights'] = {'path': str(weights.relative_to(out))}
    for key in ('model', 'embed', 'adapterWeights'):
        files[key] = folder.listed(files[key]['path'])


def write_projector(folder: BundleFolder, component: dict, name: str, projector: torch.nn.Module, pairs: fit.Pairs) -> None:
    shape, part = (1, *pairs.embedded.shape), f'{name}-tuned'
    states = torch.randn(shape)
    folder.graph(name, 'model', part, lambda path: torch.onnx.export(projector.eval(), (states, states), str(path), input_names=['hidden', 'embedded'], output_names=['tokens'], opset_version=17, dynamo=False))
    component['files'] = {key: folder.listed(path) for key, path in folder.files[name].items()}


def write(out: Path, model: FrozenModel, components: dict, given: argparse.Namespace) -> None:
    whole = model.bundle | {'id': given.id or out.name.lower(), 'title': f'{model.bundle["title"]}, tuned on dialogues', 'source': 'made by training.align', 'components': components}
    (out / 'bundle.json').write_text(json.dumps(whole, indent=2) + '\n')
    listed = {file['path'] for component in components.values() for file in component['files'].values()}
    for path in (out / 'base').rglob('*'):
        if path.is_file() and str(path.relative_to(out)) not in listed:
            path.unlink()


def questions(dialogues: list, output: str, most: int) -> list[tuple[str, str]]:
    """What is asked first, in words alone, where the first answer makes the output, and the caption."""
    found = []
    for turns in dialogues:
        rest = [turn for turn in turns if turn[0] != 'system']
        if len(rest) > 1 and rest[0][0] == 'user' and all(isinstance(part, str) for part in rest[0][1]):
            made = [part for part in rest[1][1] if getattr(part, 'output', None) == output]
            if made:
                found.append((''.join(rest[0][1]), made[0].caption))
    return found[:most]


def dump(path: Path, kept: dict[str, tuple[fit.Pairs, list[str]]]) -> None:
    """States at the signals and conditioning of each output."""
    from safetensors.torch import save_file
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for output, (pairs, _) in kept.items():
        tensors |= {f'{output}.hidden': pairs.hidden.half(), f'{output}.embedded': pairs.embedded, f'{output}.conditioning': pairs.targets.half(), f'{output}.learn': pairs.learn, f'{output}.check': pairs.check}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={'captions': json.dumps({output: texts for output, (_, texts) in kept.items()})})
    print(f'{path}: states and conditioning of {", ".join(f"{len(texts)} {output} signals" for output, (_, texts) in kept.items()) or "no signals"}')


def refit(tuned: FrozenModel, out: Path, folder: BundleFolder, components: dict, media: Embedded, learn: list[Row], held: list[Row], loss: Loss, given, extra: list[str], minutes: float, say) -> tuple[dict, dict]:
    """Projectors for what the tuned model says at its signals, where they serve captions kept aside better than those there are. Returns a report and what was learnt of."""
    report, kept = {}, {}
    for output in loss.projectors:
        encoder, name = loss.targets[output].encoder, tuned.bundle['outputs'][output]['sources']['signal']
        pairs, texts = pairs_of(tuned, media, learn, held, output, loss.groups[output], extra, encoder, given.seed)
        kept[output], old = (pairs, texts), Exported(out / components[name]['files']['model']['path'])
        told_of = {'signals': len(pairs.learn), 'heldOut': len(pairs.check), 'projector': 'as it was'}
        if len(pairs.check) >= 4 and len(pairs.learn) >= ENOUGH:
            before, projector = fit.figures(old, pairs), fit.fit(pairs, minutes / len(loss.projectors), say=say)
            after = fit.figures(projector, pairs)
            if after['cosine'] > before['cosine'] and components[name]['uses'] == 'nextgpt-transformer':
                write_projector(folder, components[name], name, projector, pairs)
                told_of['projector'] = 'fitted anew'
            told_of |= {'asItWas': before, 'fittedAnew': after}
        report[output] = told_of
    return report, kept


def run(given: argparse.Namespace) -> dict:
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    torch.backends.mha.set_fastpath_enabled(False)
    say, started = lambda text, **_: print(text, flush=True), time.time()
    model = FrozenModel(given.language_model, given.threads)
    dialogues = read_dialogues(given.dialogues)
    extra = captions.read_captions(given.captions) if given.captions else []
    random.Random(given.seed).shuffle(dialogues)
    rows, long = written(Writer(model), dialogues, given.length)
    aside = max(1, min(given.held, len(rows) // 5))
    held, learn = ([row for each in part for row in each] for part in (rows[:aside], rows[aside:]))
    media, groups = Embedded(model, [*held, *learn]), Writer(model).signals
    tunable = read(given.language_model, model.name, given.rank, given.base)
    tunable.decoder.to(given.device)
    loss = Loss(tunable, groups, media, given.device)
    before = figures(loss, held)
    say(f'{len(rows)} dialogues, {len(rows) - aside} to learn of, {sum(len(row.ids) for row in learn)} tokens; kept aside: {before}')
    counts = {output: sum(made.output == output for row in learn for _, made in row.signals) for output in groups}
    for output in (output for output, count in counts.items() if count >= ENOUGH):
        loss.targets[output] = Conditioning(TextEncoder(given.language_model, output, given.threads), [made.caption for row in [*learn, *held] for _, made in row.signals if made.output == output])
        loss.projectors[output] = first_projector(loss, learn, output, given.minutes * 0.1 / len(counts), say).to(given.device)
    decoder, first = tunable.decoder, [token - tunable.vocabulary for group in groups.values() for token in group[:1] if token >= tunable.vocabulary]
    every = [token - tunable.vocabulary for group in groups.values() for token in group if token >= tunable.vocabulary]
    pairs = [parameter for name, parameter in decoder.named_parameters() if parameter.requires_grad and name.startswith('layers')]
    parts = [{'params': pairs, 'lr': RATES['pairs']}, {'params': list(loss.projectors.parameters()), 'lr': RATES['output_projector']}]
    parts += [{'params': [decoder.rows, decoder.head_rows], 'lr': RATES['rows']}] if every else []

    def hold() -> None:
        """Rows of other tokens stay where they are."""
        for table, own in ((decoder.rows, every), (decoder.head_rows, first)) if every else ():
            free = torch.zeros(len(table), 1, device=given.device)
            free[own] = 1
            table.grad *= free

    order = [batch for epoch in range(given.epochs) for batch in batches(list(learn), lambda row: len(row.ids), given.step, given.seed + epoch)]
    began = time.time()
    steps = Descent([part for part in parts if part['params']], loss, given.minutes * 0.6, given.rate, told, hold, say=say).run(order, lambda batch: sum(len(row.ids) for row in batch))
    tuned_at, after = time.time(), figures(loss, held)
    peak = torch.cuda.max_memory_allocated() if given.device.startswith('cuda') else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    folder, components = copied(model, given.out)
    write_language_model(given.out, folder, components[model.name], tunable)
    write(given.out, model, components, given)
    tuned = FrozenModel(given.out, given.threads)
    outputs, kept = refit(tuned, given.out, folder, components, media, learn, held, loss, given, extra, given.minutes * 0.2, say)
    write(given.out, model, components, given)
    for output in outputs if given.route else ():
        asked = questions(dialogues[:aside], output, given.route)
        if asked:
            outputs[output]['captionRoute'] = caption_route(given.language_model, output, loss.targets[output].encoder, *map(list, zip(*asked)))
    report = {'dialogues': len(rows), 'tooLong': long, 'heldOut': aside, 'steps': steps, 'epochs': given.epochs, 'base': 'packed' if tunable.packed else str(decoder.dtype).removeprefix('torch.'),
              'rank': given.rank, 'trained': sum(each.numel() for each in pairs) + (len(every) + len(first)) * decoder.shape.width, 'before': before, 'after': after, 'outputs': outputs, 'memoryGB': round(peak / 1e9, 2),
              'seconds': {'tuning': round(tuned_at - began), 'whole': round(time.time() - started)}}
    if given.dump:
        dump(given.dump, kept)
    (given.out / 'dialogues.json').write_text(json.dumps(report, indent=1) + '\n')
    return report
