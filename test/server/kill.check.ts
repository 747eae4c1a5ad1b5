// A real server and its engine, killed without warning at random points, twenty rounds: nothing accepted is lost, each job ends once,
// the same seed gives the same bytes, no process is left behind, and no file is served half written.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { Client, isTerminal, type JobEvent } from '../../src/client/index.ts';
import { createRandom } from '../../src/runtime/random.ts';
import { startServer, type RealServer } from '../real-server.ts';

const ROUNDS = 20;
const random = createRandom(20);
const draw = (): number => random.uniform(1)[0] ?? 0;

/** Processes below `parent`, by what /proc says; the engine is the one that runs its child module. */
async function children(parent: number): Promise<readonly { readonly pid: number; readonly isEngine: boolean }[]> {
  const found: { pid: number; parent: number; command: string }[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [stat, command] = await Promise.all([readFile(`/proc/${name}/stat`, 'utf8').catch(() => ''), readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')]);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] !== undefined && fields[0] !== 'Z') found.push({ pid: Number(name), parent: Number(fields[1]), command });
  }
  const below = (pid: number): typeof found => found.filter((process) => process.parent === pid).flatMap((process) => [process, ...below(process.pid)]);
  return below(parent).map(({ pid, command }) => ({ pid, isEngine: command.includes('engine/child') }));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function eventsOf(client: Client, job: string): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of client.events(job)) events.push(event);
  return events;
}

test('twenty rounds', { timeout: 900_000 }, async () => {
  const server: RealServer = await startServer('--model', 'test/fixtures/tiny', '--set', 'limits.requestsPerMinute=0');
  const client = new Client({ baseUrl: server.address });
  const accepted = new Map<string, number>();
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let count = 0; count < 3; count += 1) {
        // Few seeds, so that the same work is done in many rounds.
        const seed = Math.floor(draw() * 3);
        const job = { input: [{ type: 'text' as const, text: 'a red apple' }], outputs: ['image'], route: 'direct' as const, seed, options: { image: { steps: 20, previewEvery: 5 } } };
        const { id } = await client.createJob(job, { idempotencyKey: `${round}/${count}` });
        accepted.set(id, seed);
      }
      await new Promise((resolve) => setTimeout(resolve, draw() * 1200));
      const processes = await children(server.pid());
      const engine = processes.find(({ isEngine }) => isEngine);
      if (engine !== undefined && draw() < 0.4) {
        process.kill(engine.pid, 'SIGKILL');
      } else {
        await server.restart();
        await expect.poll(() => processes.filter(({ pid }) => isAlive(pid)), { timeout: 20_000 }).toEqual([]);
      }
    }
    const made = new Map<number, Set<string>>();
    for (const [id, seed] of accepted) {
      const events = await eventsOf(client, id);
      const job = await client.job(id);
      expect(events.map((event) => event.id), id).toEqual(events.map((_, index) => index + 1));
      expect(events.filter((event) => isTerminal(event)), id).toHaveLength(1);
      // An engine that is lost twice in one job ends it; every other one is done.
      if (job.status === 'failed') expect(job.error?.code).toBe('engine_crashed');
      else expect(job.status, id).toBe('completed');
      for (const part of job.outputs) {
        if (part.type !== 'media') continue;
        const bytes = new Uint8Array(await (await client.download(part.media)).arrayBuffer());
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(part.media.id);
        made.set(seed, (made.get(seed) ?? new Set()).add(part.media.id));
      }
    }
    expect([...made.values()].map((ids) => ids.size)).toEqual([...made.keys()].map(() => 1));
    const again = await client.createJob({ input: [{ type: 'text', text: 'a red apple' }], outputs: ['image'], route: 'direct', seed: [...accepted.values()][0] ?? 0, options: { image: { steps: 20, previewEvery: 5 } } }, { idempotencyKey: '0/0' });
    expect([...accepted.keys()][0]).toBe(again.id);
    expect((await client.jobs({ limit: 100 })).data).toHaveLength(accepted.size);
    const files = await readdir(server.folder, { recursive: true });
    expect(files.filter((file) => file.endsWith('.part'))).toEqual([]);
  } finally {
    const processes = await children(server.pid());
    await server.stop();
    expect(processes.filter(({ pid }) => isAlive(pid))).toEqual([]);
  }
});
