// The contract of an encoder, for every modality.
// A new encoder is tested by one call with a config, its files and some media.
import { describe, expect, test } from 'vitest';
import type { Encoder, Factory, Media } from '../../src/contracts.ts';
import { componentSource, describeFactory, expectShape, norm, testContext, using } from './component.ts';
import type { ComponentCase } from './component.ts';

export interface EncoderCase extends ComponentCase {
  /** Two media that mean different things. */
  readonly media: () => Promise<readonly [Media, Media]>;
  /** Of the modality and broken. */
  readonly broken: () => Promise<Media>;
}

export function describeEncoder(factory: Factory<'encoder'>, given: EncoderCase): void {
  describeFactory(factory, given);
  const withEncoder = async <R>(use: (encoder: Encoder) => Promise<R>): Promise<R> => using(factory.open(componentSource(given)), use);

  describe(`${factory.name} as an encoder`, () => {
    test('gives what its ports declare, the joint embedding at length 1', async () => {
      const { out } = factory.ports(given.config);
      const [media] = await given.media();
      await withEncoder(async (encoder) => {
        expect(encoder.mediaTypes).toContain(media.mediaType);
        const { tokens, joint, tracks } = await encoder.encode(media, testContext());
        expectShape(tokens.shape, out['tokens']);
        expect(tokens.data.every(Number.isFinite)).toBe(true);
        expect(tracks).toBeInstanceOf(Array);
        expect(joint === null).toBe(out['joint'] === undefined);
        if (joint === null) return;
        expectShape(joint.shape, out['joint']);
        expect(norm(joint.data)).toBeCloseTo(1, 5);
      });
    });

    test('borrows the medium, hands over the result and draws nothing', async () => {
      const [media, other] = await given.media();
      const before = media.bytes.slice();
      await withEncoder(async (encoder) => {
        const context = testContext();
        const first = await encoder.encode(media, context);
        const kept = first.tokens.data.slice();
        const different = await encoder.encode(other, context);
        expect(different.tokens.data).not.toEqual(kept);
        first.tokens.data.fill(7);
        first.joint?.data.fill(7);
        const second = await encoder.encode(media, context);
        expect(second.tokens.data).toEqual(kept);
        expect(media.bytes).toEqual(before);
        expect(context.random.uniform(4)).toEqual(testContext().random.uniform(4));
      });
    });

    test('refuses broken media as bad_media, before the job where it can', async () => {
      const broken = await given.broken();
      await withEncoder(async (encoder) => {
        if (encoder.check !== undefined) await expect(encoder.check(broken, testContext())).rejects.toMatchObject({ code: 'bad_media' });
        await expect(encoder.encode(broken, testContext())).rejects.toMatchObject({ code: 'bad_media' });
        const [media] = await given.media();
        await encoder.check?.(media, testContext());
      });
    });
  });
}
