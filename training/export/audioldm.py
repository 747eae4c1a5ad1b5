"""AudioLDM (cvssp/audioldm-s, -m, -l in diffusers' layout) to a bundle folder: CLAP's text tower, UNet, autoencoder in two halves, HiFi-GAN.

Usage: python -m training.export.audioldm SOURCE OUT [--dtype fp32|fp16|int8|int4] [--id ID] [--licence SPDX] [--plain]
SOURCE is a diffusers folder or an id on the hub. OUT has diffusers' layout with ONNX graphs too. Knows nothing of TypeScript.
"""
import json
from math import prod
from pathlib import Path

import torch
from diffusers import AudioLDMPipeline
from torch import nn

from .bundle_folder import BundleFolder, arguments
from .checkpoint import has_safetensors, pipeline_name
from .diffusers_config import SCHEDULERS, settings_by_scheduler
from .diffusers_graphs import Decoder, Encoder, FusedProcessor, export
from .sources import folder_of


PARTS = ('unet', 'vae', 'text_encoder', 'vocoder')


class Unet(nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, sample, timestep, class_labels):
        return self.unet(sample, timestep, None, class_labels=class_labels, return_dict=False)[0]


class Tower(nn.Module):
    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, input_ids, attention_mask):
        return self.tower(input_ids, attention_mask=attention_mask).text_embeds


class Vocoder(nn.Module):
    def __init__(self, vocoder):
        super().__init__()
        self.vocoder = vocoder

    def forward(self, spectrogram):
        return self.vocoder(spectrogram)


def load(source: str) -> AudioLDMPipeline:
    """The pipeline with float32 weights."""
    folder = folder_of(source, 'model_index.json')
    pipeline_name(folder, ('AudioLDMPipeline',))
    # Archives of torch are read as tensors alone (`weights_only`), which runs no code of theirs.
    return AudioLDMPipeline.from_pretrained(folder, use_safetensors=has_safetensors(folder, PARTS), local_files_only=True, torch_dtype=torch.float32)


def decoder_config(unet, vae, vocoder, scheduler: dict, scheduler_class: str) -> dict:
    """As src/bundle/diffusers-audio.ts reads folders."""
    factor, hop = 2 ** (len(vae.block_out_channels) - 1), prod(vocoder.upsample_rates)
    own = SCHEDULERS.get(scheduler_class, 'ddim')
    return {
        'width': unet.projection_class_embeddings_input_dim, 'latentChannels': unet.in_channels, 'factor': factor, 'scalingFactor': vae.scaling_factor,
        # What the autoencoder was trained with (haoheliu/AudioLDM audioldm/audio/stft.py, librosa's filters).
        'mel': {'sampleRateHz': vocoder.sampling_rate, 'fftSize': 1024, 'hop': hop, 'mels': vocoder.model_in_dim, 'minHz': 0, 'maxHz': vocoder.sampling_rate / 2,
                'melScale': 'slaney', 'norm': 'slaney', 'floor': 1e-5},
        'prediction': scheduler.get('prediction_type', 'epsilon'), 'scheduler': own, 'schedulers': settings_by_scheduler(scheduler, own),
        'seconds': unet.sample_size * factor * hop / vocoder.sampling_rate}


def export_unet(unet, path: Path, fused: bool = True) -> None:
    """The example's length is odd so that the way up takes its lengths from the way down, and any length fits."""
    config, dtype = unet.config, unet.dtype
    if fused:
        unet.set_attn_processor(FusedProcessor())
    generator = torch.Generator().manual_seed(0)
    edge = 2 ** len(config.block_out_channels) + 1
    inputs = {'sample': torch.randn(2, config.in_channels, edge, edge + 2, generator=generator).to(dtype), 'timestep': torch.tensor(500.0),
              'class_labels': torch.randn(2, config.projection_class_embeddings_input_dim, generator=generator).to(dtype)}
    export(Unet(unet), inputs, ['out_sample'], path)


def export_text_tower(tower, path: Path) -> None:
    tower.set_attn_implementation('eager')
    ids = torch.full((2, 9), tower.config.pad_token_id + 3)
    axes = {0: 'batch', 1: 'length'}
    export(Tower(tower), {'input_ids': ids, 'attention_mask': torch.ones_like(ids)}, ['text_embeds'], path, {'input_ids': axes, 'attention_mask': axes, 'text_embeds': {0: 'batch'}})


def export_vocoder(vocoder, path: Path) -> None:
    example = torch.randn(2, 12, vocoder.config.model_in_dim, generator=torch.Generator().manual_seed(0)).to(vocoder.dtype)
    export(Vocoder(vocoder), {'spectrogram': example}, ['waveform'], path, {'spectrogram': {0: 'batch', 1: 'frames'}, 'waveform': {0: 'batch', 1: 'samples'}})


@torch.no_grad()
def no_prompt(pipeline) -> bytes:
    """The vector of an empty text, for conditioning that brings none."""
    given = pipeline.tokenizer('', return_tensors='pt')
    vector = pipeline.text_encoder(given.input_ids, attention_mask=given.attention_mask).text_embeds[0]
    return nn.functional.normalize(vector, dim=-1).numpy().astype('<f4').tobytes()


def write_bundle(pipeline, out: Path, dtype: str, fused: bool = True, identity: str | None = None, licence: str = 'NOASSERTION') -> dict:
    """Graphs, weights, tokenizer, settings in diffusers' layout, and the bundle.json over them; returns it."""
    made = BundleFolder(out, dtype)
    unet, vae, tower, vocoder, tokenizer = pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.vocoder, pipeline.tokenizer
    config = decoder_config(unet.config, vae.config, vocoder.config, dict(pipeline.scheduler.config), type(pipeline.scheduler).__name__) | {'unconditional': True}
    (out / 'no-prompt.f32').write_bytes(no_prompt(pipeline))
    made.file('audio-decoder', 'unconditional', 'no-prompt.f32')
    made.graph('prompt-encoder', 'model', 'text_encoder', lambda path: export_text_tower(tower.to(made.kind), path))
    made.tokenizer('prompt-encoder', tokenizer)
    made.graph('audio-decoder', 'unet', 'unet', lambda path: export_unet(unet.to(made.kind), path, fused))
    vae.to(made.kind)
    for part, key in (('vae_encoder', 'vaeEncoder'), ('vae_decoder', 'vaeDecoder')):
        made.graph('audio-decoder', key, part, lambda path, own=part: export_half(vae, path, own), small=True)
        vae.save_config(out / part)
    # A vocoder is all small convolutions, and each of its samples is heard.
    made.graph('audio-decoder', 'vocoder', 'vocoder', lambda path: export_vocoder(vocoder.to(made.kind), path), small=True)
    unet.save_config(out / 'unet')
    for part, model in (('text_encoder', tower), ('vocoder', vocoder)):
        model.config.save_pretrained(out / part)
    pipeline.scheduler.save_pretrained(out / 'scheduler')
    index = {key: value for key, value in pipeline.config.items() if key != '_name_or_path'} | {'_class_name': type(pipeline).__name__}
    (out / 'model_index.json').write_text(json.dumps(index, indent=2) + '\n')
    longest = min(tokenizer.model_max_length, tower.config.max_position_embeddings - tower.config.pad_token_id - 1)
    components = {
        'prompt-encoder': {'kind': 'output-projector', 'uses': 'clap-prompt', 'config': {'width': tower.config.projection_dim, 'maxTokens': longest}},
        'audio-decoder': {'kind': 'decoder', 'uses': 'audioldm', 'config': config},
        'audio-reader': {'kind': 'encoder', 'uses': 'loudness', 'config': {}}}
    return made.write(components, id=identity or out.name.lower(), title=f'AudioLDMPipeline, {dtype}', licence=licence, source='exported by training/export/audioldm.py',
                      inputs={'audio': {'encoder': 'audio-reader', 'projector': None}},
                      outputs={'audio': {'decoder': 'audio-decoder', 'sources': {'prompt': 'prompt-encoder'}, 'chat': 'caption'}})


def export_half(vae, path: Path, part: str) -> None:
    factor, channels = 2 ** (len(vae.config.block_out_channels) - 1), vae.config.latent_channels
    if part == 'vae_encoder':
        export(Encoder(vae), {'sample': torch.zeros(1, vae.config.in_channels, 4 * factor, 6 * factor, dtype=vae.dtype)}, ['latent_parameters'], path)
    else:
        export(Decoder(vae), {'latent_sample': torch.zeros(1, channels, 4, 6, dtype=vae.dtype)}, ['sample'], path, {'sample': {0: 'batch', 2: 'height', 3: 'width'}})


def main() -> None:
    parser = arguments('audioldm', 'AudioLDM to a bundle folder.')
    parser.add_argument('--plain', action='store_true', help='attention of plain operators, for WebGPU')
    given = parser.parse_args()
    write_bundle(load(given.source), given.out, given.dtype, not given.plain, given.id, given.licence)


if __name__ == '__main__':
    main()
