// Every remote decoder keeps the contract of decoders, against servers that answer by prompt and seed.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeImage, encodeAudio, encodeImage } from '../../media/index.ts';
import type { DecodeRequest, Decoder, Factory, Media } from '../../src/contracts.ts';
import { openaiAudio } from '../../remote/openai/audio.ts';
import { openaiImage } from '../../remote/openai/image.ts';
import { openaiVideo } from '../../remote/openai/video.ts';
import { describeDecoder } from '../conformance/decoder.ts';
import { testContext, using } from '../conformance/component.ts';
import { startFake, type Asked, type FakeServer } from './fake-server.ts';

/** A picture whose colour is the hash of what was asked. */
async function pictureOf(text: string, side = 16): Promise<Media> {
  const colour = createHash('sha256').update(text).digest();
  return encodeImage({ width: side, height: side, pixels: Uint8Array.from({ length: side * side * 3 }, (_, i) => colour[i % 3]!) }, { format: 'png', provenance: null, mark: false });
}
async function soundOf(text: string): Promise<Media> {
  const tone = createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
  return encodeAudio({ samples: Float32Array.from({ length: 800 }, (_, i) => Math.sin(i * (0.1 + tone))), sampleRateHz: 8000 }, { format: 'wav', provenance: null, mark: false });
}
const base64 = ({ bytes }: Media): string => Buffer.from(bytes).toString('base64');
const asked = ({ json, body }: Asked): string => (Object.keys(json).length > 0 ? JSON.stringify(json) : body.toString('latin1').replaceAll(/-{4,}\S+/g, ''));

let server: FakeServer;
let url = 'http://127.0.0.1:9';
const config: { url: string; [key: string]: unknown } = { url, model: 'm', width: 16, height: 16, retries: 0, parameters: { seed: 'seed', negative: 'negative_prompt', steps: 'steps' } };
const audioConfig = { url, model: 'm', retries: 0, route: 'generate' };
const request: DecodeRequest = { conditioning: { characters: { shape: [3], data: Float32Array.of(0x61, 0x20, 0x1f431) } }, negative: null, references: [], companions: {}, options: {}, provenance: { prompt: 'a cat' } };

beforeAll(async () => {
  server = await startFake({
    'GET /v1/models': () => ({ json: { data: [{ id: 'm' }] } }),
    'POST /v1/images/generations': async (one) => {
      if (one.json['stream'] !== true) return { json: { data: [one.json['prompt'] === 'as a link' ? { url: `${typeof one.json['user'] === 'string' ? one.json['user'] : url}/made.png` } : { b64_json: base64(await pictureOf(asked(one))) }] } };
      const [half, whole] = [base64(await pictureOf('half', 512)), base64(await pictureOf('whole'))];
      return { events: [{ type: 'image_generation.partial_image', b64_json: half }, { type: 'image_generation.completed', b64_json: whole }] };
    },
    'POST /v1/images/edits': async (one) => ({ json: { data: [{ b64_json: base64(await pictureOf(asked(one))) }] } }),
    'GET /made.png': async () => ({ bytes: (await pictureOf('link')).bytes }),
    'POST /v1/audio/generate': async (one) => ({ bytes: (await soundOf(asked(one))).bytes }),
    'POST /v1/audio/speech': async () => ({ bytes: new TextEncoder().encode('{"error":"sorry"}') }),
  });
  ({ url } = server);
  config.url = url;
  audioConfig.url = url;
});
afterAll(async () => server.close());

describeDecoder(openaiImage, { config, files: {}, options: {} });
describeDecoder(openaiAudio, { config: audioConfig, files: {}, options: {} });

async function made(factory: Factory<'decoder'>, settings: object, changes: Partial<DecodeRequest> = {}, signal?: AbortSignal): Promise<{ media: Media; previews: Media[]; steps: number[] }> {
  return using(factory.open({ name: 'drawer', device: 'cpu', path: () => '', config: { ...settings } }), async (decoder: Decoder) => {
    const told = { previews: [] as Media[], steps: [] as number[] };
    for await (const event of decoder.decode({ ...request, ...changes }, testContext(signal))) {
      if (event.type === 'media') return { media: event.media, ...told };
      if (event.type === 'preview') told.previews.push(event.media);
      else told.steps.push(event.step);
    }
    throw new Error('no medium');
  });
}

describe('pictures', () => {
  test('carry the provenance, and what was asked for went out', async () => {
    const { media } = await made(openaiImage, config, { options: { steps: 7, width: 32 }, negative: request.conditioning });
    expect(media).toMatchObject({ modality: 'image', mediaType: 'image/png' });
    expect(server.of('POST /v1/images/generations').at(-1)?.json).toEqual({ model: 'm', prompt: 'a 🐱', n: 1, size: '32x16', response_format: 'b64_json', seed: 0, negative_prompt: 'a 🐱', steps: 7 });
  });

  test('previews come from the stream, made small', async () => {
    const { previews } = await made(openaiImage, { ...config, previews: true });
    expect(previews).toHaveLength(1);
    expect(previews[0]).toMatchObject({ modality: 'image', mediaType: 'image/webp' });
  });

  test('edits send the picture, and the mask as transparency of its size', async () => {
    const [picture, mask] = [await pictureOf('edited'), await encodeImage({ width: 2, height: 1, pixels: Uint8Array.of(255, 255, 255, 0, 0, 0) }, { format: 'png', provenance: null, mark: false })];
    await made(openaiImage, config, { references: [{ role: 'edit', media: picture }, { role: 'mask', media: mask }] });
    const sent = server.of('POST /v1/images/edits').at(-1);
    const form = await new Response(new Uint8Array(sent?.body ?? []), { headers: { 'Content-Type': sent?.headers['content-type'] ?? '' } }).formData();
    const file = form.get('mask');
    if (!(file instanceof File)) throw new Error('no mask');
    const alpha: Media = { id: '', modality: 'image', mediaType: 'image/png', bytes: new Uint8Array(await file.arrayBuffer()) };
    // Over red: what is transparent shows it.
    const { pixels } = await decodeImage(alpha, { width: 16, height: 16, fit: 'fill', background: [255, 0, 0] });
    expect([[...pixels.subarray(0, 3)], [...pixels.subarray(45, 48)]]).toEqual([[255, 0, 0], [0, 0, 0]]);
    expect(form.get('prompt')).toBe('a 🐱');
  });

  test('a link of the same server is fetched, one of another is not', async () => {
    const words = { characters: { shape: [9], data: Float32Array.from(Array.from('as a link', (letter) => letter.codePointAt(0)!)) } };
    expect((await made(openaiImage, { ...config }, { conditioning: words })).media.modality).toBe('image');
    await expect(made(openaiImage, { ...config, body: { user: 'http://127.0.0.1:1' } }, { conditioning: words })).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('another server') });
  });

  test('cancel gives the connection up', async () => {
    const cancel = new AbortController();
    const slow = await startFake({ 'GET /v1/models': () => ({ json: { data: [] } }), 'POST /v1/images/generations': async ({ gone }) => { cancel.abort(new Error('enough')); await gone; return { json: {} }; } });
    try {
      await expect(made(openaiImage, { ...config, url: slow.url }, {}, cancel.signal)).rejects.toThrow('enough');
      await slow.of('POST /v1/images/generations')[0]?.gone;
    } finally {
      await slow.close();
    }
  });
});

test('a sound that is none is the fault of the server', async () => {
  await expect(made(openaiAudio, { ...audioConfig, route: 'speech' })).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('no audio that can be read') });
});

const film = async (states: readonly object[]): Promise<FakeServer> => {
  let at = 0;
  return startFake({
    'GET /v1/models': () => ({ json: { data: [] } }),
    'POST /v1/videos': () => ({ json: { id: 'v-1', status: 'queued', progress: 0 } }),
    'GET /v1/videos/v-1': () => ({ json: { id: 'v-1', ...states[Math.min(at++, states.length - 1)] } }),
    'GET /v1/videos/v-1/content': () => ({ bytes: new TextEncoder().encode('no video') }),
    'DELETE /v1/videos/v-1': () => ({ json: { deleted: true } }),
  });
};

describe('videos', () => {
  test('tell how far they are; what fails at the server says so; what is left is stopped there', async () => {
    const failing = await film([{ status: 'in_progress', progress: 40 }, { status: 'in_progress', progress: 90 }, { status: 'failed', error: { code: 'out_of_memory' } }]);
    const endless = await film([{ status: 'in_progress', progress: 1 }]);
    const cancel = new AbortController();
    try {
      await expect(made(openaiVideo, { url: failing.url, model: 'm', pollMs: 10 })).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('out_of_memory') });
      const running = made(openaiVideo, { url: endless.url, model: 'm', pollMs: 10 }, {}, cancel.signal);
      while (endless.of('GET /v1/videos/v-1').length === 0) await new Promise((resolve) => setImmediate(resolve));
      cancel.abort(new Error('enough'));
      await expect(running).rejects.toThrow('enough');
      expect(endless.of('DELETE /v1/videos/v-1')).toHaveLength(1);
    } finally {
      await Promise.all([failing.close(), endless.close()]);
    }
  });
});
