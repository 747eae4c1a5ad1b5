// Written videos show the frames that went in, for as long as asked, say what they are, and come out the same wherever and whenever they are made.
import { afterAll, describe, expect, test, vi } from 'vitest';
import { closeMedia, decodeVideo, encodeVideo, generatedSourceType, inspectVideo, isMarkedGenerated, mediaFromBytes, readProvenance } from '../../media/index.ts';
import type { Clip, VideoFormat } from '../../media/index.ts';
import { frameDelays } from '../../media/animation.ts';
import { clip, inAnotherProcess } from './clips.ts';

const formats: readonly VideoFormat[] = ['mp4', 'webm', 'gif', 'webp'];
const provenance = { prompt: 'ein "springender" Bäll & <⚽>\n2. Zeile', seed: 9007199254740991, bundle: 'nano', guidanceScale: 3.5, negative: null };

afterAll(async () => closeMedia());

/** The frames of a file at the middles of their times. */
async function framesOf(bytes: Uint8Array, { width, height, frames, fps }: Clip): Promise<Uint8Array[]> {
  const times = frames.map((_, i) => (i + 0.5) / fps);
  return (await decodeVideo(await mediaFromBytes(bytes), { width, height, fit: 'fill', background: [255, 255, 255], times })).frames;
}

/** Mean of the differences of two pictures, in steps of 8 bits. */
function difference(one: Uint8Array, two: Uint8Array): number {
  return one.reduce((sum, value, i) => sum + Math.abs(value - two[i]!), 0) / one.length;
}

describe.each(formats)('%s', (format) => {
  const options = { format, provenance, mark: true };

  test('shows its frames, each in its time', async () => {
    const given = clip();
    const media = await encodeVideo(given, options);
    expect(media).toEqual(await mediaFromBytes(media.bytes));
    expect(await inspectVideo(media)).toMatchObject({ width: 64, height: 48, frames: 16, hasSound: false });
    const shown = await framesOf(media.bytes, given);
    for (const [i, frame] of shown.entries()) {
      expect(difference(frame, given.frames[i]!), `frame ${i}`).toBeLessThan(3);
      if (i > 0) expect(difference(frame, given.frames[i]!)).toBeLessThan(difference(frame, given.frames[i - 1]!));
    }
  });

  test.each([1, 7, 12.5, 30])('%f frames a second', async (fps) => {
    const { seconds, frames } = await inspectVideo(await encodeVideo(clip(5, 32, 32, fps), options));
    expect(frames).toBe(5);
    expect(Math.abs(seconds - 5 / fps)).toBeLessThanOrEqual(format === 'gif' ? 0.005 : 0.001);
  });

  test('takes odd sizes', async () => {
    const given = clip(2, 31, 33);
    const media = await encodeVideo(given, options);
    const even = format === 'mp4' || format === 'webm';
    expect(await inspectVideo(media)).toMatchObject({ frames: 2, ...(even ? { width: 32, height: 34 } : { width: 31, height: 33 }) });
    const [shown] = await framesOf(media.bytes, { ...given, ...(even && { width: 32, height: 34 }) });
    const cropped = Uint8Array.from({ length: 31 * 33 * 3 }, (_, i) => shown![Math.floor(i / 93) * (even ? 96 : 93) + (i % 93)]!);
    // So small a picture is mostly edges; one whose rows were shifted would differ by 20 and more.
    expect(difference(cropped, given.frames[0]!)).toBeLessThan(8);
  });

  test('keeps flat colours', async () => {
    const pixels = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => [200, 60, 20][i % 3]!);
    const given = { width: 64, height: 64, fps: 8, frames: [pixels, pixels.map((value, i) => (i < 300 ? 255 : value))] };
    const shown = await framesOf((await encodeVideo(given, options)).bytes, given);
    expect(difference(shown[0]!, pixels)).toBeLessThan(format === 'mp4' || format === 'gif' ? 1 : 3);
  });

  test('says what made it, and how', async () => {
    const media = await encodeVideo(clip(2), options);
    expect(readProvenance(media)).toEqual(provenance);
    expect(isMarkedGenerated(media)).toBe(true);
    const text = Buffer.from(media.bytes).toString('latin1');
    expect(text).toContain(generatedSourceType);
    expect(text).toContain('B\\u00e4ll');
  });

  test('holds the mark alone where provenance is null, and nothing where no mark is wanted', async () => {
    const marked = await encodeVideo(clip(2), { format, provenance: null, mark: true });
    expect([readProvenance(marked), isMarkedGenerated(marked)]).toEqual([null, true]);
    const plain = await encodeVideo(clip(2), { format, provenance: null, mark: false });
    expect([readProvenance(plain), isMarkedGenerated(plain)]).toEqual([null, false]);
    expect(Buffer.from(plain.bytes).toString('latin1')).not.toMatch(/iptc|xmpmeta/i);
  });

  test('a very long prompt is cut, not refused', async () => {
    const media = await encodeVideo(clip(2), { ...options, provenance: { prompt: 'ä'.repeat(100_000), seed: 1 } });
    expect(readProvenance(media)).toMatchObject({ seed: 1 });
    expect(await inspectVideo(media)).toMatchObject({ frames: 2 });
  });
});

test('frames that are alike are all kept in mp4, webm and gif', async () => {
  const [frame] = clip(1).frames;
  const still = { ...clip(1), frames: [frame!, frame!, frame!] };
  for (const format of ['mp4', 'webm', 'gif'] as const) {
    expect(await inspectVideo(await encodeVideo(still, { format, provenance: null, mark: true })), format).toMatchObject({ frames: 3, seconds: expect.closeTo(0.375, 1) });
  }
});

test('an mp4 has its index in front and H.264 in it, made by one thread on any machine', async () => {
  const { bytes } = await encodeVideo(clip(), { format: 'mp4', provenance, mark: true });
  const text = Buffer.from(bytes).toString('latin1');
  expect(text.indexOf('moov')).toBeLessThan(text.indexOf('mdat'));
  expect(text).toContain('avcC');
  expect(text).toContain(' threads=1 ');
});

test('delays of a gif are tens of milliseconds whose sum is never off by more than half of one', () => {
  expect(frameDelays(4, 8, 10)).toEqual([130, 120, 130, 120]);
  expect(frameDelays(3, 30, 10)).toEqual([30, 40, 30]);
  expect(frameDelays(3, 30, 1)).toEqual([33, 34, 33]);
});

test('equal input gives equal bytes: at another time, with other chance, in another process', async () => {
  const make = (): Promise<string[]> => Promise.all(formats.map(async (format) => (await encodeVideo(clip(), { format, provenance, mark: true })).id));
  const once = await make();
  vi.useFakeTimers({ now: new Date('2031-05-06T07:08:09Z'), toFake: ['Date'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.123);
  try {
    expect(await make()).toEqual(once);
  } finally {
    vi.useRealTimers();
    vi.restoreAllMocks();
  }
  const elsewhere = await inAnotherProcess(`const ids = [];
    for (const format of ${JSON.stringify(formats)}) ids.push((await media.encodeVideo(clips.clip(), { format, provenance: ${JSON.stringify(provenance)}, mark: true })).id);
    console.log(JSON.stringify(ids));`);
  expect(elsewhere).toEqual(once);
});

test('without the codecs gif and webp are made and the others say what to install', async () => {
  const outcomes = await inAnotherProcess(
    `const outcomes = [];
    for (const format of ${JSON.stringify(formats)}) {
      outcomes.push(await media.encodeVideo(clips.clip(2), { format, provenance: null, mark: true }).then(({ mediaType }) => mediaType, ({ code, message }) => [code, message]));
    }
    console.log(JSON.stringify(outcomes));`,
    { withoutServer: true },
  );
  const refusal = ['unsupported', expect.stringMatching(/needs the optional package @mediabunny\/server, which is not installed; run "npm install .*gif and webp for video/)];
  expect(outcomes).toEqual([refusal, refusal, 'image/gif', 'image/webp']);
});

test.each([
  ['no frames', { ...clip(1), frames: [] }],
  ['a frame of another size', { ...clip(1), frames: [new Uint8Array(12)] }],
  ['no time', { ...clip(1), fps: 0 }],
])('%s is an error of ours', async (_, given) => {
  await expect(encodeVideo(given, { format: 'gif', provenance: null, mark: true })).rejects.toMatchObject({ code: 'internal' });
});
