"""CLAP (laion/clap-htsat-unfused, -fused, larger_clap_... in transformers' layout) to a bundle that embeds texts and sounds in one space.

Usage: python -m training.export.clap SOURCE OUT [--dtype fp32|fp16|int8|int4] [--id ID] [--licence SPDX]. SOURCE is a folder or an id on the hub.
"""
from pathlib import Path

import torch
from transformers import AutoTokenizer, ClapModel

from .bundle_folder import BundleFolder, arguments
from .diffusers_graphs import export
from .embedders import Tower, settings_of, text_graph, write
from .sources import folder_of


def hearing(settings: dict) -> dict:
    """`preprocessor_config.json` of ClapFeatureExtractor as the factory `clap-joint-audio` has it; src/bundle/transformers-embedders.ts reads the same."""
    fusion = settings.get('truncation', 'fusion') == 'fusion'
    mel = {'sampleRateHz': settings['sampling_rate'], 'fftSize': settings['fft_window_size'], 'hop': settings['hop_length'], 'mels': settings['feature_size'], 'minHz': settings['frequency_min'],
           'maxHz': settings['frequency_max'], **({'melScale': 'htk', 'norm': None} if fusion else {'melScale': 'slaney', 'norm': 'slaney'}), 'floor': 1e-10, 'power': 2}
    return {'mel': mel, 'maxSeconds': settings['max_length_s'], 'padding': settings.get('padding', 'repeatpad'), 'fusion': fusion}


def heard(model, features):
    """A fusing tower takes every sound that comes alone for a long one, as the feature extractor has it."""
    longer = torch.ones(features.shape[0], 1, dtype=torch.bool)
    return model.audio_projection(model.audio_model(input_features=features, is_longer=longer).pooler_output)


def write_bundle(model: ClapModel, tokenizer, settings: dict, out: Path, dtype: str = 'fp32', identity: str | None = None, licence: str = 'NOASSERTION') -> dict:
    made, model, config = BundleFolder(out, dtype), model.eval(), hearing(settings)
    made.graph('text-encoder', 'model', 'text_model', lambda path: text_graph(
        model, lambda m, ids, mask: m.text_projection(m.text_model(input_ids=ids, attention_mask=mask).pooler_output), 'text_embeds', True, None, path), halves=True)
    made.tokenizer('text-encoder', tokenizer)
    mel = config['mel']
    shape = (1, 4 if config['fusion'] else 1, 1 + config['maxSeconds'] * mel['sampleRateHz'] // mel['hop'], mel['mels'])
    # One sound at a time: the tower cuts its picture into windows by the size of the batch.
    made.graph('audio-encoder', 'model', 'audio_model', lambda path: export(Tower(model, heard), {'input_features': torch.randn(shape)}, ['audio_embeds'], path), halves=True)
    text = model.config.text_config
    longest = min(tokenizer.model_max_length, text.max_position_embeddings - text.pad_token_id - 1)
    return write(made, {'text': ('text-joint-tower', {'maxTokens': longest}), 'audio': ('clap-joint-audio', config)}, model.config.projection_dim, identity, licence, 'CLAP', 'clap')


def main() -> None:
    given = arguments('clap', 'CLAP to a bundle that embeds texts and sounds.').parse_args()
    folder = folder_of(given.source, 'config.json')
    write_bundle(ClapModel.from_pretrained(folder, attn_implementation='eager'), AutoTokenizer.from_pretrained(folder), settings_of(folder), given.out, given.dtype, given.id, given.licence)


if __name__ == '__main__':
    main()
