// The official client of the Model Context Protocol against our tools: over HTTP at /mcp, and over standard input and output of a real process.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { closeMedia, mediaFromBytes } from '../../media/index.ts';
import type { Engine } from '../../src/contracts.ts';
import { openTinyEngine, startTinyServer, type TinyServer } from '../server/tiny-server.ts';

let engine: Engine;
let server: TinyServer;
let address: string;
let client: Client;
beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  address = await server.listen();
  client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', address)));
}, 60_000);
afterAll(async () => {
  await client.close();
  await server.close();
  await engine.close();
  await closeMedia();
});

function path(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
async function ask(name: string, given: Record<string, unknown>): Promise<CallToolResult> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the older form of a result is not ours
  return (await client.callTool({ name, arguments: given })) as CallToolResult;
}
const few = { image: { steps: 2 } };

test('the tools', async () => {
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(['generate', 'edit', 'describe', 'mix', 'job_status']);
});

test('a picture comes as a picture, and its id is what edit and describe take', async () => {
  const drawn = await ask('generate', { prompt: 'a red apple', outputs: ['image'], seed: 3, options: few });
  const [picture, told] = drawn.content;
  if (picture?.type !== 'image' || told?.type !== 'text') throw new Error(JSON.stringify(drawn).slice(0, 300));
  const media = await mediaFromBytes(Buffer.from(picture.data, 'base64'));
  expect(media.mediaType).toBe('image/png');
  expect(told.text).toBe(`image, medium ${media.id}, seed 3`);
  const edited = await ask('edit', { medium: media.id, instruction: 'make it blue', options: few });
  expect(edited.content[0]).toMatchObject({ type: 'image', mimeType: 'image/png' });
  const described = await ask('describe', { media: [media.id], options: { text: { maxTokens: 4 } } });
  expect(described.isError).not.toBe(true);
  expect(described.content[0]?.type).toBe('text');
});

test('a sum of words, a sound, a video', async () => {
  const mixed = await ask('mix', { parts: [{ weight: 1, text: 'a dog' }, { weight: -0.5, text: 'red' }], options: few });
  expect(mixed.content[0]?.type).toBe('image');
  const heard = await ask('generate', { prompt: 'a bell', outputs: ['audio'], options: { audio: { steps: 2 } } });
  expect(heard.content[0]).toMatchObject({ type: 'audio', mimeType: 'audio/wav' });
  const seen = await ask('generate', { prompt: 'a bouncing ball', outputs: ['video'], options: { video: { steps: 2 } } });
  expect(seen.content[0]).toMatchObject({ type: 'resource', resource: { mimeType: 'video/mp4' } });
});

test('a job that nobody waits for is asked after', async () => {
  const { structuredContent } = await ask('generate', { prompt: 'a red apple', outputs: ['image'], options: few, wait: false });
  const job = structuredContent?.['job'];
  expect(job).toMatch(/^job_/);
  await expect.poll(async () => (await ask('job_status', { job })).structuredContent?.['status'], { timeout: 20_000 }).toBe('completed');
});

test('what goes wrong is a result that says so', async () => {
  expect(await ask('generate', { prompt: 'x', outputs: ['smell'] })).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('unknown_output') }] });
  expect(await ask('describe', { media: ['/etc/passwd'] })).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('neither an id nor a data: address') }] });
  expect(await ask('job_status', { job: 'job_none' })).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('not_found') }] });
});

test('standard input and output: a server inside, a file by its path', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'anymodal-mcp-'));
  const own = new Client({ name: 'test', version: '1.0.0' });
  onTestFinished(async () => {
    await own.close();
    await rm(folder, { recursive: true, force: true });
  });
  await own.connect(new StdioClientTransport({ command: process.execPath, args: [path('../../src/cli/anymodal.js'), 'mcp', '--data', folder, '--model', path('../fixtures/tiny')], stderr: 'ignore' }));
  const answer = await own.callTool({ name: 'edit', arguments: { medium: path('../../docs/pictures/apple.png'), instruction: 'make it blue', options: few } }, undefined, { timeout: 100_000 });
  expect(answer.content).toMatchObject([{ type: 'image' }, { type: 'text' }]);
});
