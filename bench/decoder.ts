// Measures the decoder of pictures: `node bench/decoder.ts [BUNDLE FOLDER]`, by default models/nano, else the tiny graphs.
// Prints a step against the bare graph, the first preview, cold start and peak memory.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { latentDiffusionImage } from '../decoders/image/latent-diffusion-image.ts';
import { defaultPorts } from '../decoders/image/settings.ts';
import type { ComponentSource, Context, DecodeRequest } from '../src/contracts.ts';
import { createRandom } from '../src/runtime/random.ts';
import { loadRuntime, sessionOptions } from '../src/runtime/sessions.ts';
import { machine, median, milliseconds, printTable, timed } from './table.ts';

type Component = { uses: string; files: Record<string, { path: string }>; config: Record<string, unknown> };
type Cold = { openMs: number; stepMs: number; totalMs: number; peakMegabytes: number };

const ROUNDS = 30;
const STEPS = 20;

const [given, mode] = process.argv.slice(2);
const folder = given ?? fileURLToPath(new URL('../models/nano', import.meta.url));
const { title, source } = componentOf(folder);

if (mode === '--cold') console.log(JSON.stringify(await coldStart()));
else await report();

async function report(): Promise<void> {
  const runs = [1, 2, 3].map((): Cold => JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), folder, '--cold'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })));
  const decoder = await latentDiffusionImage.open(source);
  try {
    const bare = await bareStep();
    const ours = { guided: [] as number[], bare: [] as number[] };
    // Alternating and in both orders, so that a slower moment of the machine falls on both.
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % 2 === 0) ours.bare.push(await timed(bare.run));
      ours.guided.push(await oneStep());
      if (round % 2 === 1) ours.bare.push(await timed(bare.run));
    }
    await bare.release();
    const [step, graph] = [median(ours.guided), median(ours.bare)];
    const preview = await untilFirst('preview', { steps: STEPS, previewEvery: 1 });
    const whole = await untilFirst('media', { steps: STEPS });
    printTable(`Decoder of pictures, ${title}: ${machine(cpus(), process.version)}`, [
      ['denoising step', milliseconds(step), `batch 2 (guided), median of ${ROUNDS}`],
      ['bare session.run', milliseconds(graph), `the same graph and batch, alternating; ours is ${(100 * (step / graph - 1)).toFixed(1)} % above`],
      ['first preview', milliseconds(preview), 'from the request, warm, with a preview every step'],
      ['whole picture', milliseconds(whole), `${STEPS} steps and the png, warm`],
      ['cold start: graphs open', milliseconds(median(runs.map((run) => run.openMs))), 'median of 3 new processes'],
      ['cold start: first step', milliseconds(median(runs.map((run) => run.stepMs))), 'after opening'],
      ['cold start: whole', milliseconds(median(runs.map((run) => run.totalMs))), 'from the start of the process to the end of the first step'],
      ['peak memory', `${median(runs.map((run) => run.peakMegabytes)).toFixed(0)} MB`, 'resident, of a process with this decoder alone'],
    ]);
  } finally {
    await decoder.dispose();
  }

  /** Time between the ends of the first and the second step: prediction, guidance, scheduler and event. */
  async function oneStep(): Promise<number> {
    const events = decoder.decode(request({ steps: 4 }), context());
    await events.next();
    const time = await timed(async () => events.next());
    await events.return(undefined);
    return time;
  }

  async function untilFirst(type: string, options: Record<string, number>): Promise<number> {
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      times.push(await timed(async () => {
        for await (const event of decoder.decode(request(options), context())) if (event.type === type) return;
      }));
    }
    return median(times);
  }
}

/** Opens everything and makes one step in this process, which did nothing before. */
async function coldStart(): Promise<Cold> {
  let decoder: Awaited<ReturnType<typeof latentDiffusionImage.open>> | null = null;
  const openMs = await timed(async () => (decoder = await latentDiffusionImage.open(source)));
  const events = decoder!.decode(request({ steps: STEPS }), context());
  const stepMs = await timed(async () => events.next());
  const totalMs = performance.now();
  await events.return(undefined);
  await decoder!.dispose();
  return { openMs, stepMs, totalMs, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}

/** The transformer's graph without anything of ours around it. */
async function bareStep(): Promise<{ run: () => Promise<unknown>; release: () => Promise<void> }> {
  const { InferenceSession, Tensor } = await loadRuntime();
  const session = await InferenceSession.create(source.path('transformer'), sessionOptions('cpu', false));
  const [channels, rows, columns] = axes('latent');
  const feeds = {
    [defaultPorts.latents]: new Tensor('float32', createRandom(0).normal(2 * channels! * rows! * columns!), [2, channels!, rows!, columns!]),
    source: new Tensor('float32', new Float32Array(2 * channels! * rows! * columns!), [2, channels!, rows!, columns!]),
    mask: new Tensor('float32', new Float32Array(2 * rows! * columns!).fill(1), [2, 1, rows!, columns!]),
    [defaultPorts.timestep]: new Tensor('float32', new Float32Array([1, 1]), [2]),
    [defaultPorts.tokens]: new Tensor('float32', createRandom(1).normal(2 * axes('tokens').reduce((a, b) => a * b)), [2, ...axes('tokens')]),
  };
  return { run: async () => session.run(feeds), release: async () => session.release() };
}

function axes(key: string): number[] {
  const value = source.config[key];
  return Array.isArray(value) ? value.map(Number) : [];
}

function request(options: Record<string, number>): DecodeRequest {
  const shape = axes('tokens');
  const tokens = { shape, data: createRandom(1).normal(shape.reduce((a, b) => a * b)) };
  return { conditioning: { tokens }, negative: null, references: [], companions: {}, options: { guidanceScale: 3, ...options }, provenance: null };
}

function context(): Context {
  return { signal: new AbortController().signal, random: createRandom(0), warn: () => undefined };
}

/** The picture decoder of a bundle, or the tiny graphs where the folder holds no bundle. */
function componentOf(path: string): { title: string; source: ComponentSource } {
  const root = resolve(path);
  const manifest = join(root, 'bundle.json');
  if (existsSync(manifest)) {
    const bundle: { id: string; components: Record<string, Component> } = JSON.parse(readFileSync(manifest, 'utf8'));
    for (const [name, component] of Object.entries(bundle.components)) {
      if (component.uses !== latentDiffusionImage.name) continue;
      const file = (key: string): string => join(root, component.files[key]?.path ?? key);
      return { title: bundle.id, source: { name, config: component.config, device: 'cpu', path: file } };
    }
  }
  const tiny: Record<string, string> = { transformer: 'transformer', latentEncoder: 'latent-encoder', latentDecoder: 'latent-decoder' };
  const config = { latent: [4, 16, 16], factor: 8, tokens: [16, 24], prediction: 'flow', timestepScale: 0.001, steps: STEPS, guidanceScale: 3 };
  const file = (key: string): string => fileURLToPath(new URL(`../test/fixtures/tiny/image/${tiny[key]}.onnx`, import.meta.url));
  return { title: 'tiny random weights', source: { name: 'image-decoder', config, device: 'cpu', path: file } };
}
