"""The encoder of T5 or Flan-T5 in transformers' layout as a prompt encoder of decoders: a folder with the one component `prompt-encoder`, for the bundle of a decoder.

Usage: python -m training.export.t5 SOURCE OUT [--dtype fp32|fp16|int8|int4] [--length TOKENS] [--id ID] [--licence SPDX]
SOURCE is a folder or an id on the hub. Without a tokenizer.json there it is made of spiece.model, for which the packages sentencepiece and protobuf are needed.
"""
from pathlib import Path

import torch
from transformers import T5EncoderModel

from .bundle_folder import BundleFolder, arguments
from .diffusers_graphs import export
from .embedders import Tower
from .pieces import load_pieces
from .sources import folder_of


def write_bundle(model: T5EncoderModel, tokenizer, out: Path, dtype: str = 'fp32', length: int = 512, identity: str | None = None, licence: str = 'NOASSERTION') -> dict:
    made, model = BundleFolder(out, dtype), model.eval()
    ids = torch.full((2, 9), 5)
    axes = {0: 'batch', 1: 'length'}
    tower = Tower(model, lambda m, ids, mask: m(input_ids=ids, attention_mask=mask).last_hidden_state)
    made.graph('prompt-encoder', 'model', 'text_encoder', lambda path: export(tower, {'input_ids': ids, 'attention_mask': torch.ones_like(ids)}, ['last_hidden_state'], path,
                                                                              {'input_ids': axes, 'attention_mask': axes, 'last_hidden_state': axes}), halves=True)
    made.tokenizer('prompt-encoder', tokenizer)
    components = {'prompt-encoder': {'kind': 'output-projector', 'uses': 't5-prompt', 'config': {'width': model.config.d_model, 'maxTokens': length}}}
    return made.write(components, id=identity or out.name.lower(), title=f'T5 encoder, {dtype}', licence=licence, source='exported by training/export/t5.py')


def main() -> None:
    parser = arguments('t5', "T5's encoder to a component of a bundle.")
    parser.add_argument('--length', type=int, default=512, help='longest text in tokens, the end included')
    given = parser.parse_args()
    folder = folder_of(given.source, 'config.json')
    write_bundle(T5EncoderModel.from_pretrained(folder), load_pieces(folder, given.length, '<pad>'), given.out, given.dtype, given.length, given.id, given.licence)


if __name__ == '__main__':
    main()
