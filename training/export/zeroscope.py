"""Zeroscope and other text-to-video models of diffusers' TextToVideoSDPipeline to a bundle folder.

Usage: python -m training.export.zeroscope SOURCE OUT [--dtype fp32|fp16|int8|int4] [--size 576x320] [--frames 24] [--fps 8] [--tiny FOLDER] [--id ID] [--licence SPDX] [--plain]
SOURCE is a local diffusers folder or the id of a repository on the hub. Knows nothing of TypeScript.
"""
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, TextToVideoSDPipeline

from .bundle_folder import BundleFolder, arguments
from .checkpoint import has_safetensors, pipeline_name
from .diffusers_config import PREVIEWS, SCHEDULERS, camel, chosen, tower_config
from .diffusers_graphs import export_decoder, export_encoder, export_tower
from .sources import folder_of
from .video_graphs import export_unet_3d

READER, DECODER = 'prompt-encoder', 'video-decoder'
PARTS = ('unet', 'vae', 'text_encoder')
PIPELINES = ('TextToVideoSDPipeline', 'VideoToVideoSDPipeline')


def load(source: str | Path) -> TextToVideoSDPipeline:
    """The pipeline with float32 weights. Ends with the reason for what is no known checkpoint."""
    folder = folder_of(str(source), 'model_index.json')
    pipeline_name(folder, PIPELINES)
    # Archives of torch are read as tensors alone (`weights_only`), which runs no code of theirs.
    return TextToVideoSDPipeline.from_pretrained(folder, use_safetensors=has_safetensors(folder, PARTS), local_files_only=True, torch_dtype=torch.float32)


def decoder_config(pipeline, size: tuple[int, int] | None, frames: int, fps: int, tiny: bool) -> dict:
    unet, vae, scheduler = pipeline.unet.config, pipeline.vae.config, chosen(pipeline.scheduler.config)
    factor = 2 ** (len(vae.block_out_channels) - 1)
    edge = (unet.sample_size or 32) * factor
    own, settings = SCHEDULERS.get(type(pipeline.scheduler).__name__, 'ddim'), camel(scheduler)
    preview = PREVIEWS.get(str(vae.scaling_factor)) if vae.latent_channels == 4 else None
    return {
        'tokenWidth': unet.cross_attention_dim, 'latentChannels': vae.latent_channels, 'factor': factor, 'scalingFactor': vae.scaling_factor, 'shiftFactor': vae.get('shift_factor') or 0,
        'size': list(size or (edge, edge)), 'minSize': min(64, *(size or (edge, edge))), 'multiple': factor, 'frames': frames, 'fps': fps, 'tile': vae.sample_size,
        'prediction': scheduler.get('prediction_type', 'epsilon'), 'scheduler': own, 'schedulers': {name: settings for name in SCHEDULERS.values()},
        'steps': 50, 'guidanceScale': 9, 'edits': True, 'tinyDecoder': tiny, 'unconditional': True, **({} if preview is None else {'preview': {'matrix': preview, 'offset': [0, 0, 0]}})}


def write_bundle(pipeline, out: Path, dtype: str, size: tuple[int, int] | None = None, frames: int = 16, fps: int = 8, tiny: Path | None = None, fused: bool = True,
                 identity: str | None = None, licence: str = 'NOASSERTION') -> dict:
    """Graphs, weights, the tokenizer and the bundle.json over them; returns it."""
    folder = BundleFolder(out, dtype)
    unet, vae, tower, tokenizer, kind = pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.tokenizer, folder.kind
    write_no_prompt(tower, tokenizer, out / 'no-prompt.f32')
    folder.graph(READER, 'model', 'text_encoder', lambda path: export_tower(tower.to(kind), path, 'last_hidden_state', False))
    tokenizer.save_pretrained(out / 'tokenizer')
    folder.file(READER, 'vocabulary', 'tokenizer/vocab.json')
    folder.file(READER, 'merges', 'tokenizer/merges.txt')
    folder.graph(DECODER, 'unet', 'unet', lambda path: export_unet_3d(unet.to(kind), path, fused))
    # The autoencoder is small and shows every rounding; it stays whole.
    vae.to(torch.float32 if vae.config.get('force_upcast') else kind)
    folder.graph(DECODER, 'vaeEncoder', 'vae_encoder', lambda path: export_encoder(vae, path), small=True)
    folder.graph(DECODER, 'vaeDecoder', 'vae_decoder', lambda path: export_decoder(vae, path), small=True)
    if tiny is not None:
        rough = AutoencoderTiny.from_pretrained(tiny, use_safetensors=True, local_files_only=True)
        folder.graph(DECODER, 'tinyDecoder', 'tiny_decoder', lambda path: export_decoder(rough, path), small=True)
    folder.file(DECODER, 'unconditional', 'no-prompt.f32')
    return folder.write(
        {READER: {'kind': 'output-projector', 'uses': 'clip-prompt', 'config': {'towers': [tower_config(tower.config, tokenizer, False)]}},
         DECODER: {'kind': 'decoder', 'uses': 'zeroscope', 'config': decoder_config(pipeline, size, frames, fps, tiny is not None)},
         'video-reader': {'kind': 'encoder', 'uses': 'video-thumbnail', 'config': {}}},
        id=identity or out.name.lower(), title=f'TextToVideoSDPipeline, {dtype}', licence=licence, source='exported by training/export/zeroscope.py',
        inputs={'video': {'encoder': 'video-reader', 'projector': None}}, outputs={'video': {'decoder': DECODER, 'sources': {'prompt': READER}, 'chat': 'caption'}})


@torch.no_grad()
def write_no_prompt(tower, tokenizer, path: Path) -> None:
    """Tokens of no prompt, for conditioning that comes from elsewhere than the text tower."""
    ids = tokenizer('', padding='max_length', max_length=tokenizer.model_max_length, truncation=True, return_tensors='pt').input_ids
    path.write_bytes(tower(ids).last_hidden_state[0].float().numpy().astype('<f4').tobytes())


def size_of(text: str) -> tuple[int, int]:
    width, height = (int(number) for number in text.split('x'))
    return width, height


def main() -> None:
    parser = arguments('zeroscope', 'Text-to-video models to a bundle folder.')
    parser.add_argument('--size', type=size_of, help="default size, such as 576x320; the UNet's by default")
    parser.add_argument('--frames', type=int, default=16, help='default length')
    parser.add_argument('--fps', type=int, default=8, help='default frames a second')
    parser.add_argument('--tiny', type=Path, help='folder of a tiny autoencoder (AutoencoderTiny), for previews')
    parser.add_argument('--plain', action='store_true', help='attention of plain operators, for WebGPU')
    given = parser.parse_args()
    write_bundle(load(given.source), given.out, given.dtype, given.size, given.frames, given.fps, given.tiny, not given.plain, given.id, given.licence)


if __name__ == '__main__':
    main()
