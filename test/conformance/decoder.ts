// The contract of a decoder, for every modality.
// A new decoder is tested by one call with a config, its files and options that make it quick.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isMarkedGenerated } from '../../media/index.ts';
import type { Conditioning, DecodePreview, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, Media } from '../../src/contracts.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { componentSource, describeFactory, expectShape, testContext, using } from './component.ts';
import type { ComponentCase } from './component.ts';

export interface DecoderCase extends ComponentCase {
  /** Of two steps or more. */
  readonly options: Readonly<Record<string, unknown>>;
  /** A medium of its own modality; absent for a decoder that edits none. */
  readonly edited?: () => Promise<Media>;
}

type Event = DecodeProgress | DecodePreview | DecodeResult;
type Changes = Partial<DecodeRequest> & { readonly seed?: number; readonly signal?: AbortSignal };

export function describeDecoder(factory: Factory<'decoder'>, given: DecoderCase): void {
  describeFactory(factory, given);
  const ports = factory.ports(given.config);
  const withDecoder = async <R>(use: (decoder: Decoder) => Promise<R>): Promise<R> => using(factory.open(componentSource(given)), use);

  /** Conditioning of its ports; other values for another `phase`. */
  const conditioning = (phase = 0): Conditioning => {
    const own = Object.entries(ports.in).filter(([port]) => !port.startsWith('companion/'));
    return Object.fromEntries(own.map(([port, axes]) => {
      const shape = axes.map((length) => length ?? 3);
      // Words are code points.
      if (port === 'characters') return [port, { shape, data: Float32Array.from({ length: 3 }, (_, i) => 0x61 + i + phase) }];
      return [port, { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(0.1 * i + phase)) }];
    }));
  };
  const events = (decoder: Decoder, { seed = 1, signal, ...changes }: Changes = {}): AsyncGenerator<Event> =>
    decoder.decode(
      { conditioning: conditioning(), negative: null, references: [], companions: {}, provenance: null, ...changes, options: { ...given.options, ...changes.options } },
      { ...testContext(signal), random: createRandom(seed) },
    );
  const all = async (decoder: Decoder, changes: Changes = {}): Promise<Event[]> => {
    const told: Event[] = [];
    for await (const event of events(decoder, changes)) told.push(event);
    return told;
  };
  const made = async (decoder: Decoder, changes: Changes = {}): Promise<Media> => {
    const last = (await all(decoder, changes)).at(-1);
    if (last?.type !== 'media') throw new Error('no medium came last');
    return last.media;
  };

  describe(`${factory.name} as a decoder`, () => {
    test('declares options that are closed, a default for each', async () => {
      await withDecoder(async ({ options }) => {
        expect(options).toMatchObject({ type: 'object', additionalProperties: false });
        const properties: object = options['properties'] ?? {};
        for (const [name, property] of Object.entries(properties)) expect(property, name).toHaveProperty('default');
      });
    });

    test('tells every step, then gives one medium, last, with the hash of its bytes', async () => {
      await withDecoder(async (decoder) => {
        const told = await all(decoder);
        const steps = told.length - 1;
        expect(told.slice(0, -1)).toEqual(Array.from({ length: steps }, (_, i) => ({ type: 'progress', step: i + 1, steps })));
        const result = told.at(-1);
        if (result?.type !== 'media') throw new Error('no medium came last');
        const { media } = result;
        expect(media.modality).toBe(decoder.modality);
        expect(media.mediaType.startsWith(`${decoder.modality}/`)).toBe(true);
        expect(media.id).toBe(createHash('sha256').update(media.bytes).digest('hex'));
        expect(isMarkedGenerated(media)).toBe(true);
        expect(Object.keys(result.companion ?? {}).toSorted()).toEqual(Object.keys(ports.out).toSorted());
        for (const [port, { shape }] of Object.entries(result.companion ?? {})) expectShape(shape, ports.out[port]);
      });
    });

    test('gives the same bytes for the same seed, others for another seed, another fork and another conditioning', async () => {
      await withDecoder(async (decoder) => {
        const { id } = await made(decoder);
        expect((await made(decoder)).id).toBe(id);
        expect((await made(decoder, { seed: 2 })).id).not.toBe(id);
        expect((await made(decoder, { conditioning: conditioning(1) })).id).not.toBe(id);
        const [second] = await Promise.all([made(decoder, { seed: createRandom(1).fork('second').seed }), made(decoder)]);
        expect(second.id).not.toBe(id);
      });
    });

    test('borrows what it is given', async () => {
      await withDecoder(async (decoder) => {
        const lent = conditioning();
        await made(decoder, { conditioning: lent, negative: lent });
        expect(lent).toEqual(conditioning());
      });
    });

    test('shows the first preview after two steps at most, a small marked picture, and changes nothing by it', async () => {
      await withDecoder(async (decoder) => {
        const has = Object.hasOwn(Object(decoder.options['properties']), 'previewEvery');
        const told = await all(decoder, has ? { options: { previewEvery: 1000 } } : {});
        const preview = told.find((event) => event.type === 'preview');
        const { length } = told.filter((event) => event.type === 'progress');
        expect(preview?.step).toBe(length > 2 ? 2 : undefined);
        if (preview !== undefined) expect([preview.media.modality, isMarkedGenerated(preview.media)]).toEqual(['image', true]);
        expect(told.at(-1)).toMatchObject({ media: { id: (await made(decoder)).id } });
      });
    });

    test('honours a negative where it says so', async () => {
      await withDecoder(async (decoder) => {
        const [without, with_] = [await made(decoder), await made(decoder, { negative: conditioning(2) })];
        expect(with_.id !== without.id).toBe(decoder.negative);
      });
    });

    test('stops before the next step after an abort, at every step', async () => {
      await withDecoder(async (decoder) => {
        const steps = (await all(decoder)).length - 1;
        for (let after = 0; after <= steps; after += 1) {
          const controller = new AbortController();
          const loop = events(decoder, { signal: controller.signal });
          for (let step = 1; step <= after; step += 1) expect(await loop.next()).toMatchObject({ value: { type: 'progress', step } });
          controller.abort(new Error('enough'));
          await expect(loop.next()).rejects.toThrow();
          expect(await loop.next()).toEqual({ done: true, value: undefined });
        }
      });
    });

    test('refuses an option that it does not know and conditioning of another size', async () => {
      await withDecoder(async (decoder) => {
        await expect(made(decoder, { options: { nonsense: 1 } })).rejects.toMatchObject({ code: 'bad_option', message: expect.stringContaining('nonsense') });
        const wrong = Object.fromEntries(Object.keys(conditioning()).map((port) => [port, { shape: [3, 1], data: new Float32Array(3) }]));
        await expect(made(decoder, { conditioning: wrong })).rejects.toMatchObject({ code: 'bundle_invalid' });
      });
    });

    test.runIf(given.edited !== undefined)('edits from the medium itself at strength 0 to as good as nothing of it at 1', async () => {
      const media = await given.edited!();
      await withDecoder(async (decoder) => {
        expect(decoder.references).toContain('edit');
        const references = [{ role: 'edit' as const, media }];
        const [none, half, whole] = [await all(decoder, { references, options: { strength: 0 } }), await all(decoder, { references, options: { strength: 0.5 } }), await all(decoder, { references, options: { strength: 1 } })];
        expect(none.length).toBeLessThan(half.length);
        expect(half.length).toBeLessThan(whole.length);
        const seeded = await made(decoder, { references, options: { strength: 0 }, seed: 2 });
        expect(none.at(-1)).toMatchObject({ media: { id: seeded.id } });
      });
    });

    test.runIf(given.edited !== undefined)('refuses broken media to edit', async () => {
      const media = await given.edited!();
      const broken = { ...media, bytes: media.bytes.subarray(0, 40) };
      await withDecoder(async (decoder) => {
        await expect(made(decoder, { references: [{ role: 'edit', media: broken }] })).rejects.toMatchObject({ code: 'bad_media' });
      });
    });
  });
}
