// Measures the decoder of videos: `node bench/video.ts [BUNDLE FOLDER]`, by default models/nano, else the tiny graphs.
// Prints sixteen frames as a whole and in parts, the first preview, cold start and peak memory.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { latentDiffusionImage } from '../decoders/image/latent-diffusion-image.ts';
import { decodeFrames } from '../decoders/video/frames.ts';
import { openVideoGraphs } from '../decoders/video/graphs.ts';
import { latentDiffusionVideo } from '../decoders/video/latent-diffusion-video.ts';
import { frameElements, readConfig } from '../decoders/video/settings.ts';
import { encodeVideo } from '../media/index.ts';
import type { ComponentSource, Context, DecodeRequest } from '../src/contracts.ts';
import { createRandom } from '../src/runtime/random.ts';
import { machine, median, milliseconds, printTable, timed } from './table.ts';

type Component = { uses: string; files: Record<string, { path: string }>; config: Record<string, unknown> };
type Cold = { openMs: number; totalMs: number; openMegabytes: number; peakMegabytes: number; besideMegabytes: number };

const FRAMES = 16;
const ROUNDS = 5;

const [given, mode] = process.argv.slice(2);
const folder = given ?? fileURLToPath(new URL('../models/nano', import.meta.url));
const { title, video, image } = componentsOf(folder);

if (mode === '--cold') console.log(JSON.stringify(await coldStart()));
else await report();

async function report(): Promise<void> {
  const runs = [1, 2, 3].map((): Cold => JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), folder, '--cold'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })));
  const decoder = await latentDiffusionVideo.open(video);
  try {
    const whole: number[] = [];
    const firstPreview: number[] = [];
    const picture: number[] = [];
    const motion: number[] = [];
    let previewStep = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const begun = performance.now();
      const ends: number[] = [];
      for await (const event of decoder.decode(request({ frames: FRAMES, format: 'mp4' }), context())) if (event.type === 'progress') ends.push(performance.now());
      whole.push(performance.now() - begun);
      const drawn = ends[config().image.steps - 1]!;
      picture.push(drawn - begun);
      motion.push((ends.at(-1)! - drawn) / (ends.length - config().image.steps));
      firstPreview.push(await timed(async () => {
        for await (const event of decoder.decode(request({ previewEvery: 4 }), context())) {
          if (event.type !== 'preview') continue;
          previewStep = event.step;
          return;
        }
      }));
    }
    const { decodeMs, encodeMs } = await parts();
    printTable(`Decoder of videos, ${title}: ${machine(cpus(), process.version)}`, [
      [`${FRAMES} frames as mp4`, milliseconds(median(whole)), `from the request, warm, median of ${ROUNDS}; floor 10 s`],
      ['first frame', milliseconds(median(picture)), `${config().image.steps} steps of the decoder of pictures, guided`],
      ['step of the motion', milliseconds(median(motion)), `${config().guidanceScale === 1 ? 'batch 1' : 'batch 2 (guided)'}, ${config().steps} a window of ${config().frames} frames`],
      ['latents to pixels', milliseconds(decodeMs), `${FRAMES} frames`],
      ['pixels to mp4', milliseconds(encodeMs), `${FRAMES} frames`],
      ['first preview', milliseconds(median(firstPreview)), `after step ${previewStep}, from the request, warm`],
      ['cold start: graphs open', milliseconds(median(runs.map((run) => run.openMs))), 'median of 3 new processes'],
      ['cold start: whole', milliseconds(median(runs.map((run) => run.totalMs))), `from the start of the process to the mp4 of ${FRAMES} frames`],
      ['memory: graphs open', megabytes(runs.map((run) => run.openMegabytes)), 'resident, of a process with this decoder alone'],
      ['memory: decoder of pictures', megabytes(runs.map((run) => run.besideMegabytes)), 'more when it is opened beside: its files are open already'],
      ['peak memory', megabytes(runs.map((run) => run.peakMegabytes)), `resident, ${FRAMES} frames made, of that process`],
    ]);
  } finally {
    await decoder.dispose();
  }
}

/** Opens everything and makes one video in this process, which did nothing before. */
async function coldStart(): Promise<Cold> {
  let decoder: Awaited<ReturnType<typeof latentDiffusionVideo.open>> | null = null;
  const openMs = await timed(async () => (decoder = await latentDiffusionVideo.open(video)));
  const openMegabytes = process.memoryUsage().rss / 2 ** 20;
  const beside = await latentDiffusionImage.open(image);
  const besideMegabytes = process.memoryUsage().rss / 2 ** 20 - openMegabytes;
  await beside.dispose();
  for await (const event of decoder!.decode(request({ frames: FRAMES, format: 'mp4' }), context())) void event;
  const totalMs = performance.now();
  await decoder!.dispose();
  return { openMs, totalMs, openMegabytes, besideMegabytes, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}

/** What comes after the last step, part by part. */
async function parts(): Promise<{ decodeMs: number; encodeMs: number }> {
  const graphs = await openVideoGraphs(video, config());
  try {
    const latents = Array.from({ length: FRAMES }, (_, index) => createRandom(index).normal(frameElements(config())));
    const decoded = await decodeFrames(config(), graphs.image, latents, 128, new AbortController().signal);
    const decodeMs = await timed(async () => decodeFrames(config(), graphs.image, latents, 128, new AbortController().signal));
    const encodeMs = await timed(async () => encodeVideo({ ...decoded, fps: config().fps }, { format: 'mp4', provenance: null, mark: true }));
    return { decodeMs, encodeMs };
  } finally {
    await graphs.release();
  }
}

function config(): ReturnType<typeof readConfig> {
  return readConfig(video.config);
}

function megabytes(values: readonly number[]): string {
  return `${median(values).toFixed(0)} MB`;
}

function request(options: Readonly<Record<string, unknown>>): DecodeRequest {
  const shape = config().tokens;
  const tokens = { shape, data: createRandom(1).normal(shape[0] * shape[1]) };
  return { conditioning: { tokens }, negative: null, references: [], companions: {}, options, provenance: null };
}

function context(): Context {
  return { signal: new AbortController().signal, random: createRandom(0), warn: () => undefined };
}

/** The decoders of videos and of pictures of a bundle, or the tiny graphs where the folder holds no bundle with both. */
function componentsOf(path: string): { title: string; video: ComponentSource; image: ComponentSource } {
  const root = resolve(path);
  const manifest = join(root, 'bundle.json');
  if (existsSync(manifest)) {
    const bundle: { id: string; components: Record<string, Component> } = JSON.parse(readFileSync(manifest, 'utf8'));
    const sourceOf = (uses: string): ComponentSource | undefined =>
      Object.entries(bundle.components)
        .filter(([, component]) => component.uses === uses)
        .map(([name, component]): ComponentSource => ({ name, config: component.config, device: 'cpu', path: (key) => join(root, component.files[key]?.path ?? key) }))[0];
    const [found, drawing] = [sourceOf(latentDiffusionVideo.name), sourceOf(latentDiffusionImage.name)];
    if (found !== undefined && drawing !== undefined) return { title: bundle.id, video: found, image: drawing };
  }
  const paths: Readonly<Record<string, string>> = { transformer: 'video/transformer', imageTransformer: 'image/transformer', latentEncoder: 'image/latent-encoder', latentDecoder: 'image/latent-decoder' };
  const tiny = (key: string): string => fileURLToPath(new URL(`../test/fixtures/tiny/${paths[key]}.onnx`, import.meta.url));
  const drawing = { latent: [4, 16, 16], factor: 8, tokens: [16, 24], prediction: 'flow', timestepScale: 0.001, steps: 20, guidanceScale: 3 };
  const moving = { image: drawing, frames: 16, fps: 8, differenceScale: 1, prediction: 'flow', timestepScale: 0.001, steps: 12, guidanceScale: 3 };
  return {
    title: 'tiny random weights',
    video: { name: 'video-decoder', config: moving, device: 'cpu', path: tiny },
    image: { name: 'image-decoder', config: drawing, device: 'cpu', path: (key) => tiny(key === 'transformer' ? 'imageTransformer' : key) },
  };
}
