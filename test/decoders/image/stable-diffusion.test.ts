// Every pipeline of Stable Diffusion against diffusers on the same random weights and the same noise.

import { afterAll, describe, expect, test } from 'vitest';
import { createStableDiffusion, readConfig, stableDiffusion } from '../../../decoders/image/stable-diffusion/factory.ts';
import { openStableDiffusionGraphs } from '../../../decoders/image/stable-diffusion/graphs.ts';
import { clipPrompt } from '../../../encoders/text/clip-prompt.ts';
import { closeMedia, inspectImage } from '../../../media/index.ts';
import type { Conditioning, DecodeRequest } from '../../../src/contracts.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { testContext, using } from '../../conformance/component.ts';
import { decoderSource, difference, floats, promptSource, reference, referencesOf } from './stable-diffusion-fixture.ts';
import type { Case } from './stable-diffusion-fixture.ts';
import { make } from './tiny.ts';

afterAll(async () => {
  expect(openSessionCount()).toBe(0);
  await closeMedia();
});

async function conditioningOf(each: Pick<Case, 'folder' | 'prompt' | 'negative' | 'feature'>): Promise<{ conditioning: Conditioning; negative: Conditioning | null }> {
  return using(clipPrompt.open(promptSource(each.folder)), async (projector) => {
    const told = each.feature === undefined ? {} : { feature: { shape: [16], data: floats(each.feature) } };
    const project = async (text: string): Promise<Conditioning> => projector.project({ type: 'prompt', text }, testContext());
    return { conditioning: { ...(await project(each.prompt)), ...told }, negative: each.negative === null ? null : await project(each.negative) };
  });
}

function optionsOf(each: Case): DecodeRequest['options'] {
  const [width, height] = reference.size;
  const { steps, guidanceScale, imageGuidanceScale, noiseLevel, strength } = each;
  return { width, height, steps, guidanceScale, ...(imageGuidanceScale !== undefined && { imageGuidanceScale }), ...(noiseLevel !== undefined && { noiseLevel }), ...(strength !== undefined && { strength }) };
}

/** Runs a case; what went into the last decoding and came out of it. */
async function run(each: Case, changes: { unet?: string; options?: object } = {}) {
  const source = decoderSource({ ...each, unet: changes.unet ?? each.unet });
  const graphs = await openStableDiffusionGraphs(source, readConfig(source.config));
  const seen: { latents: Float32Array; pixels: Float32Array } = { latents: new Float32Array(), pixels: new Float32Array() };
  const decode: typeof graphs.decode = async (latents, latent) => {
    seen.latents = latents.slice();
    seen.pixels = await graphs.decode(latents, latent);
    return seen.pixels;
  };
  return using(Promise.resolve(createStableDiffusion(readConfig(source.config), { ...graphs, decode })), async (decoder) => {
    const made = await make(decoder, { ...(await conditioningOf(each)), references: await referencesOf(each), options: { ...optionsOf(each), ...changes.options } }, createRandom(each.seed));
    return { ...made, ...seen };
  });
}

const named = (name: string): Case => reference.cases.find((each) => each.name === name)!;

describe('against diffusers', () => {
  test.each(reference.cases)('$name', async (each) => {
    const { latents, pixels, media, warnings } = await run(each);
    expect(warnings).toEqual([]);
    expect(difference(latents, each.latents)).toBeLessThan(1e-3);
    if (each.image !== undefined) expect(difference(pixels, each.image)).toBeLessThan(1e-3);
    expect(await inspectImage(media)).toMatchObject({ width: reference.size[0], height: reference.size[1] });
  });

  test('the tiny autoencoder for previews', async () => {
    const source = decoderSource(named('text to image'), { tinyDecoder: true });
    const graphs = await openStableDiffusionGraphs(source, readConfig(source.config));
    const pixels = await graphs.decodeRoughly!(floats(reference.preview.latents), [4, 4, 6]);
    await graphs.release();
    expect(difference(pixels, reference.preview.image)).toBeLessThan(1e-4);
  });
});

test('a UNet of half precision is fed and read as one', async () => {
  const each = named('text to image');
  const { latents } = await run(each, { unet: 'unet-half.onnx' });
  expect(difference(latents, each.latents)).toBeLessThan(0.05);
  expect(difference(latents, each.latents)).toBeGreaterThan(1e-6);
});

test('a mask keeps what is black to the pixel', async () => {
  const masked = await run(named('mask'));
  const other = await run({ ...named('mask'), seed: 5 });
  expect(masked.media.bytes).not.toEqual(other.media.bytes);
});

test('sizes are multiples of what the levels can halve, within the limits', async () => {
  await using(stableDiffusion.open(decoderSource(named('text to image'))), async (decoder) => {
    const conditioning = await conditioningOf(named('text to image'));
    await expect(make(decoder, { ...conditioning, options: { width: 40 } })).rejects.toMatchObject({ code: 'bad_option', message: expect.stringContaining('multiple of 16') });
    await expect(make(decoder, { ...conditioning, options: { height: 4096 } })).rejects.toMatchObject({ code: 'bad_option' });
    const { media, progress } = await make(decoder, { ...conditioning, options: { width: 64, height: 48, steps: 2, scheduler: 'ddim' } });
    expect(await inspectImage(media)).toMatchObject({ width: 64, height: 48 });
    expect(progress.map(({ step, steps }) => `${step}/${steps}`)).toEqual(['1/2', '2/2']);
  });
});

test('prompts of different length meet in one batch', async () => {
  await using(stableDiffusion.open(decoderSource(named('text to image'))), async (decoder) => {
    const long = await conditioningOf({ folder: 'sd', prompt: reference.embeddings.find(({ name }) => name === 'long')!.prompt, negative: 'ugly' });
    expect(long.conditioning['tokens']!.shape[0]).toBeGreaterThan(77);
    const { media } = await make(decoder, { ...long, options: { width: 32, height: 32, steps: 1, scheduler: 'ddim' } });
    expect(media.mediaType).toBe('image/png');
  });
});

test('an instruction without a picture is refused', async () => {
  await using(stableDiffusion.open(decoderSource(named('InstructPix2Pix'))), async (decoder) => {
    await expect(make(decoder, await conditioningOf(named('InstructPix2Pix')))).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('give the picture too') });
  });
});

test('a UNet of other channels or widths than the config says is refused by name', async () => {
  const each = named('text to image');
  await expect(stableDiffusion.open(decoderSource({ ...each, unet: 'unet-inpaint.onnx' }))).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('9 channels') });
  await expect(stableDiffusion.open(decoderSource(each, { tokenWidth: 31 }))).rejects.toMatchObject({ code: 'bundle_invalid' });
  await expect(stableDiffusion.open(decoderSource(each, { pooledWidth: 4 }))).rejects.toThrow('text_embeds is missing');
});
