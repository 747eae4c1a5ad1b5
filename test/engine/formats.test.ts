// Where the optional codecs are not installed, a job for a file that needs them is refused when it comes, not when all of it is made.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { closeMedia } from '../../media/index.ts';
import type { Engine } from '../../src/contracts.ts';
import { jobRequest } from '../../src/server/run-job.ts';
import { openTinyEngine } from '../server/tiny-server.ts';

// As where the optional package is not installed.
vi.mock('@mediabunny/server', () => {
  throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' });
});

let engine: Engine;
beforeAll(async () => {
  engine = await openTinyEngine();
}, 60_000);
afterAll(async () => {
  await engine.close();
  await closeMedia();
});

const job = (outputs: readonly string[] | null, options = {}) => jobRequest({ messages: [{ role: 'user', parts: [{ type: 'text', text: 'a ball' }] }], outputs, route: outputs === null ? 'chat' : 'direct', options });
const refused = { code: 'unsupported', message: expect.stringContaining('@mediabunny/server') };

test.each([
  ['a video by default', ['video'], {}],
  ['a webm', ['video'], { video: { format: 'webm' } }],
  ['an mp3', ['audio'], { audio: { format: 'mp3' } }],
  ['speech as ogg', ['speech'], { speech: { format: 'ogg' } }],
])('%s is refused', async (_, outputs, options) => {
  await expect(engine.check(job(outputs, options))).rejects.toMatchObject(refused);
});

test.each([
  ['a webp', ['video'], { video: { format: 'webp' } }],
  ['a sound by default', ['audio'], {}],
  ['a chat that might make a video', null, {}],
])('%s is taken', async (_, outputs, options) => {
  await expect(engine.check(job(outputs, options))).resolves.toBeUndefined();
});

test('and where the model decides for it by itself, it ends before the first step', async () => {
  const types: string[] = [];
  for await (const event of engine.run({ ...job(['video']), id: 'late' })) types.push(event.type);
  expect(types.at(-1)).toBe('job-error');
  expect(types).not.toContain('media-progress');
});
