// A tone stays where it is in time and pitch whatever rates it goes through; what a rate cannot hold is left out.
import { describe, expect, test } from 'vitest';
import { resampleAudio } from '../../media/resample-audio.ts';

const tone = (hertz: number, rate: number, count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin((i / rate) * 2 * Math.PI * hertz));
const loudest = (samples: Float32Array): number => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
const middle = (samples: Float32Array): Float32Array => samples.subarray(samples.length / 4, (samples.length * 3) / 4);

describe('resampleAudio', () => {
  test.each([[16_000, 48_000], [48_000, 16_000], [44_100, 48_000], [22_050, 16_000], [12_345, 16_000]])('%i to %i Hz: a tone of 1 kHz is the same tone', (from, to) => {
    const made = resampleAudio(tone(1000, from, from), from, to);
    expect(made.length).toBe(to);
    const wanted = tone(1000, to, to);
    expect(loudest(middle(made.map((sample, i) => sample - wanted[i]!)))).toBeLessThan(1e-4);
  });

  test('what lies above half the lower rate is left out', () => {
    expect(loudest(middle(resampleAudio(tone(10_000, 48_000, 48_000), 48_000, 16_000)))).toBeLessThan(1e-4);
  });

  test('a steady level stays, and the same rate is a copy', () => {
    const level = resampleAudio(new Float32Array(4410).fill(0.5), 44_100, 16_000);
    expect(middle(level).every((sample) => Math.abs(sample - 0.5) < 1e-6)).toBe(true);
    const given = tone(440, 8000, 100);
    const same = resampleAudio(given, 8000, 8000);
    expect(same).toEqual(given);
    expect(same).not.toBe(given);
  });
});
