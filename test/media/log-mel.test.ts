// Log-mels against those of transformers' audio_utils (training/fixtures/log_mel.py).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { logMel } from '../../media/index.ts';
import type { LogMelSettings } from '../../media/index.ts';

interface Case {
  readonly settings: LogMelSettings;
  readonly samples: number;
  readonly frames: number;
  readonly frameStep: number;
  readonly mels: { readonly shape: readonly [number, number]; readonly data: string };
}
const { cases }: { cases: readonly Case[] } = JSON.parse(readFileSync(new URL('../fixtures/log-mel.json', import.meta.url), 'utf8'));

/** The rule of the fixture. */
function soundOf(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => (i < 12_000 ? 0.4 * Math.sin(i * (0.05 + i * 4e-5)) + 0.2 * Math.sin(0.02 * i) + (i % 1000 === 500 ? 0.3 : 0) : 0));
}

describe('logMel', () => {
  test.each(cases)('equals the reference: $samples samples, $settings.mels mels', ({ settings, samples, frames, frameStep, mels }) => {
    const expected = new Float32Array(new Uint8Array(Buffer.from(mels.data, 'base64')).buffer);
    const { shape, data } = logMel(soundOf(samples), settings);
    expect(shape).toEqual([settings.mels, frames]);
    expect(frames).toBe(1 + Math.floor(samples / settings.hop));
    let worst = 0;
    for (let mel = 0; mel < settings.mels; mel += 1) {
      for (let k = 0; k < mels.shape[1]; k += 1) {
        worst = Math.max(worst, Math.abs(expected[mel * mels.shape[1] + k]! - data[mel * frames + k * frameStep]!));
      }
    }
    expect(worst).toBeLessThan(1e-4);
  });

  test('nothing and silence are the floor', () => {
    const { settings } = cases[0]!;
    const floor = Math.fround(Math.log(1e-5));
    expect(logMel(new Float32Array(0), settings)).toEqual({ shape: [128, 1], data: new Float32Array(128).fill(floor) });
    expect(logMel(new Float32Array(600), settings)).toEqual({ shape: [128, 3], data: new Float32Array(384).fill(floor) });
  });

  test('settings that contradict each other are refused', () => {
    const { settings } = cases[0]!;
    expect(() => logMel(new Float32Array(10), { ...settings, maxHz: 9000 })).toThrow('expected minHz < maxHz <= 8000');
  });
});
