// The decoder of pictures on tiny graphs: what a request may say, what comes out, and that it stops when told.

import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createImageDecoder, latentDiffusionImage } from '../../../decoders/image/latent-diffusion-image.ts';
import { openImageGraphs } from '../../../decoders/image/graphs.ts';
import { noiseSchedule } from '../../../decoders/schedulers/noise-schedule.ts';
import type { ImageGraphs } from '../../../decoders/image/graphs.ts';
import type { ImageDecoderConfig } from '../../../decoders/image/settings.ts';
import { fromPlanar, toPlanar } from '../../../decoders/image/pixels.ts';
import { closeMedia, decodeImage, inspectImage, isMarkedGenerated, readProvenance } from '../../../media/index.ts';
import type { Decoder, Media, Random } from '../../../src/contracts.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { context, make, picture, request, tinyConfig, tinySource, tokens } from './tiny.ts';

const config: ImageDecoderConfig = tinyConfig;

let decoder: Decoder;
const others: (() => Promise<void>)[] = [];
beforeEach(async () => {
  decoder = await latentDiffusionImage.open(tinySource());
});
afterEach(async () => {
  await decoder.dispose();
  await decoder.dispose();
  for (const close of others.splice(0)) await close();
  expect(openSessionCount()).toBe(0);
});
afterAll(closeMedia);

/** The graphs without the decoder, closed after the test. */
async function openGraphs(): Promise<ImageGraphs> {
  const graphs = await openImageGraphs(tinySource(), config);
  others.push(graphs.release);
  return graphs;
}

async function pixelsOf(media: Media): Promise<Uint8Array> {
  return (await decodeImage(media, { width: 128, height: 128, fit: 'fill', background: [255, 255, 255] })).pixels;
}

const colours = async (): Promise<Media> => picture(128, 128, (x, y) => [Math.round(255 * x), Math.round(255 * y), 40]);
/** The right half may change. */
const rightHalf = async (): Promise<Media> => picture(128, 128, (x) => (x >= 0.5 ? [255, 255, 255] : [0, 0, 0]));

describe('a picture from conditioning', () => {
  test('comes after a progress event a step', async () => {
    const { media, progress, previews } = await make(decoder);
    expect(progress).toEqual([1, 2, 3].map((step) => ({ type: 'progress', step, steps: 3 })));
    expect(previews).toEqual([]);
    expect(media).toMatchObject({ modality: 'image', mediaType: 'image/png' });
    expect(await inspectImage(media)).toMatchObject({ width: 128, height: 128 });
  });

  test('is the same bytes for the same seed, whatever runs beside it, and with previews', async () => {
    const alone = await make(decoder, {}, 7);
    const beside = await Promise.all([make(decoder, {}, 8), make(decoder, { options: { previewEvery: 1 } }, 7), make(decoder, { conditioning: tokens(1) }, 7)]);
    expect(beside[1].media.id).toBe(alone.media.id);
    expect(beside[0].media.id).not.toBe(alone.media.id);
    expect(beside[2].media.id).not.toBe(alone.media.id);
  });

  test('draws its first noise before anything else, and nothing more', async () => {
    const drawn: number[] = [];
    const real = createRandom(3);
    const counting: Random = { ...real, normal: (count) => (drawn.push(count), real.normal(count)) };
    await make(decoder, { references: [{ role: 'edit', media: await colours() }] }, counting);
    expect(drawn).toEqual([4 * 16 * 16]);
  });

  test('follows the guidance scale and the negative conditioning', async () => {
    const off = await pixelsOf((await make(decoder, { options: { guidanceScale: 1 } })).media);
    const same = await pixelsOf((await make(decoder, { negative: tokens(), options: { guidanceScale: 5 } })).media);
    const guided = await pixelsOf((await make(decoder, { options: { guidanceScale: 5 } })).media);
    // Guidance away from the condition itself is no guidance.
    expect(Math.max(...same.map((value, i) => Math.abs(value - off[i]!)))).toBeLessThanOrEqual(1);
    expect(guided).not.toEqual(off);
    expect((await make(decoder, { negative: tokens(1), options: { guidanceScale: 1 } })).warnings).toEqual(['negative_unused']);
  });

  test.each(['png', 'jpeg', 'webp'] as const)('as %s holds prompt and settings, without what does not determine it', async (format) => {
    const provenance = { prompt: 'a red apple', seed: 5, previewEvery: 2, steps: 999 };
    const { media } = await make(decoder, { provenance, options: { format, steps: 2, previewEvery: 2 } }, 5);
    expect(media.mediaType).toBe(`image/${format}`);
    expect(readProvenance(media)).toEqual({
      prompt: 'a red apple', seed: 5, steps: 2, guidanceScale: 2, scheduler: 'flow-match-euler', width: 128, height: 128, format, ...(format !== 'png' && { quality: 90 }),
    });
    expect(isMarkedGenerated(media)).toBe(true);
  });

  test('without provenance holds the mark alone', async () => {
    const { media } = await make(decoder);
    expect(readProvenance(media)).toBeNull();
    expect(isMarkedGenerated(media)).toBe(true);
  });

  test('shows previews every so many steps, small, marked and before the end', async () => {
    const { previews } = await make(decoder, { options: { steps: 6, previewEvery: 2 } });
    expect(previews.map((preview) => preview.step)).toEqual([2, 4]);
    for (const { media } of previews) {
      expect(await inspectImage(media)).toMatchObject({ width: 64, height: 64 });
      expect(isMarkedGenerated(media)).toBe(true);
    }
    const mapped = await latentDiffusionImage.open(tinySource({ ...tinyConfig, preview: { matrix: [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]], offset: [0, 0, 0] } }));
    others.push(async () => mapped.dispose());
    const { previews: [first] } = await make(mapped, { options: { steps: 2, previewEvery: 1 } });
    expect(await inspectImage(first!.media)).toMatchObject({ width: 16, height: 16 });
  });
});

describe.each(['ddim', 'euler'])('a model that predicts noise, with %s', (scheduler) => {
  // Knows the picture it is to make, so every step's prediction is exact.
  const x_0 = createRandom(11).normal(4 * 16 * 16);
  const schedule = noiseSchedule({}, 'leading');
  const decoded: Float32Array[] = [];
  const oracle: ImageGraphs = {
    encode: async () => x_0,
    decode: async (latents) => (decoded.push(latents), new Float32Array(3 * 128 * 128)),
    predictor: () => async (x_t, timestep) => {
      const alpha = schedule.alphasCumulative[timestep]!;
      return x_t.map((value, i) => (value - Math.sqrt(alpha) * x_0[i]!) / Math.sqrt(1 - alpha));
    },
    release: async () => undefined,
  };
  const settings = { timestepSpacing: 'leading', stepsOffset: 1, setAlphaToOne: true };
  const noise = createImageDecoder({ ...config, prediction: 'epsilon', ports: { source: null, mask: null }, schedulers: { [scheduler]: settings } }, oracle);

  test.each([1, 0.5])('arrives at the picture from strength %f', async (strength) => {
    decoded.length = 0;
    await make(noise, { options: { scheduler, steps: 20, strength }, references: [{ role: 'edit', media: await colours() }] });
    expect(Math.max(...decoded[0]!.map((value, i) => Math.abs(value - x_0[i]!)))).toBeLessThan(1e-4);
  });

  test('is offered the schedulers that fit, and a strength that works without sight of the picture', () => {
    expect(noise.options).toMatchObject({ properties: { scheduler: { enum: ['ddim', 'euler', 'euler-ancestral', 'dpm-solver', 'pndm', 'lcm'] }, strength: { default: 0.8 } } });
  });
});

describe('an edit', () => {
  test('starts from noise with the picture in sight at strength 1, from the noised picture below', async () => {
    const references = [{ role: 'edit' as const, media: await colours() }];
    const [without, full, part] = [await make(decoder, { options: { steps: 4 } }), await make(decoder, { references, options: { steps: 4 } }), await make(decoder, { references, options: { steps: 4, strength: 0.5 } })];
    expect(full.media.id).not.toBe(without.media.id);
    expect(full.progress).toHaveLength(4);
    expect(part.progress).toEqual([1, 2].map((step) => ({ type: 'progress', step, steps: 2 })));
    expect(part.media.id).not.toBe(full.media.id);
  });

  test('of strength 0 is the picture through the autoencoder', async () => {
    const media = await colours();
    const { media: made, progress } = await make(decoder, { references: [{ role: 'edit', media }], options: { strength: 0 } });
    expect(progress).toEqual([]);
    const graphs = await openGraphs();
    const expected = fromPlanar(await graphs.decode(await graphs.encode(toPlanar(await pixelsOf(media)))));
    expect(await pixelsOf(made)).toEqual(new Uint8Array(expected));
  });

  test('with a mask changes what is white and keeps every other pixel exactly', async () => {
    const media = await colours();
    const { media: made } = await make(decoder, { references: [{ role: 'edit', media }, { role: 'mask', media: await rightHalf() }], options: { steps: 4 } });
    const [before, after] = [await pixelsOf(media), await pixelsOf(made)];
    const changed = [0, 0];
    for (let i = 0; i < 128 * 128; i += 1) if (before.subarray(3 * i, 3 * i + 3).join() !== after.subarray(3 * i, 3 * i + 3).join()) changed[i % 128 < 64 ? 0 : 1]! += 1;
    expect(changed[0]).toBe(0);
    expect(changed[1]).toBeGreaterThan(6000);
  });

  test('with a mask shows the transformer the untouched part alone', async () => {
    const graphs = await openGraphs();
    const conditions: { source: Float32Array; mask: Float32Array }[] = [];
    const watched = createImageDecoder(config, { ...graphs, predictor: (condition) => (conditions.push(condition), graphs.predictor(condition)) });
    await make(watched, { references: [{ role: 'edit', media: await colours() }, { role: 'mask', media: await rightHalf() }], options: { steps: 1 } });
    const { source, mask } = conditions[0]!;
    mask.forEach((cell, i) => expect(cell).toBe(i % 16 < 8 ? 0 : 1));
    source.forEach((value, i) => (i % 16 < 8 ? expect(value).not.toBe(0) : expect(value).toBe(0)));
  });

  test('says what does not fit', async () => {
    const [media, mask] = [await colours(), await rightHalf()];
    await expect(make(decoder, { references: [{ role: 'mask', media: mask }] })).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('mask: got a mask without a picture') });
    const wide = await picture(128, 64, () => [255, 255, 255]);
    await expect(make(decoder, { references: [{ role: 'edit', media }, { role: 'mask', media: wide }] })).rejects.toMatchObject({ code: 'bad_input', message: 'mask: got 128x64 for a picture of 128x128, expected the same proportions.' });
    await expect(decoder.check?.([{ role: 'edit', media }, { role: 'mask', media: wide }], context())).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('got 128x64 for a picture of 128x128') });
    await decoder.check?.([{ role: 'edit', media }, { role: 'mask', media: mask }], context());
    const black = await picture(64, 64, () => [0, 0, 0]);
    expect((await make(decoder, { references: [{ role: 'edit', media }, { role: 'mask', media: black }] })).warnings).toEqual(['mask_empty']);
    expect((await make(decoder, { references: [{ role: 'edit', media }, { role: 'edit', media: black }] })).warnings).toEqual(['reference_ignored']);
    expect((await make(decoder, { options: { strength: 0.5 } })).warnings).toEqual(['strength_unused']);
    const broken: Media = { ...media, bytes: media.bytes.subarray(0, 200) };
    await expect(make(decoder, { references: [{ role: 'edit', media: broken }] })).rejects.toMatchObject({ code: 'bad_media' });
  });
});

describe('cancelling', () => {
  test('ends before the next step with the reason of the signal', async () => {
    const graphs = await openGraphs();
    let runs = 0;
    const counted = createImageDecoder(config, {
      ...graphs,
      predictor(condition) {
        const predict = graphs.predictor(condition);
        return async (x_t, timestep) => ((runs += 1), predict(x_t, timestep));
      },
    });
    const controller = new AbortController();
    const events = counted.decode(request({ options: { steps: 1000 } }), context(1, controller.signal));
    await events.next();
    const second = events.next();
    controller.abort(new Error('enough'));
    // The step that was under way ends; none begins after the abort.
    expect(await second).toMatchObject({ value: { type: 'progress', step: 2 } });
    await expect(events.next()).rejects.toThrow('enough');
    expect(runs).toBe(2);
    expect(await events.next()).toEqual({ done: true, value: undefined });
  });

  test('by leaving the loop runs no further step', async () => {
    for await (const event of decoder.decode(request({ options: { steps: 1000 } }), context())) if (event.type === 'progress') break;
    expect((await make(decoder)).progress).toHaveLength(3);
  });
});

describe('what is wrong is refused with what would be right', () => {
  test.each([
    [{ steps: 0 }, 'image.steps: got 0, expected an integer from 1 to 1000'],
    [{ steps: 2.5 }, 'image.steps: got 2.5, expected an integer from 1 to 1000'],
    [{ width: 13, height: 7 }, 'image.width: got 13, expected one of 128; image.height: got 7, expected one of 128'],
    [{ strength: 1.5 }, 'image.strength: got 1.5, expected a number from 0 to 1'],
    [{ scheduler: 'ddim' }, 'image.scheduler: got "ddim", expected one of "flow-match-euler"'],
    [{ colour: 'red' }, 'image.colour: unknown; known are steps, guidanceScale, width, height, scheduler, strength, previewEvery, format, quality'],
  ])('options %o', async (options, message) => {
    await expect(make(decoder, { options })).rejects.toMatchObject({ code: 'bad_option', message });
  });

  test('every option has a default', () => {
    expect(decoder.options).toMatchObject({ type: 'object', additionalProperties: false });
    const properties: object = decoder.options['properties'] ?? {};
    expect(Object.keys(properties)).toContain('steps');
    for (const property of Object.values(properties)) expect(property).toHaveProperty('default');
  });

  test('conditioning of another size', async () => {
    const wrong = { tokens: { shape: [16, 20], data: new Float32Array(320) } };
    await expect(make(decoder, { conditioning: wrong })).rejects.toMatchObject({ code: 'bundle_invalid', message: 'latent-diffusion-image: conditioning tokens: got [16, 20], expected [16, 24].' });
    await expect(make(decoder, { conditioning: { feature: wrong.tokens } })).rejects.toThrow('got feature, expected [16, 24]');
    expect((await make(decoder, { conditioning: { tokens: { ...tokens().tokens, shape: [1, 16, 24] } } })).media.id).toBe((await make(decoder)).media.id);
  });

  test('graphs and settings that do not fit, and no session stays open', async () => {
    const before = openSessionCount();
    await expect(latentDiffusionImage.open(tinySource(tinyConfig, { latentDecoder: 'latent-encoder.onnx' }))).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('latent-encoder.onnx: input latents (float32) is missing') });
    await expect(latentDiffusionImage.open(tinySource(tinyConfig, { latentDecoder: 'absent.onnx' }))).rejects.toMatchObject({ code: 'bundle_invalid' });
    await expect(latentDiffusionImage.open(tinySource({ ...tinyConfig, ports: { source: null } }))).rejects.toThrow('unexpected input source');
    await expect(latentDiffusionImage.open(tinySource({ ...tinyConfig, factor: 0 }))).rejects.toThrow('config.factor: got 0, expected an integer of 1 or more');
    expect(openSessionCount()).toBe(before);
  });

  test('the ports are the conditioning', () => {
    expect(latentDiffusionImage.ports(tinyConfig)).toEqual({ in: { tokens: [16, 24] }, out: {} });
  });
});
