// Speech is a sound that says what it is, the same for the same words, and stops when it should.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fliteSpeech } from '../../../decoders/speech/flite-speech.ts';
import { loadFlite, openSpeaker, voices } from '../../../decoders/speech/flite.ts';
import { decodeAudio, inspectAudio, isMarkedGenerated, readProvenance } from '../../../media/index.ts';
import type { Context, DecodeProgress, DecodePreview, DecodeRequest, DecodeResult, Decoder, Media } from '../../../src/contracts.ts';
import { componentSource, describeFactory, testContext } from '../../conformance/component.ts';

const given = { config: { voice: 'slt' }, files: {} };
let decoder: Decoder;

beforeAll(async () => {
  decoder = await fliteSpeech.open(componentSource(given));
});
afterAll(async () => decoder.dispose());

describeFactory(fliteSpeech, { ...given, config: {} });

function speech(text: string, options: Record<string, unknown> = {}, context: Context = testContext(), provenance: DecodeRequest['provenance'] = null): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult> {
  const data = Float32Array.from(Array.from(text), (character) => character.codePointAt(0)!);
  return decoder.decode({ conditioning: { characters: { shape: [data.length], data } }, negative: null, references: [], companions: {}, options, provenance }, context);
}

async function made(...request: Parameters<typeof speech>): Promise<Media> {
  let media: Media | null = null;
  for await (const event of speech(...request)) if (event.type === 'media') ({ media } = event);
  return media!;
}

/** Root mean square of each of `count` equal stretches. */
function loudness(samples: Float32Array, count: number): number[] {
  const length = Math.floor(samples.length / count);
  return Array.from({ length: count }, (_, i) => Math.sqrt(samples.subarray(i * length, (i + 1) * length).reduce((sum, sample) => sum + sample * sample, 0) / length));
}

describe('flite-speech', () => {
  test('tells every sentence, then gives one sound with words and pauses in it', async () => {
    const told: unknown[] = [];
    let last: Media | null = null;
    for await (const event of speech('One small step. And a pause. The end.')) {
      if (event.type === 'media') last = event.media;
      else told.push(event);
    }
    expect(told).toEqual([1, 2, 3].map((step) => ({ type: 'progress', step, steps: 3 })));
    expect(last).toMatchObject({ modality: 'audio', mediaType: 'audio/wav' });
    const { samples, seconds } = await decodeAudio(last!, { sampleRateHz: 16_000, maxSeconds: 30 });
    expect(seconds).toBeGreaterThan(2);
    expect(seconds).toBeLessThan(6);
    const parts = loudness(samples, 60);
    expect(Math.max(...parts)).toBeGreaterThan(0.05);
    expect(Math.min(...parts)).toBeLessThan(0.005);
    expect(samples.every((sample) => Math.abs(sample) < 0.999)).toBe(true);
  });

  test.each(voices)('the voice %s speaks, at its own rate, and faster when told to', async (voice) => {
    const slow = await inspectAudio(await made('Testing the voice.', { voice }));
    expect(slow).toMatchObject({ sampleRateHz: voice === 'kal' ? 8000 : 16_000, channels: 1 });
    const fast = await inspectAudio(await made('Testing the voice.', { voice, speed: 2 }));
    expect(fast.seconds / slow.seconds).toBeGreaterThan(0.4);
    expect(fast.seconds / slow.seconds).toBeLessThan(0.65);
  });

  test('the same words give the same bytes, others give others', async () => {
    const { id } = await made('The same words.');
    expect((await made('The same words.', {}, { ...testContext(), random: testContext().random.fork('other') })).id).toBe(id);
    const first = decoder;
    decoder = await fliteSpeech.open(componentSource(given));
    await first.dispose();
    expect((await made('The same words.')).id).toBe(id);
    expect((await made('Other words.')).id).not.toBe(id);
    expect((await made('The same words.', { voice: 'rms' })).id).not.toBe(id);
  });

  test.each(['wav', 'mp3', 'ogg', 'flac'])('writes %s, marked as synthetic speech, with what made it', async (format) => {
    const media = await made('Marked.', { format, speed: 1.25 }, testContext(), { prompt: 'say "marked"', bundle: 'nano' });
    expect(isMarkedGenerated(media)).toBe(true);
    expect(readProvenance(media)).toEqual({ prompt: 'say "marked"', bundle: 'nano', voice: 'slt', speed: 1.25, format });
    expect(Buffer.from(media.bytes).toString('latin1')).toContain('Synthetic speech by Flite, voice slt');
    expect((await inspectAudio(media)).seconds).toBeGreaterThan(0.3);
    const plain = await made('Marked.', { format });
    expect([readProvenance(plain), isMarkedGenerated(plain)]).toEqual([null, true]);
    expect(Buffer.from(plain.bytes).toString('latin1')).toContain('Synthetic speech');
  });

  test.each(['', ' ...! ', '犬も歩けば棒に当たる'])('%j is nothing to speak', async (text) => {
    await expect(made(text)).rejects.toMatchObject({ code: 'bad_input', message: expect.stringContaining('Latin letter') });
  });

  test('an empty text is called empty', async () => {
    await expect(made('')).rejects.toThrow('is empty');
  });

  test('a text that is too long is refused with the limit', async () => {
    await expect(made('word '.repeat(801))).rejects.toMatchObject({ code: 'bad_input', message: expect.stringMatching(/has 4005 characters; at most 4000/) });
  });

  test('letters that are left out are warned of', async () => {
    const context = testContext();
    await made('Say 犬.', {}, context);
    expect(context.warnings).toEqual(['characters_unspoken']);
  });

  test('text that looks like an option, a format or a tag is spoken like any other', async () => {
    for (const text of ['--help', '-o other.wav', '%s%n', '<break time="1000s"/>']) expect((await inspectAudio(await made(text))).seconds).toBeGreaterThan(0.3);
  });

  test('refuses options and conditioning that it does not know', async () => {
    await expect(made('x', { nonsense: 1 })).rejects.toMatchObject({ code: 'bad_option' });
    await expect(made('x', { voice: 'awb_time' })).rejects.toMatchObject({ code: 'bad_option' });
    const request = { negative: null, references: [], companions: {}, options: {}, provenance: null };
    await expect(decoder.decode({ ...request, conditioning: {} }, testContext()).next()).rejects.toMatchObject({ code: 'bundle_invalid' });
    const half = { characters: { shape: [1], data: Float32Array.of(0.5) } };
    await expect(decoder.decode({ ...request, conditioning: half }, testContext()).next()).rejects.toMatchObject({ code: 'bundle_invalid' });
  });

  test('stops at an abort: before the first sentence, between two, and while one is spoken', async () => {
    const text = 'The first sentence. The second sentence. The third sentence.';
    for (const after of [0, 1, 2, 3]) {
      const controller = new AbortController();
      const loop = speech(text, {}, testContext(controller.signal));
      for (let step = 1; step <= after; step += 1) expect(await loop.next()).toMatchObject({ value: { type: 'progress', step } });
      controller.abort(new Error('enough'));
      await expect(loop.next()).rejects.toThrow('enough');
      expect(await loop.next()).toEqual({ done: true, value: undefined });
    }
    const controller = new AbortController();
    const speaking = speech(text, {}, testContext(controller.signal)).next();
    setImmediate(() => controller.abort(new Error('enough')));
    await expect(speaking).rejects.toThrow('enough');
  });

  test('a sentence that takes too long ends with a timeout, and its thread with it', async () => {
    const speaker = openSpeaker(await loadFlite(), 1);
    try {
      await expect(speaker.speak({ text: 'far too slow', voice: 'slt', speed: 1 }, new AbortController().signal)).rejects.toMatchObject({ code: 'timeout', message: expect.stringContaining('12 characters') });
    } finally {
      await speaker.close();
    }
  });

  test('a speaker that was closed speaks no more', async () => {
    const speaker = openSpeaker(await loadFlite());
    const sentence = { text: 'hello', voice: 'slt', speed: 1 };
    try {
      expect((await speaker.speak(sentence, new AbortController().signal)).samples.length).toBeGreaterThan(1000);
    } finally {
      await speaker.close();
    }
    await expect(speaker.speak(sentence, new AbortController().signal)).rejects.toMatchObject({ code: 'internal' });
  });
});
