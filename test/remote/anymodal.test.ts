// Another server of anymodal, whole and real on the tiny bundle: as a decoder, as an engine, and by what `connect` writes.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { encodeImage } from '../../media/index.ts';
import type { Engine, JobEvent, JobRequest, Media, Part } from '../../src/contracts.ts';
import { createEngine } from '../../src/engine/engine.ts';
import { resolveModel } from '../../src/bundle/resolve.ts';
import { fakeShell } from '../cli/fake-shell.ts';
import { factoryModules, openTinyEngine, startTinyServer, type TinyServer } from '../server/tiny-server.ts';
import { fakeServer } from './fake-server.ts';

const tiny = fileURLToPath(new URL('../fixtures/tiny', import.meta.url));
const modules = [...factoryModules, new URL('../../remote/index.ts', import.meta.url)];
let engine: Engine;
let server: TinyServer;
let url: string;

beforeAll(async () => {
  engine = await openTinyEngine();
  server = await startTinyServer(engine);
  url = await server.listen();
}, 300_000);
afterAll(async () => {
  await server.close();
  await engine.close();
}, 60_000);

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'anymodal-connect-'));
  onTestFinished(async () => rm(made, { recursive: true, force: true }));
  return made;
}

async function connect(...args: readonly string[]): Promise<{ code: number; out: string; err: string; folder: string }> {
  const place = await folder();
  const shell = fakeShell({ folder: place });
  const code = await main(['connect', ...args, '--out', 'made'], shell);
  return { code, out: shell.out(), err: shell.err(), folder: join(place, 'made') };
}

async function opened(path: string): Promise<Engine> {
  const made = await createEngine({ bundle: path, device: 'cpu', factoryModules: modules });
  onTestFinished(async () => made.close());
  return made;
}

function jobOf(parts: readonly (string | Media)[], more: Partial<JobRequest> = {}): JobRequest {
  const read = parts.map((part): Part => (typeof part === 'string' ? { type: 'text', text: part } : { type: 'media', media: part }));
  return { id: 'job-1', messages: [{ role: 'user', parts: read }], outputs: ['image'], route: 'direct', seed: 7, count: 1, options: { image: { steps: 2 } }, negativePrompt: null, mask: null, mix: null, metadata: true, ...more };
}

async function collect(events: AsyncGenerator<JobEvent>): Promise<JobEvent[]> {
  const all: JobEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}
const mediaOf = (events: readonly JobEvent[]): Media[] => events.flatMap((event) => (event.type === 'media-end' ? [event.media] : []));
const words = (events: readonly JobEvent[]): string => events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('');
const places = (events: readonly JobEvent[]): unknown[] => events.flatMap((event) => (event.type === 'embedding' ? [event.embedding] : []));
/** Jobs that are left at the server. */
const kept = async (): Promise<number> => (await server.parts.queue.list({ owner: 'local' }, { limit: 10 })).length;

describe('as a whole engine', () => {
  test('connect writes it, and it makes the same bytes with the same events', async () => {
    const { code, out, err, folder: made } = await connect(url);
    expect([code, out.trim()]).toEqual([0, made]);
    expect(err).toContain('is anymodal');
    const remote = await opened(made);
    const [there, here] = [await remote.describe(), await engine.describe()];
    expect(there).toMatchObject({ bundle: 'made', text: here.text, outputs: here.outputs.map(({ name, options }) => ({ name, options })) });
    const [far, near] = [await collect(remote.run(jobOf(['a cat']))), await collect(engine.run(jobOf(['a cat'])))];
    expect(mediaOf(far).map(({ id }) => id)).toEqual(mediaOf(near).map(({ id }) => id));
    expect(far.map(({ type }) => type).filter((type) => type !== 'trace')).toEqual(near.map(({ type }) => type).filter((type) => type !== 'trace'));
    expect(far.every(({ job, attempt }) => job === 'job-1' && attempt === 1)).toBe(true);
    expect(await kept()).toBe(0);
  }, 120_000);

  test('conversations, edits, embeddings, faults and cancel go there', async () => {
    const remote = await opened((await connect(url)).folder);
    const picture = await encodeImage({ width: 8, height: 8, pixels: new Uint8Array(192).fill(90) }, { format: 'png', provenance: null, mark: false });
    const chat = jobOf(['and now?'], { route: 'chat', outputs: ['text'], options: { text: { maxTokens: 4 } }, messages: [{ role: 'user', parts: [{ type: 'text', text: 'hi' }] }, { role: 'assistant', parts: [{ type: 'text', text: 'yes' }] }, { role: 'user', parts: [{ type: 'text', text: 'and now?' }] }] });
    expect(words(await collect(remote.run(chat)))).toBe(words(await collect(engine.run(chat))));
    const edit = jobOf([picture, 'blue'], { options: { image: { steps: 2, strength: 0.5 } } });
    expect(mediaOf(await collect(remote.run(edit))).map(({ id }) => id)).toEqual(mediaOf(await collect(engine.run(edit))).map(({ id }) => id));
    const inputs: Part[] = [{ type: 'text', text: 'a cat' }, { type: 'media', media: picture }];
    expect(places(await collect(remote.embed({ id: 'e', inputs })))).toEqual(places(await collect(engine.embed({ id: 'e', inputs }))));
    expect(await collect(remote.run(jobOf(['x'], { outputs: ['nothing'] })))).toMatchObject([{ type: 'job-error', code: 'unknown_output' }]);

    const cancel = new AbortController();
    const events: JobEvent[] = [];
    for await (const event of remote.run(jobOf(['slow'], { options: { image: { steps: 400 } } }), cancel.signal)) {
      events.push(event);
      if (event.type === 'media-progress') cancel.abort('no more');
    }
    expect(events.at(-1)).toMatchObject({ type: 'job-abort', reason: 'no more' });
    expect(await kept()).toBe(0);
  }, 120_000);

  test('one that is away cannot be opened, and says so', async () => {
    const { folder: made } = await connect(url);
    const text = await readFile(join(made, 'bundle.json'), 'utf8');
    await writeFile(join(made, 'bundle.json'), text.replaceAll(url, 'http://127.0.0.1:9'));
    await expect(createEngine({ bundle: made, device: 'cpu', factoryModules: modules })).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('http://127.0.0.1:9') });
  });
});

describe('as a decoder in another bundle', () => {
  test('makes the same bytes, edits too, and what nobody needs is left out', async () => {
    const { folder: made, err } = await connect(url, '--with', tiny, '--output', 'image');
    expect(err).toContain('makes text, image');
    const bundle: { components: object; outputs: { image: object } } = JSON.parse(await readFile(join(made, 'bundle.json'), 'utf8'));
    expect(bundle.outputs.image).toEqual({ decoder: 'remote-image', sources: { prompt: 'words' }, chat: 'caption' });
    const remote = await opened(made);
    const job = jobOf(['a cat'], { negativePrompt: 'a dog' });
    const [far, near] = [mediaOf(await collect(remote.run(job))), mediaOf(await collect(engine.run(job)))];
    expect(far.map(({ id }) => id)).toEqual(near.map(({ id }) => id));
    const chat = await collect(remote.run(jobOf(['draw'], { route: 'chat', outputs: ['image'] })));
    expect(mediaOf(chat)).toHaveLength(1);
    expect(await kept()).toBe(0);
  }, 120_000);
});

describe('connect', () => {
  test('knows servers by what they say, and combines them with a bundle', async () => {
    const ollama = await fakeServer({
      'GET /api/version': () => ({ json: { version: '0.9' } }),
      'GET /v1/models': () => ({ json: { data: [{ id: 'llama3.2:latest', owned_by: 'library' }] } }),
      'GET /api/tags': () => ({ json: { models: [{ name: 'nomic-embed-text:latest' }, { name: 'llama3.2:latest' }] } }),
      'POST /api/show': ({ json }) => ({ json: { capabilities: String(json['model']).startsWith('nomic') ? ['embedding'] : ['completion', 'tools', 'vision'] } }),
    });
    const { code, folder: made } = await connect(ollama.url, '--with', tiny);
    expect(code).toBe(0);
    const bundle: { languageModel: string; components: Record<string, { uses: string; config: object }>; inputs: object; outputs: Record<string, { chat: string }> } = JSON.parse(await readFile(join(made, 'bundle.json'), 'utf8'));
    expect(bundle.components[bundle.languageModel]).toMatchObject({ uses: 'openai-language-model', config: { url: ollama.url, model: 'llama3.2:latest', requests: 'tools', reads: ['image'] } });
    expect(Object.values(bundle.outputs).every(({ chat }) => chat === 'caption')).toBe(true);
    // Nothing of the language model that was replaced is in the folder.
    await expect(stat(join(made, 'language-model'))).rejects.toThrow();
    expect(await (await opened(made)).describe()).toMatchObject({ inputs: expect.arrayContaining([expect.objectContaining({ modality: 'image', chat: true })]) });
  }, 120_000);

  test.each([
    [['ftp://x'], 2, 'cannot be used'],
    [['http://127.0.0.1:9'], 1, 'cannot be reached'],
    [['http://user:pass@127.0.0.1:9'], 2, 'cannot be used'],
    [['http://127.0.0.1:9', '--key-variable', 'sk-123'], 2, 'the name of an environment variable'],
  ])('%j: exit %i', async (args, code, message) => {
    const made = await connect(...args);
    expect([made.code, made.err]).toEqual([code, expect.stringContaining(message)]);
  });

  test('a bundle that was pulled is not opened where it names a server', async () => {
    const { folder: made } = await connect(url);
    await expect(resolveModel('some/model', tmpdir(), async () => made)).rejects.toMatchObject({ code: 'access_denied', message: expect.stringContaining(url) });
  });
});
