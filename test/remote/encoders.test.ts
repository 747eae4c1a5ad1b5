// Remote encoders keep the contract of encoders.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeImage } from '../../media/index.ts';
import { textMedia } from '../../src/chain.ts';
import { openaiEmbeddings } from '../../remote/openai/embeddings.ts';
import { wholeMedia } from '../../remote/whole-media.ts';
import { componentSource, testContext } from '../conformance/component.ts';
import { describeEncoder } from '../conformance/encoder.ts';
import { startFake, type FakeServer } from './fake-server.ts';

let server: FakeServer;
const config = { url: 'http://127.0.0.1:9', model: 'm', width: 4, retries: 0 };

beforeAll(async () => {
  server = await startFake({
    'GET /v1/models': () => ({ json: { data: [{ id: 'm' }] } }),
    'POST /v1/embeddings': ({ json }) => ({ json: { data: [{ embedding: json['input'] === 'nothing' ? [] : [...createHash('sha256').update(String(json['input'])).digest().subarray(0, 4)] }] } }),
  });
  config.url = server.url;
});
afterAll(async () => server.close());

describeEncoder(openaiEmbeddings, {
  config,
  files: {},
  media: async () => [textMedia('a cat'), textMedia('a dog')],
  broken: async () => ({ ...textMedia(''), bytes: Uint8Array.of(0xff, 0xfe) }),
});

describeEncoder(wholeMedia, {
  config: { modality: 'image' },
  files: {},
  media: async () => [await plain(10), await plain(200)],
  broken: async () => ({ ...(await plain(10)), bytes: (await plain(10)).bytes.subarray(0, 40) }),
});

async function plain(value: number) {
  return encodeImage({ width: 4, height: 4, pixels: new Uint8Array(48).fill(value) }, { format: 'png', provenance: null, mark: false });
}

/** A text by a component with another config. */
const encode = async (text: string, more: object) => (await openaiEmbeddings.open(componentSource({ config: { ...config, ...more }, files: {} }))).encode(textMedia(text), testContext());

test('a vector of another width, and none at all, are faults that say where', async () => {
  await expect(encode('a cat', { width: 5 })).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringContaining('4 numbers') });
  await expect(encode('nothing', {})).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining(server.url) });
});
