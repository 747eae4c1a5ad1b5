"""A single .safetensors checkpoint of Stable Diffusion as a pipeline, without a hub: the kind is told by its tensors' shapes.

Configs are diffusers' own for these checkpoints; the vocabulary comes from a folder. Knows nothing of graphs.
"""
import json
import tempfile
from pathlib import Path

from diffusers import StableDiffusionInpaintPipeline, StableDiffusionInstructPix2PixPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors import safe_open
from transformers import CLIPTextConfig, CLIPTokenizer

STEM = 'model.diffusion_model.input_blocks.0.0.weight'
CROSS = 'model.diffusion_model.input_blocks.{}.1.transformer_blocks.0.attn2.to_k.weight'
BETAS = {'num_train_timesteps': 1000, 'beta_start': 0.00085, 'beta_end': 0.012, 'beta_schedule': 'scaled_linear', 'steps_offset': 1}
VAE = {'_class_name': 'AutoencoderKL', 'block_out_channels': [128, 256, 512, 512], 'layers_per_block': 2, 'latent_channels': 4, 'in_channels': 3, 'out_channels': 3,
       'down_block_types': ['DownEncoderBlock2D'] * 4, 'up_block_types': ['UpDecoderBlock2D'] * 4, 'norm_num_groups': 32, 'act_fn': 'silu', 'sample_size': 512}
CROSS_DOWN, CROSS_UP = 'CrossAttnDownBlock2D', 'CrossAttnUpBlock2D'
UNET = {'_class_name': 'UNet2DConditionModel', 'out_channels': 4, 'layers_per_block': 2, 'norm_num_groups': 32, 'act_fn': 'silu', 'flip_sin_to_cos': True, 'freq_shift': 0,
        'block_out_channels': [320, 640, 1280, 1280], 'down_block_types': [CROSS_DOWN] * 3 + ['DownBlock2D'], 'up_block_types': ['UpBlock2D'] + [CROSS_UP] * 3}
TOWERS = {
    'l': dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, hidden_act='quick_gelu', projection_dim=768),
    'h': dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, hidden_act='gelu', projection_dim=512),
    'g': dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20, hidden_act='gelu', projection_dim=1280)}


def kind_of(path: Path) -> tuple[str, int]:
    """`1`, `2` or `xl`, and the channels of the UNet. Ends with the reason where it is none of them."""
    with safe_open(path, 'pt') as file:
        names = set(file.keys())
        if STEM not in names:
            raise SystemExit(f'{path.name}: no {STEM}; expected a checkpoint of Stable Diffusion with its UNet.')
        channels = file.get_slice(STEM).get_shape()[1]
        if any(name.startswith('conditioner.embedders.1.') for name in names):
            return 'xl', channels
        width = file.get_slice(CROSS.format(1)).get_shape()[1] if CROSS.format(1) in names else 0
    kinds = {768: '1', 1024: '2'}
    if width not in kinds:
        raise SystemExit(f'{path.name}: cross attention of {width}; expected 768 (1.x), 1024 (2.x) or two text towers (XL).')
    return kinds[width], channels


def settings(kind: str, channels: int, prediction: str) -> dict[str, dict]:
    unet = {**UNET, 'in_channels': channels, 'sample_size': {'1': 64, '2': 96 if prediction == 'v_prediction' else 64, 'xl': 128}[kind]}
    if kind == '1':
        return {'unet': {**unet, 'cross_attention_dim': 768, 'attention_head_dim': 8}, 'text_encoder': TOWERS['l'], 'vae': {**VAE, 'scaling_factor': 0.18215}}
    linear = {'use_linear_projection': True}
    if kind == '2':
        return {'unet': {**unet, **linear, 'cross_attention_dim': 1024, 'attention_head_dim': [5, 10, 20, 20]}, 'text_encoder': TOWERS['h'], 'vae': {**VAE, 'scaling_factor': 0.18215}}
    xl = {'block_out_channels': [320, 640, 1280], 'down_block_types': ['DownBlock2D', CROSS_DOWN, CROSS_DOWN], 'up_block_types': [CROSS_UP, CROSS_UP, 'UpBlock2D'],
          'cross_attention_dim': 2048, 'attention_head_dim': [5, 10, 20], 'transformer_layers_per_block': [1, 2, 10], 'addition_embed_type': 'text_time',
          'addition_time_embed_dim': 256, 'projection_class_embeddings_input_dim': 2816}
    return {'unet': {**unet, **linear, **xl}, 'text_encoder': TOWERS['l'], 'text_encoder_2': TOWERS['g'], 'vae': {**VAE, 'sample_size': 1024, 'scaling_factor': 0.13025}}


def load_single_file(path: Path, tokenizer: Path | None, prediction: str | None = None):
    """Throws SystemExit for a checkpoint or a vocabulary that is not there."""
    if tokenizer is None or not (tokenizer / 'vocab.json').is_file() or not (tokenizer / 'merges.txt').is_file():
        raise SystemExit(f'{path.name}: a single file holds no vocabulary; give --tokenizer FOLDER with vocab.json and merges.txt of CLIP.')
    kind, channels = kind_of(path)
    prediction = prediction or 'epsilon'
    classes = {4: StableDiffusionXLPipeline if kind == 'xl' else StableDiffusionPipeline, 9: StableDiffusionInpaintPipeline, 8: StableDiffusionInstructPix2PixPipeline}
    if channels not in classes or (kind == 'xl' and channels != 4):
        raise SystemExit(f'{path.name}: a UNet of {channels} channels is not offered; expected 4, 8 (InstructPix2Pix) or 9 (inpainting).')
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        index = {'_class_name': classes[channels].__name__, 'scheduler': ['diffusers', 'DDIMScheduler'], 'unet': ['diffusers', 'UNet2DConditionModel'], 'vae': ['diffusers', 'AutoencoderKL']}
        for part, config in settings(kind, channels, prediction).items():
            (work / part).mkdir()
            if not part.startswith('text'):
                (work / part / 'config.json').write_text(json.dumps(config))
                continue
            projected = part == 'text_encoder_2'
            name = 'CLIPTextModelWithProjection' if projected else 'CLIPTextModel'
            CLIPTextConfig(**config, vocab_size=49408, max_position_embeddings=77, architectures=[name]).save_pretrained(work / part)
            suffix = part.removeprefix('text_encoder')
            pad = '<|endoftext|>' if suffix == '' and kind != '2' else '!'
            CLIPTokenizer(str(tokenizer / 'vocab.json'), str(tokenizer / 'merges.txt'), pad_token=pad, model_max_length=77).save_pretrained(work / f'tokenizer{suffix}')
            index |= {part: ['transformers', name], f'tokenizer{suffix}': ['transformers', 'CLIPTokenizer']}
        (work / 'scheduler').mkdir()
        scheduler = {'_class_name': 'DDIMScheduler', **BETAS, 'clip_sample': False, 'set_alpha_to_one': False, 'prediction_type': prediction}
        (work / 'scheduler' / 'scheduler_config.json').write_text(json.dumps(scheduler))
        (work / 'model_index.json').write_text(json.dumps(index))
        none = {} if kind == 'xl' else {'safety_checker': None}
        return classes[channels].from_single_file(str(path), config=str(work), local_files_only=True, **none)
