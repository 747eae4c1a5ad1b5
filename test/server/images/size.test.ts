// Sizes that are asked for, and the nearest that a decoder makes, for decoders of other kinds than the tiny one.

import { expect, test } from 'vitest';
import type { OutputDescription } from '../../../src/server/output-options.ts';
import { askedSize, nearestSize, usualSize } from '../../../src/server/images/size.ts';

function output(properties: object): OutputDescription {
  return { name: 'image', modality: 'image', options: { type: 'object', properties }, sources: ['prompt'], references: [], negative: true };
}
const side = { type: 'integer', minimum: 256, maximum: 1024, multipleOf: 64, default: 512 };
const free = output({ width: side, height: side });
const listed = output({ width: { enum: [512, 1024], default: 512 }, height: { enum: [512, 768, 1024], default: 512 } });
const square = output({ width: { ...side, multipleOf: 2 } });

test.each([
  [free, 512, 768, 512, 768],
  [free, 500, 500, 512, 512],
  // Of the same shape where it can be.
  [free, 2048, 1024, 1024, 512],
  [free, 128, 64, 512, 256],
  [free, 3000, 100, 1024, 256],
  [listed, 1536, 1024, 1024, 768],
  [listed, 512, 512, 512, 512],
  [square, 720, 1280, 960, 960],
  [square, 64, 64, 256, 256],
])('the nearest size of a decoder', (decoder, width, height, wide, high) => {
  expect(nearestSize(decoder, { width, height })).toEqual({ width: wide, height: high });
});

test('a size is asked for in several ways', () => {
  const usual = usualSize(free);
  expect(usual).toEqual({ width: 512, height: 512 });
  expect(askedSize({}, usual)).toBeNull();
  expect(askedSize({ size: 'auto' }, usual)).toBeNull();
  expect(askedSize({ size: '640X480' }, usual)).toEqual({ width: 640, height: 480 });
  expect(askedSize({ size: '640x480', width: 100 }, usual)).toEqual({ width: 100, height: 100 });
  expect(askedSize({ aspect_ratio: '16:9' }, usual)).toEqual({ width: 682, height: 384 });
  for (const [body, field] of [[{ size: '0x5' }, 'size'], [{ size: 'large' }, 'size'], [{ width: 5000 }, 'width'], [{ height: -1 }, 'height'], [{ aspect_ratio: '1:0' }, 'aspect_ratio'], [{ size: '4096x4096' }, 'size']] as const) {
    expect(() => askedSize(body, usual)).toThrow(expect.objectContaining({ code: 'bad_option', field }));
  }
});
