// The feature route: embeddings of pictures, sounds, sums of them and a language model's regression to pictures by an unCLIP model, against
// diffusers on the same random weights and the same noise. The fixture is made by training/fixtures/unclip.py.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { factories as decoders } from '../../../decoders/index.ts';
import { createStableDiffusion, readConfig } from '../../../decoders/image/stable-diffusion/factory.ts';
import { openStableDiffusionGraphs } from '../../../decoders/image/stable-diffusion/graphs.ts';
import { factories as encoders } from '../../../encoders/index.ts';
import { closeMedia, mediaFromBytes } from '../../../media/index.ts';
import { factories as projectors } from '../../../projectors/index.ts';
import { featureRegression } from '../../../projectors/feature-regression.ts';
import { assemble } from '../../../src/bundle/assemble.ts';
import { openBundle } from '../../../src/bundle/open.ts';
import type { Conditioning, JobRequest, Source } from '../../../src/contracts.ts';
import { condition, createSteps, joint, mixed } from '../../../src/chain.ts';
import type { Steps } from '../../../src/chain.ts';
import { createEngine } from '../../../src/engine/engine.ts';
import { openChain } from '../../../src/engine/open-chain.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { testContext, using } from '../../conformance/component.ts';
import { collect, jobOf, ofType } from '../../engine/fake-bundle.ts';
import { difference, floats } from './stable-diffusion-fixture.ts';
import type { Stored } from './stable-diffusion-fixture.ts';
import { make } from './tiny.ts';

interface Case {
  name: string;
  prompt: string;
  negative: string | null;
  noiseLevel: number;
  seed: number;
  latents: Stored;
}

const folder = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const reference: { size: [number, number]; steps: number; guidanceScale: number; widths: { joint: number; model: number }; hidden: Stored; cases: Case[] } = JSON.parse(readFileSync(`${folder('unclip')}/reference.json`, 'utf8'));
const named = (name: string): Case => reference.cases.find((each) => each.name === name)!;
const factories = [...encoders, ...projectors, ...decoders];
const alone = folder('unclip/bundle');
const together = `${folder('imagebind')}+image=${alone}`;
const medium = async (name: string) => mediaFromBytes(readFileSync(`${folder('imagebind/media')}/${name}`), name);

afterAll(async () => {
  expect(openSessionCount()).toBe(0);
  await closeMedia();
});

/** Conditioning as the open chain of a bundle gives it. */
async function within<T>(model: string, use: (steps: Steps) => Promise<T>): Promise<T> {
  return using(openChain(await openBundle(model, factories), 'cpu'), async (chain) => use(createSteps(chain, new AbortController().signal)));
}

/** Final latents of the decoder. */
async function drawn({ seed, noiseLevel }: Case, conditioning: Conditioning, negative: Conditioning | null = null): Promise<Float32Array> {
  const { source } = (await openBundle(alone, factories)).component('image-decoder', 'cpu');
  const config = { ...readConfig(source.config), minSize: 16 };
  const graphs = await openStableDiffusionGraphs(source, config);
  let last = new Float32Array();
  const decode: typeof graphs.decode = async (latents, latent, tiled) => {
    last = latents.slice();
    return graphs.decode(latents, latent, tiled);
  };
  const [width, height] = reference.size;
  const { steps, guidanceScale } = reference;
  return using(Promise.resolve(createStableDiffusion(config, { ...graphs, decode })), async (decoder) => {
    const { warnings } = await make(decoder, { conditioning, negative, options: { width, height, steps, guidanceScale, noiseLevel } }, createRandom(seed));
    expect(warnings).toEqual([]);
    return last;
  });
}

test('variation of a picture', async () => {
  const each = named('variation of a picture');
  const conditioning = await within(alone, async (steps) => condition(steps, 'image', { type: 'joint', embedding: await joint(steps, await medium('picture.png')) }));
  expect(Object.keys(conditioning)).toEqual(['feature']);
  expect(difference(await drawn(each, conditioning), each.latents)).toBeLessThan(1e-3);
});

test('words go with it where a caller gives both', async () => {
  const each = named('variation with words');
  const [conditioning, negative] = await within(alone, async (steps) => {
    const of = async (source: Source): Promise<Conditioning> => condition(steps, 'image', source);
    const feature = await of({ type: 'joint', embedding: await joint(steps, await medium('picture.png')) });
    return [{ ...feature, ...(await of({ type: 'prompt', text: each.prompt })) }, await of({ type: 'prompt', text: each.negative! })];
  });
  expect(difference(await drawn(each, conditioning, negative), each.latents)).toBeLessThan(1e-3);
});

test('image from sound, and from a picture, by the encoders of another bundle', async () => {
  for (const [name, file] of [['image from sound', 'sound.wav'], ['image from a picture of another encoder', 'picture.png']] as const) {
    const conditioning = await within(together, async (steps) => condition(steps, 'image', { type: 'joint', embedding: await joint(steps, await medium(file)) }));
    expect(difference(await drawn(named(name), conditioning), named(name).latents), name).toBeLessThan(1e-3);
  }
});

test('arithmetic of a picture, a sound and a text', async () => {
  const each = named('arithmetic of a picture, a sound and a text');
  const [picture, sound] = [await medium('picture.png'), await medium('sound.wav')];
  const mix: NonNullable<JobRequest['mix']> = [{ weight: 1, part: { type: 'media', media: picture } }, { weight: 0.5, part: { type: 'media', media: sound } }, { weight: -0.25, part: { type: 'text', text: 'a red apple' } }];
  const conditioning = await within(together, async (steps) => condition(steps, 'image', { type: 'joint', embedding: await mixed(steps, mix) }));
  expect(difference(await drawn(each, conditioning), each.latents)).toBeLessThan(1e-3);
});

test('a feature that a language model regresses from the state at its marker', async () => {
  const each = named('regressed feature');
  const { joint: feature, model } = reference.widths;
  const source = { name: 'regression', config: { model, feature }, device: 'cpu' as const, path: () => folder('unclip/regression.onnx') };
  // A marker of two tokens counts by its last one.
  const states = new Float32Array(2 * model).fill(7);
  states.set(floats(reference.hidden), model);
  const hidden = { shape: [2, model], data: states };
  const conditioning = await using(featureRegression.open(source), async (projector) =>
    projector.project({ type: 'signal', signal: { type: 'signal', output: 'image', prompt: '', references: [], states: { hidden, embedded: hidden } } }, testContext()));
  expect(difference(await drawn(each, conditioning), each.latents)).toBeLessThan(1e-3);
});

test('an engine over both bundles: a sound becomes a picture, a mix becomes another, words alone are warned of', async () => {
  const factoryModules = ['encoders', 'projectors', 'decoders'].map((room) => new URL(`../../../${room}/index.ts`, import.meta.url));
  const engine = await createEngine({ bundle: together, device: 'cpu', factoryModules });
  try {
    const sound = await medium('sound.wav');
    const shared = { outputs: ['image'], options: { image: { steps: 1 } } } as const;
    const heard = ofType(await collect(engine.run(jobOf([{ type: 'media', media: sound }], shared))), 'media-end');
    expect(heard[0]?.media.mediaType).toBe('image/png');
    const mix = [{ weight: 1, part: { type: 'media', media: sound } }, { weight: 1, part: { type: 'text', text: 'a red apple' } }] as const;
    const summed = ofType(await collect(engine.run(jobOf([], { ...shared, mix }))), 'media-end');
    expect(summed[0]?.media.id).not.toBe(heard[0]?.media.id);
    const told = await collect(engine.run(jobOf(['a red apple'], shared)));
    expect(ofType(told, 'job-warning').map(({ code }) => code)).toContain('feature_missing');
  } finally {
    await engine.close();
  }
});

test('embeddings are taken where the joint spaces have one width, and that is said', async () => {
  const { bundle, notes } = await assemble(together);
  expect(bundle.outputs['image']!.sources).toEqual({ prompt: 'prompt-encoder', joint: 'feature' });
  expect(notes).toEqual([expect.stringContaining('or from an embedding, which is right where the joint space of imagebind is the one that tiny-unclip knows')]);
  const other = await assemble(`${folder('tiny')}+image=${alone}`);
  expect(other.bundle.outputs['image']!.sources).toEqual({ prompt: 'prompt-encoder' });
  const none = await assemble(`${folder('zeroscope/bundle')}+image=${alone}`);
  expect([none.bundle.joint, Object.keys(none.bundle.inputs)]).toEqual([reference.widths.joint, ['video', 'image']]);
  await expect(openBundle(`${folder('zeroscope/bundle')}+image=${alone}`, factories)).resolves.toBeDefined();
});
