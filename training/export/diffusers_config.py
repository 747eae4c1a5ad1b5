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


def camel(settings: dict) -> dict:
    """As our schedulers name them; what is none, or no number of JSON, is left to the default."""
    return {re.sub(r'_(.)', lambda m: m[1].upper(), key): value for key, value in settings.items()
            if not key.startswith('_') and value is not None and not (isinstance(value, float) and not math.isfinite(value))}


def decoder_config(pipeline: str, unet, vae, scheduler: dict, scheduler_class: str, tiny: bool) -> dict:
    own, task = SCHEDULERS.get(scheduler_class, 'ddim'), TASKS[pipeline]
    settings, xl = camel(scheduler), unet.addition_embed_type == 'text_time'
    factor = 2 ** (len(vae.block_out_channels) - 1)
    edge = unet.sample_size * factor
    turbo = scheduler.get('timestep_spacing') == 'trailing' and scheduler_class.startswith('Euler') and not scheduler.get('rescale_betas_zero_snr')
    return {
        'task': 'generate' if task == 'inpaint' and unet.in_channels == vae.latent_channels else task, 'tokenWidth': unet.cross_attention_dim,
        'pooledWidth': unet.projection_class_embeddings_input_dim - 6 * unet.addition_time_embed_dim if xl else None, 'latentChannels': vae.latent_channels, 'factor': factor,
        'scalingFactor': vae.scaling_factor, 'shiftFactor': getattr(vae, 'shift_factor', None) or 0, 'size': [edge, edge], 'minSize': min(64, edge), 'multiple': factor,
        'prediction': scheduler.get('prediction_type', 'epsilon'), 'scheduler': own, 'schedulers': {name: settings for name in SCHEDULERS.values()},
        'steps': 1 if turbo else 4 if own == 'lcm' else 100 if task == 'instruct' else 50, 'guidanceScale': 1 if turbo or own == 'lcm' else 5 if xl else 7.5,
        'edits': True, 'tinyDecoder': tiny}


def tower_config(config, tokenizer, two_towers: bool) -> dict:
    """Of two towers the states before the last layer count, and the projected vector of the one that has it."""
    projected = two_towers and 'CLIPTextModelWithProjection' in (config.architectures or [])
    return {'width': config.hidden_size, 'length': config.max_position_embeddings, 'begin': tokenizer.bos_token, 'end': tokenizer.eos_token, 'pad': tokenizer.pad_token,
            **({'states': f'hidden_states.{config.num_hidden_layers - 1}'} if two_towers else {}),
            **({'pooled': {'output': 'text_embeds', 'width': config.projection_dim}} if projected else {})}
