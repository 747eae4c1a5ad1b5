// What saturates first, at how many workers: `node bench/capacity.ts [--figures bench/workers.json]`. Computed from what bench/workers.ts
// measured and from the limits named below; measures nothing itself. Its tables are those of docs/scaling.md.

import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { figures: { type: 'string', default: 'bench/workers.json' }, days: { type: 'string', default: '1' } } });

interface Figures {
  /** Milliseconds of processor time of a job. */
  readonly redisMs: number;
  readonly serverMs: number;
  readonly workerMs: number;
  /** Share of one core of Redis that an idle worker takes. */
  readonly idleSharePerWorker: number;
  readonly connectionsPerWorker: number;
  readonly usedMemoryBytes: number;
  readonly mediaBytes: number;
  readonly jobs: number;
  readonly nanoMs?: number;
  readonly machine: string;
}

/** What jobs are, by how long one keeps a worker and how many bytes it makes and takes. */
interface Kind {
  readonly name: string;
  readonly seconds: number;
  readonly bytes: number;
}

interface Limit {
  readonly name: string;
  /** What is used of it, as a share of what can be used. */
  readonly share: (workers: number, kind: Kind) => number;
}

/** Of a resource that must answer at once, what may be used on average. */
const USABLE = 0.7;
const REDIS_BYTES = 64e9;
const REDIS_CONNECTIONS = 10_000;
/** Bytes a second of a network of 10 Gbit/s. */
const NETWORK = 1.25e9;
/** A made medium goes into the store, out to a client, and to a disk or a replica. */
const COPIES = 3;

const figures: Figures = JSON.parse(await readFile(values.figures, 'utf8'));
const bytesPerJob = Math.max(1000, (figures.usedMemoryBytes - figures.mediaBytes) / figures.jobs);
const keptSeconds = Number(values.days) * 86_400;
const perSecond = (workers: number, { seconds }: Kind): number => workers / seconds;
const kinds: readonly Kind[] = [
  // A second where it was not measured.
  { name: 'nano: a picture on two cores', seconds: (figures.nanoMs ?? 1000) / 1000, bytes: 25e3 },
  { name: 'full size: a picture on a GPU', seconds: 4, bytes: 1.5e6 },
  { name: 'full size: a video on a GPU', seconds: 120, bytes: 8e6 },
];

const limits = (mediaInRedis: boolean): readonly Limit[] => [
  { name: 'processor of Redis', share: (workers, kind) => ((perSecond(workers, kind) * figures.redisMs) / 1000 + workers * figures.idleSharePerWorker) / USABLE },
  { name: 'memory of Redis', share: (workers, kind) => (perSecond(workers, kind) * keptSeconds * (bytesPerJob + (mediaInRedis ? kind.bytes : 0))) / (REDIS_BYTES * USABLE) },
  { name: 'connections of Redis', share: (workers) => (workers * figures.connectionsPerWorker) / REDIS_CONNECTIONS },
  { name: mediaInRedis ? 'network of Redis' : 'network of one object store', share: (workers, kind) => (perSecond(workers, kind) * kind.bytes * COPIES) / (NETWORK * USABLE) },
];

const percent = (share: number): string => (share >= 10 ? `${share.toFixed(0)} times` : share >= 0.1 ? `${(100 * share).toFixed(0)} %` : `${(100 * share).toFixed(1)} %`);

console.log(`Measured on ${figures.machine}: of one job ${figures.redisMs.toFixed(2)} ms of Redis, ${figures.serverMs.toFixed(2)} ms of the server, ${figures.workerMs.toFixed(2)} ms of the worker, ${(bytesPerJob / 1000).toFixed(1)} kB in the log; of an idle worker ${(1000 * figures.idleSharePerWorker).toFixed(2)} ms of Redis a second and ${figures.connectionsPerWorker.toFixed(1)} connections.`);
for (const mediaInRedis of [false, true]) {
  console.log(`\n### Media ${mediaInRedis ? 'through Redis' : 'on an object store'}; jobs are kept ${values.days} day(s), all workers busy all the time\n`);
  console.log('| jobs | workers | jobs a second | servers | of Redis\' processor | of its memory | of its connections | of the network | first |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const kind of kinds) {
    for (const workers of [10, 100, 1000]) {
      const shares = limits(mediaInRedis).map(({ name, share }) => ({ name, share: share(workers, kind) }));
      const first = shares.toSorted((a, b) => b.share - a.share)[0];
      const servers = Math.max(2, Math.ceil((perSecond(workers, kind) * figures.serverMs) / 1000 / USABLE));
      console.log(`| ${kind.name} | ${workers} | ${perSecond(workers, kind).toFixed(perSecond(workers, kind) < 1 ? 2 : 1)} | ${servers} | ${shares.map(({ share }) => percent(share)).join(' | ')} | ${first?.name ?? ''}${(first?.share ?? 0) > 1 ? ', exceeded' : ''} |`);
    }
  }
  console.log('\nWorkers at which each is used up:\n');
  for (const kind of kinds) {
    // All of them grow with the number of workers.
    console.log(`- ${kind.name}: ${limits(mediaInRedis).map(({ name, share }) => `${name} ${Math.floor(1 / share(1, kind)).toLocaleString('en')}`).join(', ')}`);
  }
}
