// What the configs of diffusers' parts mean for the decoder `stable-diffusion`: its task, widths, schedulers and defaults.
// Knows the meaning of keys; reads no file.

/** A JSON file of the layout. */
export type Settings = Readonly<Record<string, unknown>>;

type Task = 'generate' | 'inpaint' | 'instruct';

/** Pipelines that are offered, with what their UNets are shown. An inpainting pipeline over a UNet of 4 channels generates. */
export const tasks: Readonly<Record<string, Task>> = {
  StableDiffusionPipeline: 'generate',
  StableDiffusionImg2ImgPipeline: 'generate',
  StableDiffusionInpaintPipeline: 'inpaint',
  StableDiffusionInstructPix2PixPipeline: 'instruct',
  StableDiffusionXLPipeline: 'generate',
  StableDiffusionXLImg2ImgPipeline: 'generate',
  StableDiffusionXLInpaintPipeline: 'inpaint',
};

/** Our schedulers by the class in `scheduler_config.json`. */
export const schedulers: Readonly<Record<string, string>> = {
  PNDMScheduler: 'pndm',
  DDIMScheduler: 'ddim',
  EulerDiscreteScheduler: 'euler',
  EulerAncestralDiscreteScheduler: 'euler-ancestral',
  DPMSolverMultistepScheduler: 'dpm-solver',
  LCMScheduler: 'lcm',
};

/**
 * Latents to RGB in -1..1, by the autoencoder's scaling factor: the linear fits that ComfyUI previews with (comfy/latent_formats.py).
 */
const previews: Readonly<Record<string, readonly (readonly number[])[]>> = {
  '0.18215': [[0.3512, 0.2297, 0.3227], [0.325, 0.4974, 0.235], [-0.2829, 0.1762, 0.2721], [-0.212, -0.2616, -0.7177]],
  '0.13025': [[0.392, 0.4054, 0.4549], [-0.2634, -0.0196, 0.0653], [0.0568, 0.1687, -0.0755], [-0.3112, -0.2359, -0.2076]],
};

interface Parts {
  readonly task: Task;
  readonly unet: Settings;
  readonly vae: Settings;
  readonly scheduler: Settings;
  readonly edits: boolean;
  readonly tinyDecoder: boolean;
}

/** The decoder's config, and what has to be said of it. */
export function decoderConfig({ task, unet, vae, scheduler, edits, tinyDecoder }: Parts): { readonly config: Settings; readonly note: string | null } {
  const named = typeof scheduler['_class_name'] === 'string' ? scheduler['_class_name'] : 'none';
  const own = schedulers[named] ?? 'ddim';
  const settings = camelCase(scheduler);
  const latentChannels = numberOf(vae['latent_channels'], 4);
  const levels = Array.isArray(vae['block_out_channels']) ? vae['block_out_channels'].length : 4;
  const factor = 2 ** (levels - 1);
  const scalingFactor = numberOf(vae['scaling_factor'], 0.18215);
  const edge = numberOf(unet['sample_size'], 64) * factor;
  const xl = unet['addition_embed_type'] === 'text_time';
  // Distilled models say so by their schedule alone: Turbo steps begin at the last trained one, LCM has a sampler of its own.
  const turbo = scheduler['timestep_spacing'] === 'trailing' && named.startsWith('Euler') && scheduler['rescale_betas_zero_snr'] !== true;
  const distilled = turbo || own === 'lcm';
  const channels = numberOf(unet['in_channels'], 4);
  const config = {
    task: task === 'inpaint' && channels === latentChannels ? 'generate' : task,
    tokenWidth: unet['cross_attention_dim'],
    pooledWidth: xl ? numberOf(unet['projection_class_embeddings_input_dim'], 0) - 6 * numberOf(unet['addition_time_embed_dim'], 0) : null,
    latentChannels,
    factor,
    scalingFactor,
    shiftFactor: numberOf(vae['shift_factor'], 0),
    size: [edge, edge],
    minSize: Math.min(64, edge),
    // Optimum traces the UNet at a size that every level halves; others would not fit together on the way up.
    multiple: factor * 2 ** ((Array.isArray(unet['block_out_channels']) ? unet['block_out_channels'].length : 4) - 1),
    prediction: scheduler['prediction_type'] ?? 'epsilon',
    scheduler: own,
    schedulers: Object.fromEntries(Object.values(schedulers).map((name) => [name, settings])),
    steps: turbo ? 1 : own === 'lcm' ? 4 : task === 'instruct' ? 100 : 50,
    guidanceScale: distilled ? 1 : xl ? 5 : 7.5,
    edits,
    tinyDecoder,
    tile: numberOf(vae['sample_size'], 512),
    ...(latentChannels === 4 && previews[String(scalingFactor)] !== undefined && { preview: { matrix: previews[String(scalingFactor)], offset: [0, 0, 0] } }),
  };
  return { config, note: schedulers[named] === undefined ? `Its scheduler ${named} is not offered; ddim takes its place.` : null };
}

/** Settings as our schedulers name them; null is left to the default. */
export function camelCase(settings: Settings): Settings {
  const kept = Object.entries(settings).filter(([key, value]) => !key.startsWith('_') && value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), value]));
}

export function numberOf(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}
