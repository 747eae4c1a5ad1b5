"""What the configs of diffusers' parts mean for the factories `stable-diffusion` and `clip-prompt`; as src/bundle/diffusers-decoder.ts reads folders.

Knows keys and their meaning; reads no file.
"""
import math
import re

#: What the UNet of a pipeline is shown beside the sample.
TASKS = {'StableDiffusionPipeline': 'generate', 'StableDiffusionImg2ImgPipeline': 'generate', 'StableDiffusionInpaintPipeline': 'inpaint',
         'StableDiffusionInstructPix2PixPipeline': 'instruct', 'StableDiffusionXLPipeline': 'generate', 'StableDiffusionXLImg2ImgPipeline': 'generate',
         'StableDiffusionXLInpaintPipeline': 'inpaint', 'StableUnCLIPImg2ImgPipeline': 'generate'}
SCHEDULERS = {'PNDMScheduler': 'pndm', 'DDIMScheduler': 'ddim', 'EulerDiscreteScheduler': 'euler', 'EulerAncestralDiscreteScheduler': 'euler-ancestral',
              'DPMSolverMultistepScheduler': 'dpm-solver', 'LCMScheduler': 'lcm'}

#: Latents to RGB in -1..1, by the autoencoder's scaling factor: the linear fits that ComfyUI previews with (comfy/latent_formats.py).
PREVIEWS = {'0.18215': [[0.3512, 0.2297, 0.3227], [0.325, 0.4974, 0.235], [-0.2829, 0.1762, 0.2721], [-0.212, -0.2616, -0.7177]],
            '0.13025': [[0.392, 0.4054, 0.4549], [-0.2634, -0.0196, 0.0653], [0.0568, 0.1687, -0.0755], [-0.3112, -0.2359, -0.2076]]}


def chosen(config) -> dict:
    """Settings of a scheduler without those that its class filled in: another scheduler has defaults of its own for them."""
    filled = config.get('_use_default_values', [])
    return {key: value for key, value in config.items() if key not in filled}


def camel(settings: dict) -> dict:
    """As our schedulers name them; what is none, or no number of JSON, is left to the default."""
    return {re.sub(r'_(.)', lambda m: m[1].upper(), key): value for key, value in settings.items()
            if not key.startswith('_') and value is not None and not (isinstance(value, float) and not math.isfinite(value))}


def settings_by_scheduler(scheduler: dict, own: str) -> dict:
    """Settings for each scheduler as diffusers' `from_config` passes them on: what a model's own one only has by default, another does not take over."""
    assumed = scheduler.get('_use_default_values') or ()
    passed = {key: value for key, value in scheduler.items() if key not in assumed}
    return {name: camel(scheduler if name == own else passed) for name in SCHEDULERS.values()}


def decoder_config(pipeline: str, unet, vae, scheduler: dict, scheduler_class: str, tiny: bool) -> dict:
    own, task = SCHEDULERS.get(scheduler_class, 'ddim'), TASKS[pipeline]
    settings, xl = camel(scheduler), unet.addition_embed_type == 'text_time'
    factor = 2 ** (len(vae.block_out_channels) - 1)
    edge = unet.sample_size * factor
    preview = PREVIEWS.get(str(vae.scaling_factor)) if vae.latent_channels == 4 else None
    turbo = scheduler.get('timestep_spacing') == 'trailing' and scheduler_class.startswith('Euler') and not scheduler.get('rescale_betas_zero_snr')
    return {
        'task': 'generate' if task == 'inpaint' and unet.in_channels == vae.latent_channels else task, 'tokenWidth': unet.cross_attention_dim,
        'pooledWidth': unet.projection_class_embeddings_input_dim - 6 * unet.addition_time_embed_dim if xl else None, 'latentChannels': vae.latent_channels, 'factor': factor,
        'scalingFactor': vae.scaling_factor, 'shiftFactor': getattr(vae, 'shift_factor', None) or 0, 'size': [edge, edge], 'minSize': min(64, edge), 'multiple': factor,
        'prediction': scheduler.get('prediction_type', 'epsilon'), 'scheduler': own, 'schedulers': {name: settings for name in SCHEDULERS.values()},
        'steps': 1 if turbo else 4 if own == 'lcm' else 100 if task == 'instruct' else 50, 'guidanceScale': 1 if turbo or own == 'lcm' else 5 if xl else 7.5,
        'edits': True, 'tinyDecoder': tiny, 'tile': vae.sample_size, **({} if preview is None else {'preview': {'matrix': preview, 'offset': [0, 0, 0]}})}


def tower_config(config, tokenizer, two_towers: bool) -> dict:
    """Of two towers the states before the last layer count, and the projected vector of the one that has it."""
    projected = two_towers and 'CLIPTextModelWithProjection' in (config.architectures or [])
    return {'width': config.hidden_size, 'length': config.max_position_embeddings, 'begin': tokenizer.bos_token, 'end': tokenizer.eos_token, 'pad': tokenizer.pad_token,
            **({'states': f'hidden_states.{config.num_hidden_layers - 1}'} if two_towers else {}),
            **({'pooled': {'output': 'text_embeds', 'width': config.projection_dim}} if projected else {})}
