// `anymodal serve` and `anymodal keys` as processes: start, keys, drain, what outlives them, and what they refuse.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { anymodal, childrenOf } from './command-line.ts';
import { temporaryFolder } from './fake-shell.ts';

const entry = fileURLToPath(new URL('../../src/cli/anymodal.js', import.meta.url));
const environment = { ANYMODAL_MODEL: fileURLToPath(new URL('../fixtures/tiny', import.meta.url)), ANYMODAL_DEVICE: 'cpu', XDG_CONFIG_HOME: '/nowhere' };

interface Running {
  readonly child: ChildProcess;
  readonly address: string;
  readonly log: () => string;
  /** Fulfilled with the exit code. */
  readonly ended: Promise<number | null>;
  json(path: string, body?: unknown, headers?: Record<string, string>): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
}

/** Starts a server on a free port; the test's end kills what is left of it. */
async function serve(folder: string, ...args: string[]): Promise<Running> {
  const child = spawn(process.execPath, [entry, 'serve', '--port', '0', '--data', 'data', '--json', ...args], { cwd: folder, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (log += text));
  const first = await Promise.race([once(createInterface(child.stdout), 'line'), ended.then(() => ['{}'])]);
  const { address = '' }: { address?: string } = JSON.parse(String(first[0]));
  expect(address, log).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  return {
    child, address, ended,
    log: () => log,
    async json(path, body, headers = {}) {
      const response = await fetch(address + path, body === undefined ? { headers } : { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
      return { status: response.status, body: Object(await response.json()) };
    },
  };
}

const drawing = (steps: number, count = 1) => ({ count, input: [{ type: 'text', text: 'a red apple' }], outputs: ['image'], route: 'direct', seed: 7, options: { image: { steps } } });

/** Reads a job's events until one is of `type` in attempt `attempt`. */
async function follow(server: Running, id: string, type: string, attempt = 1): Promise<void> {
  const response = await fetch(`${server.address}/v1/jobs/${id}/events`);
  if (response.body === null) throw new Error('no body');
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    const events = lines.filter((line) => line.startsWith('data: ')).map((line): Record<string, unknown> => JSON.parse(line.slice(6)));
    if (events.some((event) => event['type'] === type && event['attempt'] === attempt)) return;
  }
  throw new Error(`the job ended without ${type}`);
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('anymodal serve', { timeout: 240_000 }, () => {
  test('answers at once, takes work while the model loads, ends what runs on SIGTERM, and has it at the next start', async () => {
    const folder = temporaryFolder();
    const server = await serve(folder);
    expect(await server.json('/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await server.json('/v1/models')).toMatchObject({ status: 200, body: { object: 'list', data: [{ id: expect.stringContaining('tiny') }] } });
    const sent = await server.json('/v1/jobs', drawing(40));
    const id = String(sent.body['id']);
    expect([sent.status, (await server.json('/readyz')).body['ready']]).toEqual([202, true]);
    await follow(server, id, 'media-progress');
    const attached = server.json('/v1/images/generations', { prompt: 'a house', steps: 40 });
    while ((await server.json('/readyz')).body['running'] !== 2) await new Promise(setImmediate);
    server.child.kill('SIGTERM');
    expect(await attached).toMatchObject({ status: 200, body: { data: [{ b64_json: expect.any(String) }] } });
    expect(await server.ended, server.log()).toBe(0);
    expect(server.log()).toContain('"msg":"drained"');
    expect(server.log()).not.toContain('apple');
    const again = await serve(folder);
    expect((await again.json(`/v1/jobs/${id}`)).body).toMatchObject({ status: 'completed', attempt: 1 });
  });

  test('while it drains: not ready, no new work, answers still; what is too long is kept and runs again', async () => {
    const folder = temporaryFolder();
    const server = await serve(folder, '--set', 'drainMs=1500', '--set', 'limits.variants=100');
    const id = String((await server.json('/v1/jobs', drawing(1000, 100))).body['id']);
    await follow(server, id, 'media-progress');
    server.child.kill('SIGTERM');
    while ((await server.json('/readyz')).body['draining'] !== true) await new Promise(setImmediate);
    expect(await server.json('/v1/jobs', drawing(1))).toMatchObject({ status: 503, body: { error: { code: 'shutting_down' } } });
    expect((await server.json(`/v1/jobs/${id}`)).body).toMatchObject({ status: 'running' });
    expect(await server.ended, server.log()).toBe(0);
    const again = await serve(folder);
    await follow(again, id, 'media-progress', 2);
    expect((await again.json(`/v1/jobs/${id}`)).body).toMatchObject({ status: 'running', attempt: 2 });
    expect((await fetch(`${again.address}/v1/jobs/${id}`, { method: 'DELETE' })).ok).toBe(true);
  });

  test.runIf(process.platform === 'linux')('a second signal ends it at once, and no engine is left', async () => {
    const server = await serve(temporaryFolder(), '--set', 'limits.variants=100');
    const id = String((await server.json('/v1/jobs', drawing(1000, 100))).body['id']);
    await follow(server, id, 'media-progress');
    const engines = childrenOf(server.child.pid ?? -1);
    expect(engines.length).toBeGreaterThan(0);
    const signals = setInterval(() => void server.child.kill('SIGTERM'), 100);
    expect(await server.ended).toBe(130);
    clearInterval(signals);
    while (engines.some(alive)) await new Promise(setImmediate);
  });

  test('keys: one that is added holds at once, one that is revoked no more; each sees its own', async () => {
    const folder = temporaryFolder();
    const add = async (name: string): Promise<Record<string, string>> => ({ authorization: `Bearer ${(await anymodal(['keys', 'add', name, '--data', 'data'], { folder, environment })).out.trim()}` });
    const one = await add('one');
    const server = await serve(folder, '--set', 'keysRequired=true', '--set', 'preload=none');
    expect((await server.json('/v1/jobs')).status).toBe(401);
    const two = await add('two');
    const sent = await server.json('/v1/jobs', drawing(1), one);
    expect(sent.status).toBe(202);
    expect((await server.json(`/v1/jobs/${String(sent.body['id'])}`, undefined, two)).status).toBe(404);
    expect(await server.json('/v1/jobs', undefined, two)).toMatchObject({ status: 200, body: { data: [] } });
    const listed = await anymodal(['keys', 'list', '--data', 'data', '--json'], { folder, environment });
    expect(listed.out.trim().split('\n').map((line) => Object(JSON.parse(line))['name'])).toEqual(['one', 'two']);
    expect((await anymodal(['keys', 'revoke', 'one', '--data', 'data'], { folder, environment })).code).toBe(0);
    expect((await server.json('/v1/jobs', undefined, one)).status).toBe(401);
  });

  test('a second server on the folder, and a port that is taken, are refused with what to do', async () => {
    const folder = temporaryFolder();
    const server = await serve(folder, '--set', 'preload=none');
    const second = await anymodal(['serve', '--port', '0', '--data', 'data'], { folder, environment });
    expect([second.code, second.out, second.err]).toEqual([2, '', expect.stringContaining(`another server works in this data folder (process ${server.child.pid})`)]);
    const taken = await anymodal(['serve', '--port', new URL(server.address).port, '--data', 'other'], { folder, environment });
    expect([taken.code, taken.out, taken.err]).toEqual([2, '', expect.stringMatching(/port \d+ of 127\.0\.0\.1 is taken/)]);
  });

  test('to listen beyond this machine a key is needed', async () => {
    const folder = temporaryFolder();
    const refused = await anymodal(['serve', '--host', '0.0.0.0', '--port', '0', '--data', 'data'], { folder, environment });
    expect([refused.code, refused.out, refused.err]).toEqual([2, '', expect.stringContaining('anymodal keys add NAME --data')]);
    const forced = await anymodal(['serve', '--host', '::', '--port', '0', '--data', 'data', '--set', 'keysRequired=false'], { folder, environment });
    expect([forced.code, forced.err]).toEqual([2, expect.stringContaining('keysRequired')]);
  });
});
