"""SigLIP in transformers' layout to a bundle that embeds texts and pictures in one space.

Usage: python -m training.export.siglip SOURCE OUT [--dtype fp32|fp16|int8|int4] [--id ID] [--licence SPDX]. SOURCE is a folder or an id on the hub.
Its tokenizer.json is taken as it is; without one it is made of spiece.model, for which the packages sentencepiece and protobuf are needed.
"""
from pathlib import Path

import torch
from tokenizers import Regex, normalizers
from transformers import PreTrainedTokenizerFast, SiglipModel

from .bundle_folder import BundleFolder, arguments
from .embedders import picture_config, picture_graph, settings_of, text_graph, write
from .pieces import load_pieces
from .sources import folder_of

PUNCTUATION = r'[!"#$%&\'()*+,\-./:;<=>?@\[\\\]^_`{|}~]'


def load_tokenizer(folder: Path, longest: int) -> PreTrainedTokenizerFast:
    """As SiglipTokenizer has it: lower case, no ASCII punctuation; filled with its end."""
    return load_pieces(folder, longest, '</s>', (normalizers.Lowercase(), normalizers.Replace(Regex(PUNCTUATION), ''), normalizers.Replace(Regex(r'\s+'), ' '), normalizers.Strip()))


def write_bundle(model: SiglipModel, tokenizer, settings: dict, out: Path, dtype: str = 'fp32', identity: str | None = None, licence: str = 'NOASSERTION') -> dict:
    made, model = BundleFolder(out, dtype), model.eval()
    # The fast path is one operator that no graph has.
    torch.backends.mha.set_fastpath_enabled(False)
    length, size = model.config.text_config.max_position_embeddings, model.config.vision_config.image_size
    made.graph('text-encoder', 'model', 'text_model', lambda path: text_graph(model, lambda m, ids: m.text_model(input_ids=ids).pooler_output, 'pooler_output', False, length, path), halves=True)
    made.tokenizer('text-encoder', tokenizer)
    made.graph('image-encoder', 'model', 'vision_model', lambda path: picture_graph(
        model, lambda m, pixels: m.vision_model(pixel_values=pixels).pooler_output, 'pooler_output', size, path), halves=True)
    configs = {'text': ('text-joint-tower', {'maxTokens': length, 'pad': '</s>', 'output': 'pooler_output'}),
               'image': ('image-joint-tower', {**picture_config(settings, size), 'output': 'pooler_output'})}
    return write(made, configs, model.config.vision_config.hidden_size, identity, licence, 'SigLIP', 'siglip')


def main() -> None:
    given = arguments('siglip', 'SigLIP to a bundle that embeds texts and pictures.').parse_args()
    folder = folder_of(given.source, 'config.json')
    model = SiglipModel.from_pretrained(folder, attn_implementation='eager')
    tokenizer = load_tokenizer(folder, model.config.text_config.max_position_embeddings)
    write_bundle(model, tokenizer, settings_of(folder), given.out, given.dtype, given.id, given.licence)


if __name__ == '__main__':
    main()
