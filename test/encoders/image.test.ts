// The image encoder: its preprocessing reaches the graph as the training code defines it.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { jointImage } from '../../encoders/image/joint-image.ts';
import { mediaFromBytes } from '../../media/index.ts';
import type { Media } from '../../src/contracts.ts';
import { openSession } from '../../src/runtime/sessions.ts';
import { componentSource, fixtures, testContext, using } from '../conformance/component.ts';
import { describeEncoder } from '../conformance/encoder.ts';

const given = { config: { tokens: [9, 24], joint: 24, size: 96 }, files: { model: 'tiny/image-encoder/model.onnx' }, wrongConfig: { joint: 25 } };
const read = async (name: string): Promise<Media> => mediaFromBytes(readFileSync(new URL(`image-preprocessing/${name}`, fixtures)), name);

describeEncoder(jointImage, {
  ...given,
  media: async () => [await read('wide.png'), await read('small.png')],
  broken: async () => {
    const whole = await read('wide.png');
    return { ...whole, bytes: whole.bytes.subarray(0, 5000) };
  },
});

/** Tokens of one picture under a config that differs from the usual one. */
async function encode(config: object): Promise<Float32Array> {
  const source = componentSource({ ...given, config: { ...given.config, ...config } });
  return using(jointImage.open(source), async (encoder) => (await encoder.encode(await read('wide.png'), testContext())).tokens.data);
}

describe('joint-image', () => {
  test('feeds the graph what the training code would', async () => {
    const fixture: { cases: { image: string; pixels: { data: string } }[] } = JSON.parse(readFileSync(new URL('image-preprocessing/image-preprocessing.json', fixtures), 'utf8'));
    const source = componentSource(given);
    await using(jointImage.open(source), async (encoder) => {
      const session = await openSession(source.path('model'), { device: 'cpu' });
      try {
        for (const { image, pixels } of fixture.cases) {
          const bytes = Buffer.from(pixels.data, 'base64');
          const data = Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
          const expected = (await session.run({ pixels: { shape: [1, 3, 96, 96], data } }))['tokens'];
          const { tokens } = await encoder.encode(await read(image), testContext());
          tokens.data.forEach((value, i) => expect(Math.abs(value - Number(expected?.data[i]))).toBeLessThan(0.01));
        }
      } finally {
        await session.release();
      }
    });
  });

  test('normalises by mean and std, and puts the background behind', async () => {
    const plain = await encode({});
    expect(await encode({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], background: [255, 255, 255] })).toEqual(plain);
    expect(await encode({ mean: [0.4, 0.5, 0.6] })).not.toEqual(plain);
    expect(await encode({ background: [0, 0, 0] })).not.toEqual(plain);
  });

  test('stops with the job', async () => {
    await using(jointImage.open(componentSource(given)), async (encoder) => {
      await expect(encoder.encode(await read('wide.png'), testContext(AbortSignal.abort()))).rejects.toMatchObject({ code: 'aborted' });
    });
  });
});
