// Measures servers and workers on one Redis: `node bench/workers.ts [--jobs 300] [--nano 12] [--workers 1,2,3] [--out bench/workers.json]`.
// Redis, workers and engines are processes of their own; the server is this process, without HTTP. Needs redis-server.

import { readFile, writeFile } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { systemClock } from '../src/queue/clock.ts';
import type { Queue } from '../src/queue/contracts.ts';
import { openDataFolder } from '../src/queue/data-folder.ts';
import { createQueue } from '../src/queue/queue.ts';
import { Calls } from '../src/queue/redis/calls.ts';
import { RedisLink } from '../src/queue/redis/connection.ts';
import { RemoteEngines } from '../src/queue/redis/engines.ts';
import { RedisJobLog } from '../src/queue/redis/job-log.ts';
import { Lanes } from '../src/queue/redis/lanes.ts';
import { Listener } from '../src/queue/redis/listener.ts';
import { RedisBytes } from '../src/queue/redis/media-bytes.ts';
import { RedisMediaStore } from '../src/queue/redis/media-store.ts';
import { createSharedQueue } from '../src/queue/redis/queue.ts';
import { Registry } from '../src/queue/redis/registry.ts';
import { startRedis } from '../test/queue/redis-process.ts';
import { instantModel, startWorker, type RealWorker } from '../test/server/processes.ts';
import { createInstantEngine } from './instant-engine.ts';
import { machine, median, milliseconds, printTable } from './table.ts';

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '300' }, nano: { type: 'string', default: '12' }, workers: { type: 'string', default: '1,2,3' }, fsync: { type: 'string', default: 'everysec' }, out: { type: 'string' } } });
const counts = values.workers.split(',').map(Number);

interface Run {
  readonly jobsPerSecond: number;
  /** Milliseconds of each job that is sent when the one before has ended. */
  readonly whole: readonly number[];
  /** Milliseconds from an event's time in the worker to its arrival at a follower. */
  readonly events: readonly number[];
  readonly eventsPerJob: number;
}

/** One job after the other, then many at once: `model` answers each with a picture. */
async function measure(queue: Queue, model: string, jobs: number, atOnce: number): Promise<Run> {
  let count = 0;
  const events: number[] = [];
  let told = 0;
  const one = async (): Promise<number> => {
    count += 1;
    const id = `job_${process.pid}_${model}_${Date.now()}_${count}`;
    const begin = performance.now();
    await queue.submit({
      owner: `owner ${count % 20}`, model, kind: 'job', detached: true,
      request: { id, messages: [{ role: 'user', parts: [{ type: 'text', text: 'a red apple' }] }], outputs: ['image'], route: 'direct', seed: count, count: 1, options: {}, negativePrompt: null, mask: null, mix: null, metadata: true },
    });
    for await (const event of queue.events(id, 0)) {
      told += 1;
      if (event.type !== 'job-queued') events.push(Math.max(0, Date.now() - event.at));
    }
    return performance.now() - begin;
  };
  const whole: number[] = [];
  for (let index = 0; index < Math.min(jobs, 50); index += 1) whole.push(await one());
  const spaced = events.splice(0);
  const begin = performance.now();
  let left = jobs;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  }));
  return { jobsPerSecond: jobs / ((performance.now() - begin) / 1000), whole, events: spaced, eventsPerJob: told / count };
}

async function alone(jobs: number): Promise<Run> {
  const path = await mkdtemp(join(tmpdir(), 'anymodal-bench-'));
  const folder = await openDataFolder(path);
  const engine = createInstantEngine({ deltas: 8, steps: 8 });
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines: { models: () => [], resolve: () => 'instant', describe: async () => engine.describe(), lease: async () => ({ engine, release: () => undefined }), close: async () => undefined } });
  try {
    return await measure(queue, 'instant', jobs, 8);
  } finally {
    await queue.close();
    await folder.close();
    await rm(path, { recursive: true, force: true });
  }
}

const tick = 1000 / 100;
/** Milliseconds of processor time of a process, as Linux counts it. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tick;
}

const percentile = (all: readonly number[], share: number): number => all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor((all.length * share) / 100))] ?? Number.NaN;

const redis = await startRedis('--appendfsync', values.fsync);
const instant = await instantModel();
const link = new RedisLink({ url: redis.url });
const workers: RealWorker[] = [];
const rows: (readonly [string, string, string])[] = [];
const figures: Record<string, number | string> = {};
try {
  const local = await alone(Number(values.jobs));
  rows.push(['in one process: a job alone', milliseconds(median(local.whole)), `p99 ${milliseconds(percentile(local.whole, 99))}; SQLite on disk`], ['in one process: jobs a second', local.jobsPerSecond.toFixed(0), '8 at once']);
  const listener = new Listener(link);
  const registry = new Registry(link);
  const calls = new Calls(link, listener);
  const media = new RedisMediaStore(link, new RedisBytes(link), systemClock);
  const engines = new RemoteEngines({ registry, calls, models: ['instant'], aliases: {} });
  const queue = await createSharedQueue({ link, listener, registry, calls, lanes: new Lanes(link), log: new RedisJobLog(link, systemClock), media, engines, capacity: 10_000 });
  for (const count of counts) {
    while (workers.length < count) workers.push(await startWorker(['--redis', redis.url, '--model', instant.folder, ...(Number(values.nano) > 0 ? ['--model', 'nano', '--preload'] : [])]));
    while ((await registry.workers()).filter(({ models }) => models.every(({ state }) => state === 'ready')).length < count) await setTimeout(200);
    await setTimeout(3000);
    const pids = { redis: redis.pid(), worker: workers[0]?.pid() ?? 0 };
    const idle = { redis: await cpuOf(pids.redis), at: performance.now() };
    await setTimeout(5000);
    const idleShare = ((await cpuOf(pids.redis)) - idle.redis) / (performance.now() - idle.at);
    const before = { redis: await cpuOf(pids.redis), server: process.cpuUsage(), workers: (await Promise.all(workers.map(async (each) => cpuOf(each.pid())))).reduce((a, b) => a + b, 0), at: performance.now() };
    const run = await measure(queue, 'instant', Number(values.jobs), 8 * count);
    const spent = performance.now() - before.at;
    const jobs = Number(values.jobs) + run.whole.length;
    const server = process.cpuUsage(before.server);
    const each = {
      redis: ((await cpuOf(pids.redis)) - before.redis - idleShare * spent) / jobs,
      server: (server.user + server.system) / 1000 / jobs,
      worker: ((await Promise.all(workers.map(async (one) => cpuOf(one.pid())))).reduce((a, b) => a + b, 0) - before.workers) / jobs,
    };
    rows.push([`${count} worker(s), instant: jobs a second`, run.jobsPerSecond.toFixed(0), `${8 * count} at once, ${run.eventsPerJob.toFixed(1)} events a job`]);
    if (count === counts[0]) {
      rows.push(
        ['a job alone through Redis', milliseconds(median(run.whole)), `p99 ${milliseconds(percentile(run.whole, 99))}: validated by the worker, kept, run, told`],
        ['more than in one process', milliseconds(median(run.whole) - median(local.whole)), 'median of each'],
        ['an event through Redis, p50', milliseconds(percentile(run.events, 50)), 'from its time in the worker to who follows it'],
        ['an event through Redis, p99', milliseconds(percentile(run.events, 99)), ''],
      );
      Object.assign(figures, { jobAloneMs: median(run.whole), jobInProcessMs: median(local.whole), eventP50Ms: percentile(run.events, 50), eventP99Ms: percentile(run.events, 99), eventsPerJob: run.eventsPerJob });
    }
    rows.push([`${count} worker(s): processor time of a job`, milliseconds(each.redis), `of Redis; of the server ${milliseconds(each.server)}, of the worker ${milliseconds(each.worker)}, engines aside`]);
    Object.assign(figures, { [`jobsPerSecond${count}`]: run.jobsPerSecond, redisMs: each.redis, serverMs: each.server, workerMs: each.worker, [`idleShare${count}`]: idleShare });
    if (Number(values.nano) > 0) {
      const real = await measure(queue, 'nano', Number(values.nano), 2 * count);
      rows.push([`${count} worker(s), nano: pictures a second`, real.jobsPerSecond.toFixed(2), `${2 * count} at once; alone ${milliseconds(median(real.whole))}`]);
      Object.assign(figures, { [`nanoPerSecond${count}`]: real.jobsPerSecond, nanoMs: median(real.whole) });
    }
  }
  const perWorker = workers.length === 0 ? 0 : Number(figures[`idleShare${counts.at(-1) ?? 1}`]) / workers.length;
  const info = await link.client.info();
  const clients = Number(/^connected_clients:(\d+)/m.exec(info)?.[1] ?? 0);
  Object.assign(figures, { idleSharePerWorker: perWorker, connections: clients, connectionsPerWorker: (clients - 2) / Math.max(1, workers.length), usedMemoryBytes: Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0), jobs: await link.client.zcard(link.key('X')), mediaBytes: await media.size(), machine: machine(cpus(), process.version), fsync: values.fsync });
  rows.push(['an idle worker', `${(1000 * perWorker).toFixed(2)} ms a second`, 'of Redis, for signs of life and looks for work'], ['connections of a worker', ((clients - 2) / Math.max(1, workers.length)).toFixed(1), `${clients} in all`]);
  await queue.close();
  printTable(`${machine(cpus(), process.version)}; appendfsync ${values.fsync}`, rows);
  if (values.out !== undefined) await writeFile(values.out, `${JSON.stringify(figures, null, 2)}\n`);
} finally {
  for (const worker of workers) await worker.end();
  link.close();
  await redis.stop();
  await instant.remove();
}
