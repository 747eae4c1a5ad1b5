import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/queue/clock.ts';
import { integer, text } from '../../src/queue/database.ts';
import { openDataFolder } from '../../src/queue/data-folder.ts';
import { chance, isTerminal, medium, temporaryFolder } from './fakes.ts';

const ROUNDS = 20;
const JOBS = 6;

interface Told { readonly type: string; readonly id?: string; readonly detached?: boolean }

/** A server in a process of its own, and what it says. */
function server(path: string, ...rest: readonly string[]): { readonly child: ChildProcess; readonly told: Told[]; readonly exited: Promise<unknown> } {
  const child = fork(new URL('./crash-child.ts', import.meta.url), [path, ...rest], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const told: Told[] = [];
  child.on('message', (message: Told) => told.push(message));
  const exited = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, told, exited };
}

test('a server that is killed at any moment loses nothing it accepted, ends nothing twice and shows no half file', async () => {
  const path = await temporaryFolder();
  const random = chance(20_261_123);
  const accepted = new Map<string, boolean>();
  const moments: string[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const { child, told, exited } = server(path, 'submit', String(round), String(JOBS));
    // Killed at its start, between acceptances, or while all of them run.
    const after = Math.floor(random() * (JOBS + 2));
    const delay = random() * 40;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (told.length >= after) resolve();
      };
      child.on('message', look);
      child.once('exit', () => resolve());
      look();
    });
    await setTimeout(delay);
    child.kill('SIGKILL');
    await exited;
    for (const { type, id, detached } of told) if (type === 'accepted' && id !== undefined) accepted.set(id, detached === true);
    moments.push(`${told.length} messages, ${Math.round(delay)} ms`);
  }
  expect(accepted.size).toBeGreaterThan(ROUNDS);

  const { told, exited } = server(path, 'finish');
  await exited;
  expect(told.map(({ type }) => type)).toEqual(['ready', 'finished']);

  // Files that a kill left without a record are swept when they are older than a margin: a minute later, however fast this machine is.
  const folder = await openDataFolder(path, { clock: { ...systemClock, now: () => Date.now() + 60_000 } });
  onTestFinished(async () => folder.close());
  await folder.swept;
  let again = 0;
  for (const [id, detached] of accepted) {
    const job = await folder.jobs.get(id);
    // Attached jobs went with their client.
    expect([id, job?.status]).toEqual([id, detached ? 'completed' : expect.stringMatching(/^(completed|cancelled)$/)]);
    const events = await folder.jobs.events(id, 0);
    expect(events.map((event) => event.id)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(isTerminal)).toEqual([events.at(-1)]);
    expect(events.map(({ attempt }) => attempt)).toEqual(events.map(({ attempt }) => attempt).toSorted((a, b) => a - b));
    if (job?.attempt !== 1) again += 1;
    if (job?.status !== 'completed') continue;
    const made = events.findLast((event) => event.type === 'media-end');
    expect(made).toMatchObject({ attempt: job.attempt, media: { id: medium(`made for ${id} `.repeat(2000)).id } });
    expect((await folder.media.list({ owner: job.owner, job: id, origins: ['made'] }, { limit: 9 }))).toHaveLength(1);
  }
  expect(again).toBeGreaterThan(0);

  // Every file is whole, known, and nothing else is there.
  const files = (await readdir(join(path, 'media'), { recursive: true })).filter((name) => /[0-9a-f]{64}$/.test(name)).map((name) => name.slice(-64));
  for (const row of folder.database.all('SELECT id, size FROM files')) {
    const [id, size] = [text(row, 'id'), integer(row, 'size')];
    expect(files).toContain(id);
    const { bytes } = await folder.media.read({ id, size, modality: 'image', mediaType: 'image/png' });
    expect(medium(new TextDecoder().decode(bytes)).id).toBe(id);
  }
  expect(files.filter((id) => folder.database.get('SELECT 1 FROM files WHERE id = ?', id) === undefined)).toEqual([]);
  expect(await readdir(join(path, 'media', 'parts'))).toEqual([]);
  expect(folder.database.all("SELECT 1 FROM media WHERE origin = 'preview'")).toEqual([]);
  expect(folder.database.all("SELECT 1 FROM holds")).toEqual([]);
}, 120_000);
