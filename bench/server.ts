// Measures what HTTP, queue and log add to a job: 200 clients at once, each sending a job, following its events over SSE to the end, and sending
// the next after a pause. Beside an engine that answers at once, the same on nano. `node bench/server.ts [--clients 200] [--seconds 60] [--every 1000]`
// The server is a process of its own; its memory is read from /proc.

import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { serve } from '@hono/node-server';
import { pino } from 'pino';
import { mediaTools } from '../src/cli/media-tools.ts';
import { Client, ServerError, isTerminal } from '../src/client/index.ts';
import { startEngine } from '../src/engine/client.ts';
import type { Engines, ModelState } from '../src/queue/contracts.ts';
import { openDataFolder } from '../src/queue/data-folder.ts';
import { createQueue } from '../src/queue/queue.ts';
import { createApp } from '../src/server/app.ts';
import { createConversationStore } from '../src/server/conversations/store.ts';
import { createKeyStore } from '../src/server/keys/store.ts';
import { createInstantEngine } from './instant-engine.ts';
import { machine, milliseconds, printTable } from './table.ts';

const { values } = parseArgs({ options: { clients: { type: 'string', default: '200' }, seconds: { type: 'string', default: '60' }, every: { type: 'string', default: '1000' }, serve: { type: 'string' } } });
const clients = Number(values.clients);

if (values.serve !== undefined) await runServer(values.serve);
else {
  for (const model of ['instant', 'nano']) printTable(`${model}: ${clients} clients, a job every ${values.every} ms each for ${values.seconds} s; ${machine(cpus(), process.version)}`, await measure(model));
}

/** The process under test: the whole application on one engine. */
async function runServer(model: string): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'anymodal-bench-'));
  const folder = await openDataFolder(path);
  const rooms = ['encoders', 'projectors', 'decoders', 'src/language-model'];
  const engine = model === 'instant' ? createInstantEngine({ deltas: 64, steps: 8 }) : await startEngine({ bundle: model, device: 'cpu', factoryModules: rooms.map((room) => new URL(`../${room}/index.ts`, import.meta.url)) });
  const state: ModelState = { id: model, aliases: [], state: 'ready', title: model, licence: 'Apache-2.0', inputs: ['text'], outputs: ['text', 'image'], bytes: 1, error: null };
  const engines: Engines = { models: () => [state], resolve: () => model, describe: async () => engine.describe(), lease: async () => ({ engine, release: () => undefined }), close: async () => engine.close() };
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines, capacity: clients * 2, ...(model === 'instant' && { slots: { all: clients, long: clients } }) });
  const limits = { bodyBytes: 2 ** 25, parts: 32, pixels: 2 ** 24, seconds: 60, variants: 8, jobsPerKey: clients * 2, requestsPerMinute: 0 };
  const app = createApp({
    queue, engines, media: folder.media, conversations: createConversationStore(folder.database), keys: createKeyStore(folder.database), tools: mediaTools,
    settings: { strict: false, keysRequired: false, limits, deadlineMs: 600_000, addressMs: 600_000, hosts: [], origins: [], remoteMedia: { allowed: false, hosts: [], bytes: 1, timeoutMs: 1 }, publicUrl: null, version: 'bench' },
    logger: pino({ enabled: false }), secret: folder.secret, pageFolder: null,
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => process.send?.(port));
  process.once('message', () => void close());
  async function close(): Promise<void> {
    server.close();
    await queue.close();
    await engine.close();
    await folder.close();
    await rm(path, { recursive: true, force: true });
    process.exit(0);
  }
}

type Rows = readonly (readonly [name: string, value: string, remark: string])[];

async function measure(model: string): Promise<Rows> {
  const child = fork(fileURLToPath(import.meta.url), ['--serve', model, '--clients', String(clients)], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const port = await new Promise<unknown>((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', () => reject(new Error('the server ended before it listened')));
  });
  try {
    return await load(model, child, new Client({ baseUrl: `http://127.0.0.1:${String(port)}` }));
  } finally {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.send('close');
    await gone;
  }
}

async function load(model: string, child: ChildProcess, client: Client): Promise<Rows> {
  const accepted: number[] = [];
  const ended: number[] = [];
  let full = 0;
  const memory: (readonly [minutes: number, megabytes: number])[] = [];
  let events = 0;
  const start = performance.now();
  const lastMs = Number(values.seconds) * 1000;
  const options = model === 'instant' ? {} : { options: { image: { steps: 1 } } };
  const one = async (index: number): Promise<void> => {
    await delay((Number(values.every) * index) / clients);
    for (let round = 0; performance.now() - start < lastMs; round += 1) {
      const begun = performance.now();
      try {
        const { id } = await client.createJob({ input: [{ type: 'text', text: 'a red apple' }], outputs: [model === 'instant' ? 'text' : 'image'], ...(model !== 'instant' && { route: 'direct' as const }), seed: index * 10_000 + round, ...options });
        accepted.push(performance.now() - begun);
        for await (const event of client.events(id)) {
          events += 1;
          if (event.type === 'job-error') throw new Error(`${event.code}: ${event.message}`);
          if (isTerminal(event)) ended.push(model === 'instant' ? performance.now() - begun : Date.now() - event.at);
        }
      } catch (error) {
        if (!(error instanceof ServerError) || error.code !== 'queue_full') throw error;
        full += 1;
      }
      await delay(Math.max(0, Number(values.every) - (performance.now() - begun)));
    }
  };
  const sample = setInterval(() => {
    void residentMegabytes(child.pid ?? 0).then((megabytes) => memory.push([(performance.now() - start) / 60_000, megabytes]));
  }, 1000);
  await Promise.all(Array.from({ length: clients }, async (_, index) => one(index)));
  clearInterval(sample);
  const seconds = (performance.now() - start) / 1000;
  const later = memory.filter(([minutes]) => minutes > lastMs / 180_000);
  return [
    row('accepted, p50 and p99', accepted, 'from the request to 202: validated and on disk'),
    model === 'instant' ? row('whole, p50 and p99', ended, 'from the request to the terminal event at the client: all of it is ours') : row('told, p50 and p99', ended, 'from when the engine has ended the job, over the log, to the client'),
    ['jobs a second', (ended.length / seconds).toFixed(0), `${ended.length} jobs${full === 0 ? '' : `, ${full} requests were told that the queue is full`}`],
    ['events a second', (events / seconds).toFixed(0), 'over SSE'],
    ['memory', `${(memory.at(-1)?.[1] ?? 0).toFixed(0)} MB`, `of the server's process; slope ${slope(later).toFixed(1)} MB a minute after the first third`],
  ];
}

function row(name: string, all: readonly number[], remark: string): Rows[number] {
  return [name, `${milliseconds(quantile(all, 0.5))}, ${milliseconds(quantile(all, 0.99))}`, remark];
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const [x, y] = [0, 1].map((axis) => points.reduce((sum, point) => sum + (point[axis] ?? 0), 0) / points.length);
  const top = points.reduce((sum, point) => sum + (point[0] - (x ?? 0)) * (point[1] - (y ?? 0)), 0);
  const bottom = points.reduce((sum, point) => sum + (point[0] - (x ?? 0)) ** 2, 0);
  return bottom === 0 ? 0 : top / bottom;
}

