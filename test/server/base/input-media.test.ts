// What clients send as media, by each of its ways, and the limits on it.

import { afterAll, expect, test } from 'vitest';
import { closeMedia, encodeImage } from '../../../media/index.ts';
import type { Caller } from '../../../src/server/contracts.ts';
import { mediaFromInput } from '../../../src/server/input-media.ts';
import { createRoutes } from '../../../src/server/routes.ts';
import { signedAddress } from '../../../src/server/addresses.ts';
import { onePixelPng } from '../../cli/fixtures.ts';
import { limits, startServer } from './server.ts';

const caller: Caller = { owner: 'one', scopes: ['generate', 'read'] };
const never = new AbortController().signal;
const base64 = onePixelPng.toString('base64');

afterAll(async () => closeMedia());

test('data URL, base64, file, id and signed address give the same medium, its type judged by its bytes', async () => {
  const { parts } = await startServer();
  const read = async (value: Parameters<typeof mediaFromInput>[2]) => mediaFromInput(parts, caller, value, 'image', never);
  const medium = await read({ dataUrl: `data:image/jpeg;base64,${base64}` });
  expect(medium).toMatchObject({ modality: 'image', mediaType: 'image/png' });
  expect((await read({ url: `data:application/octet-stream;base64,${encodeURIComponent(base64)}` })).id).toBe(medium.id);
  expect((await read({ base64 })).id).toBe(medium.id);
  expect(await read({ file: new File([onePixelPng], 'photo.jpg', { type: 'image/jpeg' }) })).toMatchObject({ id: medium.id, name: 'photo.jpg' });
  await expect(read({ id: medium.id })).rejects.toMatchObject({ code: 'not_found', field: 'image' });
  await parts.media.put(medium, { owner: 'one', origin: 'upload', job: null, title: null });
  expect((await read({ id: medium.id })).id).toBe(medium.id);
  await expect(mediaFromInput(parts, { ...caller, owner: 'two' }, { id: medium.id }, 'image', never)).rejects.toMatchObject({ code: 'not_found' });
  let address = '';
  const routes = createRoutes().get('/', (c) => c.text((address = signedAddress(c, parts, 'one', `/v1/media/${medium.id}/content`))));
  await routes.request('/');
  expect((await mediaFromInput(parts, { ...caller, owner: 'two' }, { url: address }, 'image', never)).id).toBe(medium.id);
  await expect(read({ url: address.replace('owner=one', 'owner=two') })).rejects.toMatchObject({ code: 'bad_input' });
});

test.each([
  [{ dataUrl: 'data:image/png,raw' }, 'bad_input'], [{ dataUrl: base64 }, 'bad_input'], [{ base64: '' }, 'bad_input'], [{ base64: 'photo.png' }, 'bad_input'], [{ base64: 'AAAA' }, 'bad_media'],
  [{ url: 'https://example.org/a.png' }, 'bad_input'], [{ url: '/v1/media/x' }, 'bad_input'], [{ base64: 'A'.repeat(3000) }, 'too_large'],
] as const)('%j is refused with the field', async (value, code) => {
  const { parts } = await startServer(limits({ bodyBytes: 2000 }));
  await expect(mediaFromInput(parts, caller, value, 'messages.0.content.1', never)).rejects.toMatchObject({ code, field: 'messages.0.content.1', message: expect.stringContaining('messages.0.content.1') });
});

test('more pixels than the settings allow are refused by the header of the file', async () => {
  const { parts } = await startServer(limits({ pixels: 99 }));
  const picture = await encodeImage({ width: 10, height: 10, pixels: new Uint8Array(300) }, { format: 'png', provenance: null, mark: false });
  await expect(mediaFromInput(parts, caller, { base64: Buffer.from(picture.bytes).toString('base64') }, 'image', never)).rejects.toMatchObject({ code: 'bad_media', field: 'image', message: expect.stringContaining('10 x 10 pixels') });
});
