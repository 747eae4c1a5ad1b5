// The encoder of sounds: what of a sound reaches the graph, from every container, and that long sounds are heard in windows.
import { ALL_FORMATS, BufferSource, BufferTarget, Conversion, Input, Mp4OutputFormat, Output } from 'mediabunny';
import { describe, expect, test } from 'vitest';
import { jointAudio } from '../../encoders/audio/joint-audio.ts';
import { melOf, readWindows, windowStarts } from '../../encoders/audio/windows.ts';
import { addSound, encodeAudio, encodeVideo, logMel, mediaFromBytes } from '../../media/index.ts';
import type { AudioFormat } from '../../media/index.ts';
import type { Encoding, Media } from '../../src/contracts.ts';
import { openSession } from '../../src/runtime/sessions.ts';
import { componentSource, norm, testContext, using } from '../conformance/component.ts';
import { describeEncoder } from '../conformance/encoder.ts';

const RATE = 16_000;
const mel = { sampleRateHz: RATE, fftSize: 1024, hop: 256, mels: 128, minHz: 0, maxHz: 8000, melScale: 'slaney', norm: 'slaney', floor: 1e-5 } as const;
const hearing = { frames: 256, mel, maxWindows: 4 };
const given = {
  config: { tokens: [9, 24], joint: 24, frames: 256, mel, maxWindows: 4 },
  files: { model: 'tiny/audio-encoder/model.onnx' },
  wrongConfig: { joint: 25 },
};

/** A tone whose pitch rises by `rise` Hz a second. */
function tone(seconds: number, hz: number, rise = 0): Float32Array {
  return Float32Array.from({ length: Math.round(seconds * RATE) }, (_, i) => 0.4 * Math.sin((2 * Math.PI * (hz + (rise * i) / RATE / 2) * i) / RATE));
}

async function sound(samples: Float32Array, format: AudioFormat = 'wav'): Promise<Media> {
  return encodeAudio({ samples, sampleRateHz: RATE }, { format, provenance: null, mark: false });
}

/** AAC in a file of its own, by way of a video that is given the sound and loses its pictures. */
async function m4a(samples: Float32Array): Promise<Media> {
  const frames = Array.from({ length: Math.ceil(samples.length / RATE) + 1 }, () => new Uint8Array(64 * 64 * 3));
  const video = await encodeVideo({ width: 64, height: 64, frames, fps: 1 }, { format: 'mp4', provenance: null, mark: false });
  const input = new Input({ source: new BufferSource((await addSound(video, await sound(samples))).bytes), formats: ALL_FORMATS });
  const target = new BufferTarget();
  const conversion = await Conversion.init({ input, output: new Output({ format: new Mp4OutputFormat(), target }), video: { discard: true } });
  await conversion.execute();
  return mediaFromBytes(new Uint8Array(target.buffer ?? new ArrayBuffer(0)), 'tone.m4a');
}

async function encode(media: Media, config: object = {}): Promise<Encoding> {
  return using(jointAudio.open(componentSource({ ...given, config: { ...given.config, ...config } })), async (encoder) => encoder.encode(media, testContext()));
}

describeEncoder(jointAudio, {
  ...given,
  media: async () => [await sound(tone(2, 440)), await sound(tone(1, 2000, 500))],
  broken: async () => {
    const whole = await sound(tone(2, 440));
    return { ...whole, bytes: whole.bytes.subarray(0, 30) };
  },
});

describe('joint-audio', () => {
  test('shows the graph the log-mels of a window', async () => {
    const samples = tone(4.096, 300, 400);
    const { shape: [, frames = 0], data } = logMel(samples, mel);
    const window = new Float32Array(128 * 256);
    for (let row = 0; row < 128; row += 1) window.set(data.subarray(row * frames, row * frames + 256), row * 256);
    const session = await openSession(componentSource(given).path('model'), { device: 'cpu' });
    try {
      const expected = (await session.run({ mel: { shape: [1, 128, 256], data: window } }))['tokens'];
      const { tokens } = await encode(await sound(samples));
      tokens.data.forEach((value, i) => expect(Math.abs(value - Number(expected?.data[i]))).toBeLessThan(0.01));
    } finally {
      await session.release();
    }
  });

  test.each(['mp3', 'ogg', 'flac', 'm4a'] as const)('hears in %s what it hears in wav', async (format) => {
    const samples = tone(3, 500, 200);
    const media = format === 'm4a' ? await m4a(samples) : await sound(samples, format);
    expect(media.modality).toBe('audio');
    const [wav, other] = [await encode(await sound(samples)), await encode(media)];
    const cosine = wav.joint!.data.reduce((sum, value, i) => sum + value * other.joint!.data[i]!, 0);
    expect(cosine).toBeGreaterThan(format === 'flac' ? 0.9999 : 0.98);
  });

  test('is the mean of the windows of a long sound', async () => {
    const [first, second] = [tone(4.096, 300), tone(4.096, 2500)];
    const both = new Float32Array(first.length * 2);
    both.set(first);
    both.set(second, first.length);
    const [a, b, ab] = [await encode(await sound(first)), await encode(await sound(second)), await encode(await sound(both))];
    // Where they meet, the frames on the edge see both.
    ab.tokens.data.forEach((value, i) => expect(Math.abs(value - (a.tokens.data[i]! + b.tokens.data[i]!) / 2)).toBeLessThan(0.02));
    expect(norm(ab.joint!.data)).toBeCloseTo(1, 5);
  });

  test('stops with the job, before the window after an abort', async () => {
    const controller = new AbortController();
    await using(jointAudio.open(componentSource(given)), async (encoder) => {
      const long = await sound(tone(12, 440));
      await expect(encoder.encode(long, testContext(AbortSignal.abort()))).rejects.toMatchObject({ code: 'aborted' });
      const encoding = encoder.encode(long, testContext(controller.signal));
      controller.abort();
      await expect(encoding).rejects.toThrow();
    });
  });
});

describe('windows', () => {
  test('cover a sound evenly, at most so many, one where it is short', () => {
    expect(windowStarts(3, 4, 8)).toEqual([0]);
    expect(windowStarts(4, 4, 8)).toEqual([0]);
    expect(windowStarts(4.5, 4, 8)).toEqual([0, 0.5]);
    expect(windowStarts(12, 4, 8)).toEqual([0, 4, 8]);
    expect(windowStarts(100, 4, 3)).toEqual([0, 48, 96]);
    expect(windowStarts(100, 4, 1)).toEqual([0]);
  });

  test('of a sound longer than all of them are spread over it', async () => {
    // Every second has its own pitch.
    const samples = Float32Array.from({ length: 30 * RATE }, (_, i) => 0.4 * Math.sin((2 * Math.PI * (200 + 100 * Math.floor(i / RATE)) * (i % RATE)) / RATE));
    const windows = await readWindows(await sound(samples), hearing, new AbortController().signal);
    expect(windows.map(({ length }) => length)).toEqual([65_536, 65_536, 65_536, 65_536]);
    [0, 1, 2, 3].forEach((index) => {
      const from = Math.round((index * (30 - 4.096) * RATE) / 3);
      const apart = windows[index]!.reduce((most, value, i) => Math.max(most, Math.abs(value - samples[from + i]!)), 0);
      expect(apart).toBeLessThan(0.02);
    });
  });

  test('of a short sound are silent after it', () => {
    const data = melOf(tone(1, 440), hearing);
    expect(data).toHaveLength(128 * 256);
    const silence = Math.fround(Math.log(1e-5));
    for (let row = 0; row < 128; row += 1) expect(data.subarray(row * 256 + 63, (row + 1) * 256).every((value) => value === silence)).toBe(true);
    expect(data[256 * 10]).toBeGreaterThan(-6);
  });
});
