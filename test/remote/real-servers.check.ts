// Real servers do the work: llama.cpp with SmolLM2 writes and asks nano's decoders for media by calls of tools; a second anymodal draws.
// LLAMA_PYTHON is a Python with the package xllamacpp, SMOLLM2_GGUF the model's file; without them the first part is left out.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspectImage, closeMedia } from '../../media/index.ts';
import { main } from '../../src/cli/main.ts';
import { startChildEngine } from '../../src/cli/engine.ts';
import type { Engine, JobEvent, JobRequest } from '../../src/contracts.ts';
import { fakeShell } from '../cli/fake-shell.ts';
import { startServer, type RealServer } from '../real-server.ts';

const python = process.env['LLAMA_PYTHON'] ?? '';
const model = process.env['SMOLLM2_GGUF'] ?? '';
const hasNano = existsSync(fileURLToPath(new URL('../../models/nano/bundle.json', import.meta.url)));
let place = '';

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'anymodal-remote-'));
});
afterAll(async () => {
  await closeMedia();
  await rm(place, { recursive: true, force: true });
});

async function connect(url: string, name: string, ...more: readonly string[]): Promise<string> {
  const shell = fakeShell({ folder: place });
  const code = await main(['connect', url, '--with', 'nano', '--out', name, ...more], shell);
  expect([code, code === 0 ? '' : shell.err()]).toEqual([0, '']);
  return join(place, name);
}
function job(text: string, more: Partial<JobRequest>): JobRequest {
  return { id: 'job-1', messages: [{ role: 'user', parts: [{ type: 'text', text }] }], outputs: null, route: 'chat', seed: 3, count: 1, options: {}, negativePrompt: null, mask: null, mix: null, metadata: true, ...more };
}
async function collect(events: AsyncGenerator<JobEvent>): Promise<JobEvent[]> {
  const all: JobEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe.skipIf(!hasNano || python === '' || model === '')('llama.cpp with SmolLM2 as the language model of nano', () => {
  let llama: ChildProcess;
  let url = '';
  let engine: Engine;

  beforeAll(async () => {
    llama = spawn(python, [fileURLToPath(new URL('llama_server.py', import.meta.url)), model], { stdio: ['ignore', 'pipe', 'ignore'] });
    url = await new Promise<string>((resolve, reject) => {
      let said = '';
      llama.stdout?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
        if (found !== null) resolve(found[0]);
      });
      llama.once('exit', (code) => reject(new Error(`llama.cpp's server ended with ${code}`)));
    });
    engine = await startChildEngine(await connect(url, 'llama', '--timeout-ms', '600000'), 'cpu');
  });
  afterAll(async () => {
    await engine?.close();
    llama?.kill('SIGTERM');
  });

  test('it calls the tool for a picture, and nano draws what it wrote', async () => {
    expect((await engine.describe()).notes ?? []).toEqual([]);
    const events = await collect(engine.run(job('I want to have a red apple, please.', { outputs: ['image'], options: { image: { steps: 4 }, text: { temperature: 0, maxTokens: 64 } } })));
    const [start] = events.filter((event) => event.type === 'media-start');
    expect(start).toMatchObject({ output: 'image', prompt: expect.stringMatching(/apple/i) });
    // The words are its own and not those of the request, which stand in where it wrote none.
    expect(events.filter((event) => event.type === 'job-warning')).toEqual([]);
    const [end] = events.filter((event) => event.type === 'media-end');
    if (end === undefined) throw new Error('no picture');
    expect(await inspectImage(end.media)).toMatchObject({ width: 128, height: 128 });
    expect(events.at(-1)).toMatchObject({ type: 'job-end', usage: { inputTokens: expect.any(Number), outputTokens: expect.any(Number) } });
  });

  test('it answers in words where words are asked for', async () => {
    const events = await collect(engine.run(job('What is the capital of France?', { outputs: ['text'], options: { text: { temperature: 0, maxTokens: 24 } } })));
    expect(events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')).toMatch(/Paris/);
  });

  test('a cancel reaches it: it writes no further', async () => {
    const cancel = new AbortController();
    const events: JobEvent[] = [];
    for await (const event of engine.run(job('Tell me a long story about a dog.', { outputs: ['text'], options: { text: { maxTokens: 2000 } } }), cancel.signal)) {
      events.push(event);
      if (event.type === 'text-delta') cancel.abort('enough');
    }
    expect(events.at(-1)).toMatchObject({ type: 'job-abort', reason: 'enough' });
    let busy = true;
    for (let look = 0; busy && look < 200; look += 1) {
      const slots: readonly { readonly is_processing: boolean }[] = JSON.parse(await (await fetch(`${url}/slots`)).text());
      busy = slots.some((slot) => slot.is_processing);
      if (busy) await pause(100);
    }
    expect(busy).toBe(false);
  });
});

describe.skipIf(!hasNano)('a second anymodal as the decoder of nano', () => {
  let server: RealServer;

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(async () => {
    await server?.stop();
  });

  test('draws the same bytes as here, for the direct route and for what the language model here asks for', async () => {
    const remote = await startChildEngine(await connect(server.address, 'second', '--output', 'image'), 'cpu');
    try {
      const direct = job('a red apple', { route: 'direct', outputs: ['image'], options: { image: { steps: 3 } } });
      const far = (await collect(remote.run(direct))).flatMap((event) => (event.type === 'media-end' ? [event.media.id] : []));
      const asked = await collect(remote.run(job('draw a cat', { outputs: ['image'], options: { image: { steps: 3 } } })));
      expect(asked.filter((event) => event.type === 'media-end')).toHaveLength(1);
      expect(asked.some((event) => event.type === 'media-progress')).toBe(true);
      const local = await startChildEngine('nano', 'cpu');
      try {
        const near = (await collect(local.run(direct))).flatMap((event) => (event.type === 'media-end' ? [event.media.id] : []));
        expect(far).toEqual(near);
      } finally {
        await local.close();
      }
    } finally {
      await remote.close();
    }
  });
});
