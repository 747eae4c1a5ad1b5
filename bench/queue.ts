// Measures what the queue and its log add to a job: `node bench/queue.ts [--clients 200] [--seconds 60] [--every 1000] [--outputs text|image] [--data FOLDER]`.
// Each client submits a job to an engine that answers at once, follows it to its end, and submits the next; `--every 0` is without a pause.

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Engines } from '../src/queue/contracts.ts';
import { openDataFolder } from '../src/queue/data-folder.ts';
import { createQueue } from '../src/queue/queue.ts';
import { createInstantEngine } from './instant-engine.ts';
import { machine, milliseconds, printTable } from './table.ts';

const { values } = parseArgs({
  options: { clients: { type: 'string', default: '200' }, seconds: { type: 'string', default: '60' }, outputs: { type: 'string', default: 'text' }, every: { type: 'string', default: '1000' }, deltas: { type: 'string', default: '64' }, data: { type: 'string' } },
});
const clients = Number(values.clients);
const everyMs = Number(values.every);
const lastMs = Number(values.seconds) * 1000;

const engine = createInstantEngine({ deltas: Number(values.deltas), steps: 8 });
const engines: Engines = {
  models: () => [],
  resolve: () => 'instant',
  describe: async () => engine.describe(),
  lease: async () => ({ engine, release: () => undefined }),
  close: async () => engine.close(),
};

const path = await mkdtemp(join(values.data ?? tmpdir(), 'anymodal-bench-'));
try {
  await report();
} finally {
  await rm(path, { recursive: true, force: true });
}

async function report(): Promise<void> {
  const folder = await openDataFolder(path);
  let appended = 0;
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines, capacity: clients * 2, slots: { all: clients, long: clients }, observe: () => void (appended += 1) });
  const times = { accepted: [] as number[], first: [] as number[], whole: [] as number[] };
  const memory: (readonly [minutes: number, megabytes: number])[] = [];
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;

  const client = async (index: number): Promise<void> => {
    await setTimeout((everyMs * index) / clients);
    for (let round = 0; elapsed() < lastMs; round += 1) {
      const id = `job_${index}_${round}`;
      const begin = performance.now();
      await queue.submit({
        owner: `owner ${index % 20}`, model: 'instant', kind: 'job', detached: true,
        request: { id, messages: [{ role: 'user', parts: [{ type: 'text', text: 'a red apple' }] }], outputs: [values.outputs], route: 'auto', seed: index * 1_000_000 + round, count: 1, options: {}, negativePrompt: null, mask: null, mix: null, metadata: true },
      });
      times.accepted.push(performance.now() - begin);
      let isFirst = true;
      for await (const event of queue.events(id, 0)) {
        if (!isFirst || event.type === 'job-queued') continue;
        isFirst = false;
        times.first.push(performance.now() - begin);
      }
      times.whole.push(performance.now() - begin);
      if (everyMs > 0) await setTimeout(Math.max(begin + everyMs - performance.now(), 0));
    }
  };
  const sample = setInterval(() => void memory.push([elapsed() / 60_000, process.memoryUsage.rss() / 2 ** 20]), 1000);
  await Promise.all(Array.from({ length: clients }, async (_, index) => client(index)));
  clearInterval(sample);
  const seconds = elapsed() / 1000;
  await queue.close();
  await folder.close();

  // The first third warms up.
  const late = memory.filter(([minutes]) => minutes > lastMs / 180_000);
  printTable(`${clients} clients for ${seconds.toFixed(0)} s, ${values.outputs}; ${machine(cpus(), process.version)}`, [
    row('accepted, p50 and p99', times.accepted, 'validated and on disk'),
    row('first event, p50 and p99', times.first, 'from the submission to the first event after job-queued'),
    row('whole, p50 and p99', times.whole, 'from the submission to the terminal event'),
    ['jobs a second', (times.whole.length / seconds).toFixed(0), ''],
    ['events a second', (appended / seconds).toFixed(0), 'as they are kept: texts in a row are one'],
    ['memory', `${(memory.at(-1)?.[1] ?? 0).toFixed(0)} MB`, `slope ${slope(late).toFixed(1)} MB a minute`],
  ]);
}

function row(name: string, all: readonly number[], remark: string): readonly [string, string, string] {
  return [name, `${milliseconds(percentile(all, 50))}, ${milliseconds(percentile(all, 99))}`, remark];
}

function percentile(all: readonly number[], percent: number): number {
  const sorted = all.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

/** Of the line through the points with the least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (of: 0 | 1): number => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  return points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}
