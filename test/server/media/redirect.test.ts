// Who reads media is sent to the store where they lie, where the setting says so and the store has addresses; else the bytes come from here.

import { expect, test } from 'vitest';
import type { MediaAnswer, MediaRecord, MediaStore } from '../../../src/queue/contracts.ts';
import { contentResponse, redirectSecondsOf } from '../../../src/server/media/content.ts';
import { createRoutes } from '../../../src/server/routes.ts';

const record: MediaRecord = { id: 'a'.repeat(64), modality: 'image', mediaType: 'image/png', size: 3, owner: 'ann', createdAt: 0, origin: 'made', job: null, title: null };
const asked: MediaAnswer[] = [];
const bytes: Pick<MediaStore, 'stream'> = { stream: async () => new Blob(['abc']).stream() };
const elsewhere: Pick<MediaStore, 'stream' | 'address'> = {
  ...bytes,
  address: async (_, answer) => {
    asked.push(answer);
    return 'https://store.example/abc?X-Amz-Signature=1';
  },
};

async function get(media: Partial<MediaStore>, redirectMedia: boolean, headers: Record<string, string> = {}): Promise<Response> {
  const app = createRoutes();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is asked for nothing else
  app.get('/', async (c) => contentResponse(c, media as MediaStore, record, { download: true, name: 'fox', redirectSeconds: redirectSecondsOf({ redirectMedia, addressMs: 60_000 }) }));
  return app.request('/', { headers });
}

test('the store answers, with the name and for as long as an address is good', async () => {
  const response = await get(elsewhere, true, { range: 'bytes=0-1' });
  expect([response.status, response.headers.get('location'), response.headers.get('cache-control')]).toEqual([307, 'https://store.example/abc?X-Amz-Signature=1', 'private, max-age=30']);
  expect(asked).toEqual([{ seconds: 60, disposition: 'attachment; filename="fox.png"' }]);
  expect((await get(elsewhere, true, { 'if-none-match': `"${record.id}"` })).status).toBe(304);
});

test('else the server answers', async () => {
  const cases: readonly (readonly [Partial<MediaStore>, boolean])[] = [[elsewhere, false], [bytes, true], [{ ...bytes, address: async () => null }, true]];
  for (const [media, redirectMedia] of cases) {
    const response = await get(media, redirectMedia);
    expect([response.status, await response.text()]).toEqual([200, 'abc']);
  }
});
