// Text-to-video models against diffusers on the same random weights and the same noise, from a bundle as the exporter writes it.
// The fixture is made by training/fixtures/zeroscope.py.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { factories as decoders } from '../../../decoders/index.ts';
import { createZeroscope, zeroscope } from '../../../decoders/video/zeroscope/factory.ts';
import { openZeroscopeGraphs } from '../../../decoders/video/zeroscope/graphs.ts';
import { readConfig } from '../../../decoders/video/zeroscope/settings.ts';
import { factories as encoders } from '../../../encoders/index.ts';
import { clipPrompt } from '../../../encoders/text/clip-prompt.ts';
import { videoThumbnail } from '../../../encoders/video/video-thumbnail.ts';
import { inspectImage, inspectVideo, mediaFromBytes } from '../../../media/index.ts';
import { openBundle } from '../../../src/bundle/open.ts';
import type { Conditioning, Media } from '../../../src/contracts.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import { testContext, using } from '../../conformance/component.ts';
import { describeDecoder } from '../../conformance/decoder.ts';
import { difference } from '../image/stable-diffusion-fixture.ts';
import type { Stored } from '../image/stable-diffusion-fixture.ts';
import { context, request } from '../image/tiny.ts';
import { clip, makeVideo } from './tiny.ts';

interface Case {
  name: string;
  prompt: string;
  negative: string | null;
  steps: number;
  guidanceScale: number;
  scheduler: string;
  frames: number;
  edit?: boolean;
  strength?: number;
  seed: number;
  latents: Stored;
  video?: Stored;
}

const root = new URL('../../fixtures/zeroscope/', import.meta.url);
const reference: { size: [number, number]; fps: number; cases: Case[] } = JSON.parse(readFileSync(new URL('reference.json', root), 'utf8'));
const bundle = await openBundle(fileURLToPath(new URL('bundle', root)), [...encoders, ...decoders]);
const source = bundle.component('video-decoder', 'cpu').source;
const config = readConfig(source.config);
const moving = async (): Promise<Media> => mediaFromBytes(readFileSync(new URL('clip.webp', root)), 'clip.webp', { as: 'video' });
const tokens = async (text: string): Promise<Conditioning> =>
  using(clipPrompt.open(bundle.component('prompt-encoder', 'cpu').source), async (projector) => projector.project({ type: 'prompt', text }, testContext()));

describeDecoder(zeroscope, {
  config: { ...config, size: [32, 32], minSize: 32 },
  files: Object.fromEntries(['unet', 'vaeDecoder', 'vaeEncoder', 'unconditional'].map((key) => [key, `zeroscope/bundle/${bundle.bundle.components['video-decoder']!.files[key]!.path}`])),
  wrongConfig: { tokenWidth: 31 },
  options: { steps: 4, frames: 2 },
  edited: async () => clip(2, 8, (x, y, t) => [Math.round(255 * x), Math.round(255 * y), Math.round(255 * t)]),
});

describe('against diffusers', () => {
  test.each(reference.cases)('$name', async (each) => {
    const graphs = await openZeroscopeGraphs(source, config);
    const seen: { latents: Float32Array[]; pixels: Float32Array[] } = { latents: [], pixels: [] };
    const decode: typeof graphs.decode = async (latents, latent, tiled) => {
      const pixels = await graphs.decode(latents, latent, tiled);
      seen.latents.push(latents.slice());
      seen.pixels.push(pixels);
      return pixels;
    };
    await using(Promise.resolve(createZeroscope(config, { ...graphs, decode })), async (decoder) => {
      const [width, height] = reference.size;
      const { steps, guidanceScale, scheduler, frames, strength } = each;
      const { media, warnings, progress } = await makeVideo(
        decoder,
        {
          conditioning: await tokens(each.prompt),
          negative: each.negative === null ? null : await tokens(each.negative),
          references: each.edit === true ? [{ role: 'edit', media: await moving() }] : [],
          options: { width, height, steps, guidanceScale, scheduler, frames, ...(strength !== undefined && { strength }), format: 'webp' },
        },
        context(createRandom(each.seed)),
      );
      expect(warnings).toEqual([]);
      expect(progress.at(-1)).toMatchObject({ step: strength === undefined ? steps : Math.floor(steps * strength) });
      expect(difference(joined(seen.latents), each.latents)).toBeLessThan(1e-3);
      if (each.video !== undefined) expect(difference(joined(seen.pixels), each.video)).toBeLessThan(1e-3);
      expect(seen.latents).toHaveLength(frames);
      if (frames > 1) expect(await inspectVideo(media)).toMatchObject({ width, height, frames, seconds: frames / reference.fps });
    });
  });
});

test('tokens that bring no tokens of no prompt are guided by those of the bundle', async () => {
  await using(zeroscope.open(source), async (decoder) => {
    const { tokens: own, ...others } = await tokens('a red cat');
    const options = { steps: 2, frames: 2, format: 'webp' };
    const [whole, bare] = [await makeVideo(decoder, { conditioning: { tokens: own!, ...others }, options }), await makeVideo(decoder, { conditioning: { tokens: own! }, options })];
    expect(Object.keys(others)).toContain('emptyTokens');
    expect(bare.media.id).toBe(whole.media.id);
  });
});

test('previews show three frames side by side, and the tile option is told in the file only where it was set', async () => {
  await using(zeroscope.open(source), async (decoder) => {
    const conditioning = await tokens('a red cat');
    const { previews } = await makeVideo(decoder, { conditioning, options: { steps: 3, previewEvery: 1, format: 'webp' } });
    expect(previews).toHaveLength(2);
    expect(await inspectImage(previews[0]!.media)).toMatchObject({ width: 3 * 6, height: 4 });
    const tiled = await makeVideo(decoder, { conditioning, provenance: { prompt: 'a red cat' }, options: { steps: 1, width: 80, height: 72, frames: 1, tiles: 'always', format: 'webp' } });
    const whole = await makeVideo(decoder, { conditioning, provenance: { prompt: 'a red cat' }, options: { steps: 1, width: 80, height: 72, frames: 1, format: 'webp' } });
    expect(tiled.media.id).not.toBe(whole.media.id);
    expect([tiled, whole].map(({ media }) => Buffer.from(media.bytes).toString('latin1').includes('tiles'))).toEqual([true, false]);
  });
});

test('a video that is shorter than asked for gives its own length, with a warning; a longer one is cut', async () => {
  await using(zeroscope.open(source), async (decoder) => {
    const references = [{ role: 'edit' as const, media: await moving() }];
    const given = request({ conditioning: await tokens('a red cat'), references });
    const longer = await makeVideo(decoder, { ...given, options: { steps: 2, frames: 8, format: 'webp' } });
    expect(longer.warnings).toEqual(['source_ended']);
    expect(await inspectVideo(longer.media)).toMatchObject({ frames: 3 });
    const shorter = await makeVideo(decoder, { ...given, options: { steps: 2, frames: 1, format: 'webp' } });
    expect(shorter.warnings).toEqual(['source_cut']);
  });
});

test('sizes and lengths have limits', async () => {
  await using(zeroscope.open(source), async (decoder) => {
    const conditioning = await tokens('a red cat');
    await expect(makeVideo(decoder, { conditioning, options: { width: 50 } })).rejects.toMatchObject({ code: 'bad_option', message: expect.stringContaining('multiple of 8') });
    await expect(makeVideo(decoder, { conditioning, options: { frames: 65 } })).rejects.toMatchObject({ code: 'bad_option' });
  });
});

test('a video is read as four frames of its colours', async () => {
  await using(videoThumbnail.open(bundle.component('video-reader', 'cpu').source), async (encoder) => {
    const { tokens: read, joint } = await encoder.encode(await moving(), testContext());
    expect(read.shape).toEqual([4, 192]);
    expect(joint).toBeNull();
    expect(Math.min(...read.data)).toBeGreaterThanOrEqual(-1);
  });
});

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((offset, part) => (out.set(part, offset), offset + part.length), 0);
  return out;
}
