// Written sounds are as long as what went in, in step with it, say what they are, and come out the same wherever and whenever they are made.
import { afterAll, describe, expect, test, vi } from 'vitest';
import { closeMedia, decodeAudio, encodeAudio, generatedSourceType, inspectAudio, isMarkedGenerated, mediaFromBytes, readProvenance } from '../../media/index.ts';
import type { AudioFormat } from '../../media/index.ts';
import { inAnotherProcess, sound } from './clips.ts';

const formats: readonly AudioFormat[] = ['wav', 'mp3', 'ogg', 'flac'];
const provenance = { prompt: 'ein "bellender" Hünd & <🐕>\n2. Zeile', seed: 9007199254740991, bundle: 'nano', guidanceScale: 3.5, negative: null };

afterAll(async () => closeMedia());

/** How far the second lies behind the first where they agree best, of shifts to 50 samples. */
function lag(one: Float32Array, two: Float32Array): number {
  const fit = (shift: number): number => one.reduce((sum, sample, i) => sum + sample * (two[i + shift] ?? 0), 0);
  return Array.from({ length: 101 }, (_, i) => i - 50).reduce((best, shift) => (fit(shift) > fit(best) ? shift : best), 0);
}

describe.each(formats)('%s', (format) => {
  const options = { format, provenance, mark: true };

  test('holds the sound, in step and of its length', async () => {
    const given = sound();
    const media = await encodeAudio(given, options);
    expect(media).toEqual(await mediaFromBytes(media.bytes));
    expect(media.modality).toBe('audio');
    const { samples } = await decodeAudio(media, { sampleRateHz: 16_000, maxSeconds: 10 });
    expect(samples.length).toBe(20_001);
    expect(lag(given.samples, samples)).toBe(0);
    const header = await inspectAudio(media);
    expect(header).toMatchObject({ channels: 1, sampleRateHz: format === 'ogg' ? 48_000 : 16_000 });
    expect(header.seconds).toBeCloseTo(20_001 / 16_000, 4);
  });

  // Rates that a flac must spell out are read by others, not by the library that reads here.
  test.each([[20, 8000], [1152, 16_000], [1170, 16_000], [4410, 44_100], [9600, 96_000], ...(format === 'flac' ? [] : [[2000, 10_000], [2000, 7000]])])('%i samples at %i Hz', async (count, rate) => {
    const media = await encodeAudio(sound(count, rate), options);
    const { seconds } = await decodeAudio(media, { sampleRateHz: 48_000, maxSeconds: 10 });
    // Half a sample at the rate that a format has in place of the one given.
    expect(Math.abs(seconds - count / rate)).toBeLessThan(format === 'mp3' ? 1 / 16_000 : 1 / 90_000);
  });

  test('limits what is too loud', async () => {
    const loud = Float32Array.from({ length: 8000 }, (_, i) => 3 * Math.sin((i / 8000) * 2 * Math.PI * 200));
    const media = await encodeAudio({ samples: loud, sampleRateHz: 8000 }, options);
    const { samples } = await decodeAudio(media, { sampleRateHz: 8000, maxSeconds: 2 });
    // Wrapped samples would have the other sign.
    const high = samples.filter((_, i) => loud[i]! > 1.5);
    expect(high.length).toBeGreaterThan(2000);
    expect(high.every((sample) => sample > 0.5)).toBe(true);
  });

  test('says what made it, and how', async () => {
    const media = await encodeAudio(sound(), { ...options, description: 'Synthetic speech' });
    expect(readProvenance(media)).toEqual(provenance);
    expect(isMarkedGenerated(media)).toBe(true);
    const text = Buffer.from(media.bytes).toString('latin1');
    expect(text).toContain(generatedSourceType);
    expect(text).toContain('Synthetic speech');
    expect(text).toContain('H\\u00fcnd');
  });

  test('holds the mark alone where provenance is null, and nothing where no mark is wanted', async () => {
    const marked = await encodeAudio(sound(), { format, provenance: null, mark: true });
    expect([readProvenance(marked), isMarkedGenerated(marked)]).toEqual([null, true]);
    const plain = await encodeAudio(sound(), { format, provenance: null, mark: false, description: 'Synthetic speech' });
    expect([readProvenance(plain), isMarkedGenerated(plain)]).toEqual([null, false]);
    expect(Buffer.from(plain.bytes).toString('latin1')).not.toMatch(/Synthetic speech|iptc|xmp/i);
  });

  test('a very long prompt is cut, not refused', async () => {
    const media = await encodeAudio(sound(), { ...options, provenance: { prompt: 'ä'.repeat(100_000), seed: 1 } });
    expect(readProvenance(media)).toMatchObject({ seed: 1 });
    expect((await inspectAudio(media)).seconds).toBeCloseTo(20_001 / 16_000, 4);
  });
});

test('equal input gives equal bytes: at another time, with other chance, in another process', async () => {
  const once = await Promise.all(formats.map((format) => encodeAudio(sound(), { format, provenance, mark: true })));
  vi.useFakeTimers({ now: new Date('2031-05-06T07:08:09Z'), toFake: ['Date'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.123);
  try {
    const again = await Promise.all(formats.map((format) => encodeAudio(sound(), { format, provenance, mark: true })));
    expect(again.map(({ id }) => id)).toEqual(once.map(({ id }) => id));
  } finally {
    vi.useRealTimers();
    vi.restoreAllMocks();
  }
  const elsewhere = await inAnotherProcess(`const ids = [];
    for (const format of ${JSON.stringify(formats)}) ids.push((await media.encodeAudio(clips.sound(), { format, provenance: ${JSON.stringify(provenance)}, mark: true })).id);
    console.log(JSON.stringify(ids));`);
  expect(elsewhere).toEqual(once.map(({ id }) => id));
});

test('without the codecs wav is made and the others say what to install', async () => {
  const outcomes = await inAnotherProcess(
    `const outcomes = [];
    for (const format of ${JSON.stringify(formats)}) {
      outcomes.push(await media.encodeAudio(clips.sound(), { format, provenance: null, mark: true }).then(({ mediaType }) => mediaType, ({ code, message }) => [code, message]));
    }
    console.log(JSON.stringify(outcomes));`,
    { withoutServer: true },
  );
  const refusal = ['unsupported', expect.stringMatching(/needs the optional package @mediabunny\/server, which is not installed; run "npm install .*Formats that need no package: wav/)];
  expect(outcomes).toEqual(['audio/wav', refusal, refusal, refusal]);
});

test.each([
  ['no samples', { samples: new Float32Array(0), sampleRateHz: 16_000 }],
  ['a rate of 0', { samples: new Float32Array(10), sampleRateHz: 0 }],
  ['a sample that is no number', { samples: Float32Array.of(0, Number.NaN), sampleRateHz: 16_000 }],
])('%s is an error of ours', async (_, given) => {
  await expect(encodeAudio(given, { format: 'wav', provenance: null, mark: true })).rejects.toMatchObject({ code: 'internal' });
});
