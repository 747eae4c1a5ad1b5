// The encoder of sounds that needs no model, by the contract of encoders and by what it says of loud and quiet.

import { expect, test } from 'vitest';
import { loudness } from '../../encoders/audio/loudness.ts';
import { componentSource, testContext, using } from '../conformance/component.ts';
import { describeEncoder } from '../conformance/encoder.ts';
import { medium, mediumOf } from './towers-fixture.ts';

describeEncoder(loudness, {
  config: {},
  files: {},
  media: async () => [medium('audio', 'short.wav'), medium('audio', 'sound.wav')],
  broken: async () => mediumOf('audio', new TextEncoder().encode('RIFF....WAVE'), 'audio/wav'),
});

test('a part of a steady sound is as loud as its tone', async () => {
  const { tokens, joint } = await using(loudness.open(componentSource({ config: {}, files: {} })), async (encoder) => encoder.encode(medium('audio', 'full.wav'), testContext()));
  expect(joint).toBeNull();
  // A sine of 0.3 with a little noise.
  for (const value of tokens.data) expect(Math.abs(value - 0.3 / Math.SQRT2)).toBeLessThan(0.05);
});
