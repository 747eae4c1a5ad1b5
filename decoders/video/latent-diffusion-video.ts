// The factory `latent-diffusion-video`: conditioning tokens to a video whose first frame a decoder of pictures draws, or a picture gives,
// and whose further frames are differences from it, made by diffusion over space and time. Knows no prompt and no projector.
// Source: latents of frames as in Blattmann et al. 2023 (arXiv 2304.08818); given videos: Meng et al. 2022 (arXiv 2108.01073).

import { checkFormat, encodeVideo } from '../../media/index.ts';
import type { Conditioning, Context, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Provenance } from '../../src/contracts.ts';
import { checkSchema } from '../../src/schema.ts';
import { guidanceOf, provenanceWith } from '../diffusion/conditioning.ts';
import { requireOptions } from '../diffusion/settings.ts';
import { reported } from '../diffusion/trajectory.ts';
import { drawBest, stepsOfBest } from '../image/draw.ts';
import type { Drawings } from '../image/draw.ts';
import { previewOf } from '../image/preview.ts';
import { schedulersFor } from '../schedulers/index.ts';
import { decodeFrames } from './frames.ts';
import { openVideoGraphs } from './graphs.ts';
import type { VideoGraphs } from './graphs.ts';
import { joinSound } from './join.ts';
import { drawMotion, motionSteps } from './motion.ts';
import type { MotionPlan } from './motion.ts';
import { configSchema, FACTORY, frameElements, optionsSchema, readConfig } from './settings.ts';
import type { VideoDecoderConfig, VideoOptions } from './settings.ts';
import { readSource } from './sources.ts';

/** How often a motion is drawn that comes to nothing, each time from other noise. */
const ATTEMPTS = 3;

/** Mean difference of latents (deviation 1) below which two frames look the same. */
const STILL = 0.02;

/** Files: `transformer`, and those of the decoder of pictures: `imageTransformer`, `latentEncoder`, `latentDecoder`; `still` where the config has it. */
export const latentDiffusionVideo: Factory<'decoder'> = {
  kind: 'decoder',
  name: FACTORY,
  config: configSchema,
  ports(given) {
    const config = readConfig(given);
    return { in: { tokens: config.tokens }, out: { frames: [null, frameElements(config)], times: [null] } };
  },
  async open(source) {
    const config = readConfig(source.config);
    return createVideoDecoder(config, await openVideoGraphs(source, config));
  },
};

/** A decoder over open graphs, which it owns. */
export function createVideoDecoder(config: VideoDecoderConfig, graphs: VideoGraphs): Decoder {
  const options = optionsSchema(config);
  return {
    modality: 'video',
    options,
    references: ['edit', 'follow'],
    follows: ['image'],
    negative: true,
    join: joinSound,
    async check(_references, _context, given = null) {
      if (given !== null) await checkFormat(requireOptions(checkSchema<VideoOptions>(options, given, 'video')).format);
    },
    dispose: async () => graphs.release(),
    async *decode(request, context) {
      const checked = requireOptions(checkSchema<VideoOptions>(options, request.options, 'video'));
      await checkFormat(checked.format);
      yield* decodeVideoRequest(config, graphs, request, checked, context);
    },
  };
}

/**
 * The noise of the first frame is drawn from the job's generator before anything else, as the decoder of pictures does, so that one seed
 * gives both the same picture. The noise of the motion comes from the fork `motion`, one window after another: it does not depend on how
 * the first frame came about, and more frames leave the first ones as they are. A motion that comes to nothing is drawn again from what follows.
 */
async function* decodeVideoRequest(config: VideoDecoderConfig, graphs: VideoGraphs, request: DecodeRequest, options: VideoOptions, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const { image } = config;
  const { random, signal } = context;
  const eps = random.normal(frameElements(config));
  const noise = random.fork('motion');
  const source = await readSource(request.references, config, graphs.image, options, context);
  const edited = source.frames.length > 0;
  if (!edited && options.strength !== config.strength) context.warn('strength_unused', 'strength has no effect without a video to edit.');
  // The first frame has a guidance scale of its own, so that a scale of 1 leaves a negative prompt without effect only where none is drawn.
  const guidance = guidanceOf(FACTORY, config, request, options, source.picture === null ? { ...context, warn: () => undefined } : context);
  const drawing: Drawings = {
    ...guidance,
    // An edit is told in an instruction, which names no motion.
    tokens: edited ? guidance.tokens : await graphs.stillTokens(guidance.tokens),
    guidanceScale: image.guidanceScale,
    scheduler: schedulersFor(image.prediction)[0]!,
    steps: image.steps,
    source: source.frames[0] === undefined ? null : { latents: source.frames[0], mask: null },
    strength: options.strength,
    eps,
    random,
    index: 0,
    candidates: options.candidates ?? 1,
    signal,
  };
  if (image.candidates !== undefined && drawing.candidates !== image.candidates.count && (drawing.source !== null || source.picture !== null)) context.warn('candidates_unused', 'candidates has no effect where the first frame is given.');
  const plan: MotionPlan = { steps: options.steps, strength: options.strength, count: options.frames, given: source.frames };
  const { previewEvery, scheduler } = options;
  const done = source.picture === null ? stepsOfBest(image, drawing) : 0;
  const among = { done: 0, steps: done + motionSteps(config, plan) };

  const first = source.picture ?? (yield* reported(drawBest(image, graphs.image, graphs.likeness, drawing), { previewEvery, preview: async (x_0) => previewOf(image, graphs.image, [x_0]), among }));
  const motion = { ...guidance, ...plan, scheduler, first, draw: (count: number) => noise.normal(count), signal };
  const previewing = { previewEvery, preview: async (frames: readonly Float32Array[]) => previewOf(image, graphs.image, outline(frames)), done };
  let latents: readonly Float32Array[] = [];
  // Where the words name no motion, noise can lead to none: another noise seldom does. Of a given still video it may be right.
  const attempts = edited && isStill(source.frames) ? 1 : ATTEMPTS;
  for (let attempt = 0; attempt === 0 || (attempt < attempts && isStill(latents)); attempt += 1) latents = yield* drawMotion(config, graphs, motion, previewing);
  if (isStill(latents)) context.warn('still', 'nothing moves in this video; name a motion in the prompt or try another seed.');

  const video = { ...(await decodeFrames(config, graphs.image, latents, options.width, signal)), fps: options.fps };
  const media = await encodeVideo(video, { format: options.format, provenance: provenanceWith(request.provenance, options, settingsOf(options, edited)), mark: true });
  yield { type: 'media', media, companion: companionOf(latents, options.fps) };
}

/** Whether no frame differs from the first one by what could be seen. */
function isStill(latents: readonly Float32Array[]): boolean {
  return latents.every((frame) => frame.reduce((sum, value, at) => sum + Math.abs(value - latents[0]![at]!), 0) / frame.length < STILL);
}

/** First, middle and last frame: enough to see what moves. */
function outline(frames: readonly Float32Array[]): Float32Array[] {
  return [frames[0]!, frames[Math.floor(frames.length / 2)]!, frames.at(-1)!];
}

/** What a sound that goes with the video is made after: the latents of each frame, and when it is seen, in seconds. */
function companionOf(latents: readonly Float32Array[], fps: number): Conditioning {
  const width = latents[0]!.length;
  const data = new Float32Array(latents.length * width);
  latents.forEach((frame, index) => data.set(frame, index * width));
  return { frames: { shape: [latents.length, width], data }, times: { shape: [latents.length], data: Float32Array.from(latents, (_, index) => index / fps) } };
}

/** The settings that determine the video. */
function settingsOf({ frames, fps, width, steps, guidanceScale, scheduler, strength, format, candidates }: VideoOptions, edited: boolean): Provenance {
  return { frames, fps, width, steps, guidanceScale, scheduler, ...(edited && { strength }), ...(candidates !== undefined && { candidates }), format };
}
