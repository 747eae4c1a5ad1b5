// A contender of `run.ts`: a guided step of this program's decoder of pictures, and its graph alone. Usage: node our-pictures.ts BUNDLE.

import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { closeMedia } from '../../media/index.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import type { Context, Decoder } from '../../src/contracts.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { loadRuntime, sessionOptions } from '../../src/runtime/sessions.ts';
import { shouldMapWeights } from '../../src/runtime/weights.ts';
import { answer } from './contender.ts';

const STEPS = 30;

const opened = await openBundle(process.argv[2]!, [...encoders, ...projectors, ...decoders, ...languageModels]);
const { factory, source } = opened.component('image-decoder', 'cpu');
if (factory.kind !== 'decoder') throw new Error('image-decoder is no decoder');
const stable = factory.name === 'stable-diffusion';
const tokens = stable ? [77, 768] : [16, 384];
const context: Context = { signal: new AbortController().signal, random: createRandom(0), warn: () => undefined };
const open: { decoder: Decoder | null; events: AsyncIterator<{ type: string }> | null; left: number; run: (() => Promise<unknown>) | null } = { decoder: null, events: null, left: 0, run: null };

try {
  await answer(async ({ what }) => (what === 'bare' ? bare() : step()));
} finally {
  await open.decoder?.dispose();
  await closeMedia();
}

/** Milliseconds between the ends of two steps: prediction, guidance, scheduler and event. */
async function step(): Promise<number> {
  if (open.events === null || open.left === 0) {
    open.decoder ??= await factoryOpened();
    await open.events?.return?.();
    const options = stable ? { width: 512, height: 512, steps: STEPS } : { steps: STEPS, guidanceScale: 3 };
    open.events = open.decoder.decode({ conditioning: { tokens: noise(tokens) }, negative: stable ? { tokens: noise(tokens) } : null, references: [], companions: {}, options, provenance: null }, context)[Symbol.asyncIterator]();
    open.left = STEPS - 2;
    await progress(open.events);
  }
  open.left -= 1;
  const start = performance.now();
  await progress(open.events);
  return performance.now() - start;
}

async function factoryOpened(): Promise<Decoder> {
  if (factory.kind !== 'decoder') throw new Error('image-decoder is no decoder');
  return factory.open(source);
}

async function progress(from: AsyncIterator<{ type: string }>): Promise<void> {
  for (;;) {
    const { value, done } = await from.next();
    if (done === true) throw new Error('the decoder ended before its steps');
    if (value.type === 'progress') return;
  }
}

/** Milliseconds of a run of the graph alone, for the two branches of guidance. */
async function bare(): Promise<number> {
  open.run ??= await bareGraph();
  const start = performance.now();
  await open.run();
  return performance.now() - start;
}

async function bareGraph(): Promise<() => Promise<unknown>> {
  const { InferenceSession, Tensor } = await loadRuntime();
  const path = source.path(stable ? 'unet' : 'transformer');
  const session = await InferenceSession.create(path, sessionOptions('cpu', await shouldMapWeights(path)));
  const edge = stable ? 64 : 16;
  const float = (shape: readonly number[]): InstanceType<typeof Tensor> => new Tensor('float32', noise(shape).data, shape);
  const feeds = stable
    ? { sample: float([2, 4, edge, edge]), timestep: new Tensor('float32', Float32Array.of(500), []), encoder_hidden_states: float([2, ...tokens]) }
    : { latents: float([2, 4, edge, edge]), source: float([2, 4, edge, edge]), mask: float([2, 1, edge, edge]), timestep: float([2]), tokens: float([2, ...tokens]) };
  return async () => session.run(feeds);
}

function noise(shape: readonly number[]): { shape: readonly number[]; data: Float32Array } {
  return { shape, data: createRandom(1).normal(shape.reduce((a, b) => a * b, 1)) };
}
