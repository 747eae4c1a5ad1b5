// Chaos on real processes: workers killed, servers killed with subscribers attached, stores restarted, while jobs come in. Afterwards every
// job has ended once, none is lost, what was made is whole, and nothing is left behind. What is restarted besides is a parameter.

import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { Client, isTerminal, type JobEvent, type JobInput } from '../../src/client/index.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { startRedis } from '../queue/redis-process.ts';
import { startServer, type RealServer } from '../real-server.ts';
import { startTalks } from './chaos-turns.ts';
import { below, instantModel, isAlive, startWorker, type RealWorker } from './processes.ts';

export interface Chaos {
  readonly jobs: number;
  readonly workers: number;
  readonly servers: number;
  /** The jobs come in so many waves, and in the midst of each one something is taken away. */
  readonly rounds: number;
  /** Flags of servers and of workers beside those of Redis. */
  readonly serverFlags?: readonly string[];
  readonly workerFlags?: readonly string[];
  /** What else is taken away for a while, in turn with workers, Redis and servers. */
  readonly outages?: readonly { readonly name: string; run(): Promise<void> }[];
  /** True where media lie in Redis, so that what is left there can be counted. */
  readonly mediaInRedis?: boolean;
  /** Conversations to which half of the jobs belong; none unless told. */
  readonly conversations?: number;
}

export interface ChaosReport {
  readonly completed: number;
  readonly again: number;
  readonly kills: readonly string[];
  readonly resumed: number;
  /** Of conversations, each kept once. */
  readonly turns: number;
}

const tiny = 'test/fixtures/tiny';
/** Of the instant engine, which has eight: a job lasts long enough to be killed. */
const STEP_MS = 250;

export async function chaos({ jobs, workers: workerCount, servers: serverCount, rounds, serverFlags = [], workerFlags = [], outages = [], mediaInRedis = true, conversations = 0 }: Chaos): Promise<ChaosReport> {
  const random = createRandom(2026);
  const draw = (): number => random.uniform(1)[0] ?? 0;
  const kills: string[] = [];
  const redis = await startRedis();
  const instant = await instantModel();
  const servers: RealServer[] = [];
  const workers: RealWorker[] = [];
  const families = new Set<number>();
  const census = async (): Promise<void> => {
    for (const parent of [...servers, ...workers]) for (const each of await below(parent.pid())) families.add(each);
  };
  try {
    const workerOf = async (): Promise<RealWorker> => startWorker(['--redis', redis.url, '--model', instant.folder, '--model', tiny, '--preload', '--set', 'worker.lockMs=3000', ...workerFlags], STEP_MS);
    workers.push(...(await Promise.all(Array.from({ length: workerCount }, workerOf))));
    for (let index = 0; index < serverCount; index += 1) servers.push(await startServer('--redis', redis.url, '--set', 'limits.requestsPerMinute=0', '--set', 'limits.jobsPerKey=1000', ...serverFlags));

    // What stands before the servers: the next one where one does not answer.
    let turn = 0;
    let resumed = 0;
    const balanced: typeof fetch = async (input, init) => {
      if (new Headers(init?.headers).has('last-event-id')) resumed += 1;
      turn += 1;
      for (let tries = 0; ; tries += 1) {
        const address = servers[(turn + tries) % servers.length]?.address ?? '';
        try {
          return await fetch((input instanceof Request ? input.url : input.toString()).replace(/^http:\/\/[^/]+/, address), init);
        } catch (error) {
          if (init?.signal?.aborted === true || tries >= 40) throw error;
          await setTimeout(tries % servers.length === 0 ? 0 : 250);
        }
      }
    };
    const client = new Client({ baseUrl: 'http://balanced', fetch: balanced });
    await expect.poll(async () => (await client.models()).map(({ id }) => id).toSorted(), { timeout: 120_000, interval: 500 }).toEqual(['instant', 'tiny']);

    const talks = conversations === 0 ? null : await startTalks(client, conversations);
    const accepted = new Map<string, JobInput>();
    const follow = async (id: string): Promise<readonly JobEvent[]> => {
      const events: JobEvent[] = [];
      for await (const event of client.events(id)) events.push(event);
      return events;
    };
    const submit = async (index: number): Promise<readonly JobEvent[]> => {
      const isReal = index % 10 === 3;
      const plain: JobInput = { input: [{ type: 'text', text: 'a red apple' }], model: isReal ? 'tiny' : 'instant', outputs: ['image'], route: 'direct', seed: index % 7, ...(isReal && { options: { image: { steps: 6, previewEvery: 3 } } }) };
      const input = talks === null || isReal ? plain : talks.of(index, plain);
      for (let tries = 0; ; tries += 1) {
        try {
          const { id } = await client.createJob(input, { idempotencyKey: `job ${index}` });
          accepted.set(id, input);
          if (!isReal) talks?.accepted(index, id);
          return await follow(id);
        } catch (error) {
          if (tries >= 20) throw error;
          await setTimeout(500);
        }
      }
    };
    // What comes back takes a while; meanwhile the others are alone.
    const away = new Map<RealWorker, Promise<void>>();
    const disturb = async (what: string): Promise<void> => {
      kills.push(what);
      if (what === 'worker') {
        const holders = await busy();
        const worker = workers.find((each) => !away.has(each) && holders.includes(each.id())) ?? workers[0];
        if (worker === undefined) return;
        await away.get(worker);
        await worker.kill();
        away.set(worker, worker.start().finally(() => away.delete(worker)));
      } else if (what === 'redis') await redis.restart();
      else if (what === 'server') await servers[kills.length % servers.length]?.restart();
      else await outages.find(({ name }) => name === what)?.run();
    };
    /** Those who have jobs, when at least two jobs run. */
    const busy = async (): Promise<readonly string[]> => {
      let holders: readonly string[] = [];
      await expect.poll(async () => (holders = await holdersIn(redis.url)).length, { timeout: 120_000, interval: 50, message: `jobs that run, of ${accepted.size} accepted, after ${kills.join(', ')}` }).toBeGreaterThan(1);
      return holders;
    };
    const kinds = ['worker', 'redis', 'worker', 'server', ...outages.map(({ name }) => name)];
    const telling: Promise<readonly JobEvent[]>[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await census();
      const wave = Array.from({ length: Math.floor((jobs * (round + 1)) / rounds) - Math.floor((jobs * round) / rounds) }, (_, index) => Math.floor((jobs * round) / rounds) + index);
      // The second half comes in while something is away.
      const half = Math.ceil(wave.length / 2);
      telling.push(...wave.slice(0, half).map(submit));
      await busy();
      await setTimeout(300 * draw());
      const disturbed = disturb(kinds[round % kinds.length] ?? 'worker');
      telling.push(...wave.slice(half).map(submit));
      await disturbed;
    }
    const told = await Promise.all(telling);
    await Promise.all(away.values());

    // Each job was told once and whole to who followed it over all that.
    for (const events of told) {
      expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
      expect(events.filter(isTerminal)).toEqual([events.at(-1)]);
    }
    expect(accepted.size).toBe(jobs);
    const made = new Map<string, Set<string>>();
    let completed = 0;
    let again = 0;
    for (const [id, { model, seed }] of accepted) {
      const [job, events] = [await client.job(id), await follow(id)];
      expect(events.filter(isTerminal), id).toHaveLength(1);
      expect([id, job.status, job.error?.code ?? null]).toEqual([id, 'completed', null]);
      completed += 1;
      if (job.attempt > 1) again += 1;
      for (const part of job.outputs) {
        if (part.type !== 'media') continue;
        const bytes = new Uint8Array(await (await client.download(part.media)).arrayBuffer());
        expect(createHash('sha256').update(bytes).digest('hex'), id).toBe(part.media.id);
        made.set(`${model} ${seed}`, (made.get(`${model} ${seed}`) ?? new Set()).add(part.media.id));
      }
    }
    // The same seed gives the same bytes, whoever made them.
    expect([...made.values()].map((ids) => ids.size)).toEqual([...made.keys()].map(() => 1));
    const turns = (await talks?.check()) ?? 0;
    await leftInRedis(redis.url, mediaInRedis);
    await census();
    return { completed, again, kills, resumed, turns };
  } finally {
    for (const worker of workers) await worker.end();
    for (const server of servers) await server.stop();
    await redis.stop();
    await instant.remove();
    await expect.poll(() => [...families].filter(isAlive), { timeout: 30_000 }).toEqual([]);
  }
}

/** Media that keys are named by. */
function mediaOf(keys: readonly string[]): string[] {
  return keys.map((key) => key.slice(-64)).toSorted();
}

/** Of each job that runs, the worker that has it. */
async function holdersIn(url: string): Promise<readonly string[]> {
  const client = new Redis(url);
  const unfinished = await client.zrange('{anymodal}:U', '0', '-1');
  const holders = await Promise.all(unfinished.map(async (id) => client.hget(`{anymodal}:J:${id}`, 'holder')));
  client.disconnect();
  return holders.filter((holder) => holder !== null);
}

/** Nothing waits, nothing is held, and no bytes lie there that no record tells of. */
async function leftInRedis(url: string, withMedia: boolean): Promise<void> {
  const client = new Redis(url);
  const p = '{anymodal}';
  const count = async (name: string): Promise<number> => client.zcard(`${p}:${name}`);
  // A worker tells BullMQ of an end after it told the log.
  await expect.poll(async () => (await client.keys(`${p}:bull:*:job_*`)).length, { timeout: 30_000 }).toBe(0);
  await expect.poll(async () => Promise.all(['U', 'Q', 'D', 'HJ', 'G'].map(count)), { timeout: 90_000 }).toEqual([0, 0, 0, 0, 0]);
  if (withMedia) {
    const known = mediaOf((await client.keys(`${p}:F:*`)).filter((key) => /:[0-9a-f]{64}$/.test(key)));
    const bytes = mediaOf(await client.keys(`${p}:B:*`));
    const lost = await Promise.all(bytes.filter((id) => !known.includes(id)).map(async (id) => client.ttl(`${p}:B:${id}`)));
    // Bytes whose writer was killed before their record go by themselves.
    expect(lost.filter((seconds) => seconds < 0)).toEqual([]);
    expect(known.filter((id) => !bytes.includes(id))).toEqual([]);
    for (const id of known) expect(await client.ttl(`${p}:B:${id}`)).toBe(-1);
  }
  client.disconnect();
}
