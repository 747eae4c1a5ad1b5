"""A picture tower, an input projector and a causal language model to a bundle that answers about pictures: what the exporters of such models share.

Knows the components that the program has for it and how a processor's settings become their configs; knows no architecture.
"""
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from .bundle_folder import BundleFolder
from .step_trace import shape_of

#: Names of Pillow's kernels by the number that processors write.
KERNELS = {1: 'lanczos', 2: 'bilinear', 3: 'bicubic'}
#: The first token, for a template that leaves it to the tokenizer.
STARTS_WITH = "{{- bos_token -}}"


@dataclass
class PictureChain:
    """`tower` turns pixels [1,3,size,size] into tokens [1,n,d]; `projector` turns those into embeddings [1,m,model]; `uses` is the projector's factory. `reader` is the tokenizer
    of a projector that reads the question as well, whose ids [1,t] are its second input."""

    tower: nn.Module
    projector: nn.Module
    uses: str
    picture: dict
    language_model: nn.Module
    tokenizer: object
    template: str
    places: dict
    stops: list[str]
    reader: object | None = None


class RowsOf(nn.Module):
    """A projector without its batch: tokens [n,d] to embeds [m,model]."""

    def __init__(self, projector: nn.Module):
        super().__init__()
        self.projector = projector

    def forward(self, tokens, *ids):
        return self.projector(tokens[None], *ids)[0]


def picture_config(settings: dict, size: int) -> dict:
    """What the factory `image-tower` needs to know of an image processor's settings (preprocessor_config.json)."""
    if not settings.get('do_rescale', True) or not settings.get('do_resize', True):
        raise SystemExit('the image processor does not resize or rescale pictures, which the program always does.')
    given = settings.get('size') or size
    if isinstance(given, int):
        given = {'shortest_edge': given} if settings.get('do_center_crop') else {'height': given, 'width': given}
    cover = 'shortest_edge' in given and settings.get('do_center_crop', False)
    crop = settings.get('crop_size') or size
    edges = {given.get('shortest_edge')} | set(crop.values() if isinstance(crop, dict) else [crop]) if cover else {given.get('height'), given.get('width')}
    if edges != {size}:
        raise SystemExit(f'the image processor makes pictures of {sorted(map(str, edges))}, the tower reads {size} x {size}.')
    plain = settings.get('do_normalize', True)
    padded = settings.get('do_pad', False)
    mean = settings.get('image_mean') if plain else [0, 0, 0]
    background = {'background': [int(value * 255) for value in mean]} if padded else {}
    return {'size': size, 'fit': 'contain' if padded else 'cover' if cover else 'fill', 'kernel': KERNELS[int(settings.get('resample', 3))],
            'mean': list(mean), 'std': list(settings.get('image_std') if plain else [1, 1, 1]), **background}


def template_of(source, tokenizer) -> str:
    """The chat template of a processor or tokenizer, with the first token where the tokenizer itself writes it."""
    template = getattr(source, 'chat_template', None) or tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get('default')
    if not template:
        raise SystemExit('the model has no chat template; give one with --template FILE.')
    begins = tokenizer('x').input_ids[:1] == [tokenizer.bos_token_id] and 'bos_token' not in template
    return (STARTS_WITH if begins else '') + template


def stops_of(model, tokenizer) -> list[str]:
    ids = model.generation_config.eos_token_id if model.generation_config.eos_token_id is not None else tokenizer.eos_token_id
    return [tokenizer.convert_ids_to_tokens(index) for index in (ids if isinstance(ids, list) else [ids])]


def add_language_model(folder: BundleFolder, model: nn.Module, tokenizer, template: str, config: dict) -> dict:
    """Graphs, tokenizer and template; returns the component, its sizes beside `config`."""
    from .causal_lm import add_graphs, add_tokenizer  # which takes the functions above from here
    add_graphs(folder, model, folder.dtype, traced=False)
    add_tokenizer(folder, tokenizer, template)
    return {'kind': 'language-model', 'uses': 'causal-lm', 'config': {**shape_of(model), **config}}


def add_reader(folder: BundleFolder, reader) -> None:
    """tokenizer.json of the projector and its settings; of what else is written beside them nothing is kept."""
    folder.tokenizer('image-input-projector', reader, 'reader')
    for path in (folder.folder / 'reader').iterdir():
        if path.name not in ('tokenizer.json', 'tokenizer_config.json'):
            path.unlink()
    folder.file('image-input-projector', 'tokenizerConfig', 'reader/tokenizer_config.json')


@torch.no_grad()
def write_chain(chain: PictureChain, out: Path, dtype: str, identity: str, title: str, licence: str, source: str) -> dict:
    """The whole bundle; returns it."""
    folder, size = BundleFolder(out, dtype), chain.picture['size']
    pixels = torch.randn(1, 3, size, size)
    tokens = chain.tower.eval().float()(pixels)
    words = () if chain.reader is None else (torch.tensor([chain.reader('what is this?').input_ids]),)
    embeds = chain.projector.eval().float()(tokens, *words)

    def write(module, given, names, axes=None):
        return lambda path: torch.onnx.export(module, given, str(path), input_names=names[:-1], output_names=names[-1:], opset_version=17, dynamo=False, dynamic_axes=axes or {})

    by_row = chain.uses in ('linear', 'mlp')
    folder.graph('image-encoder', 'model', 'image-encoder', write(chain.tower, (pixels,), ['pixels', 'tokens']), halves=True)
    names, axes = (['tokens', 'embeds'], {'tokens': {0: 'n'}, 'embeds': {0: 'n'}} if by_row else None) if chain.reader is None else (['tokens', 'input_ids', 'embeds'], {'input_ids': {1: 't'}})
    folder.graph('image-input-projector', 'model', 'image-input-projector', write(RowsOf(chain.projector), (tokens[0], *words), names, axes), halves=True)
    if chain.reader is not None:
        add_reader(folder, chain.reader)
    config = {'mediaPlaces': chain.places, 'mediaEmbeds': dict.fromkeys(chain.places, embeds.shape[1]), 'stopTokens': chain.stops}
    language_model = add_language_model(folder, chain.language_model, chain.tokenizer, chain.template, config)
    sizes = {'in': tokens.shape[2], 'out': embeds.shape[2]} if by_row else {'in': list(tokens.shape[1:]), 'out': list(embeds.shape[1:])}
    sizes |= {} if chain.reader is None else {'maxTokens': chain.reader.model_max_length}
    return folder.write({
        'image-encoder': {'kind': 'encoder', 'uses': 'image-tower', 'config': {'tokens': list(tokens.shape[1:]), **chain.picture}},
        'image-input-projector': {'kind': 'input-projector', 'uses': chain.uses, 'config': sizes},
        'language-model': language_model,
    }, id=identity, title=title, licence=licence, source=source, inputs={'image': {'encoder': 'image-encoder', 'projector': 'image-input-projector'}}, languageModel='language-model')
