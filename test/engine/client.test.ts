import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Engine, JobEvent } from '../../src/contracts.ts';
import { startEngine } from '../../src/engine/client.ts';
import { collect, fakeFactories, jobOf, ofType, typesOf, writeFakeBundle } from './fake-bundle.ts';

async function startFake(graceMs = 10_000): Promise<Engine> {
  const engine = await startEngine({ bundle: await writeFakeBundle(), device: 'cpu', factoryModules: [fakeFactories], graceMs });
  onTestFinished(async () => engine.close());
  return engine;
}

/** Milliseconds until a job that was told to hang surely does: a cancel before that would be read and obeyed. */
const UNTIL_IT_HANGS_MS = 400;

/** A job whose decoder does `accident` at its first step. */
const accident = (kind: string, id = 'job-1') => jobOf(['{image}'], { id, options: { image: { accident: kind, steps: 1000 } } });

test('a process that is killed during a job: one engine_crashed, and the next job runs', async () => {
  const engine = await startFake();
  const events = await collect(engine.run(accident('crash')));
  expect(events.at(-1)).toMatchObject({ type: 'job-error', code: 'engine_crashed', message: expect.stringContaining('(SIGKILL)'), job: 'job-1' });
  expect(ofType(events, 'job-error')).toHaveLength(1);
  expect(typesOf(await collect(engine.run(jobOf(['hi']))))).toEqual(['job-queued', 'job-start', 'text-delta', 'job-end']);
});

test('a process that is killed ends every job it had', async () => {
  const engine = await startFake();
  const ends = await Promise.all([accident('none', 'a'), accident('crash', 'b')].map(async (job) => (await collect(engine.run(job))).at(-1)));
  expect(ends).toMatchObject([{ type: 'job-error', code: 'engine_crashed', job: 'a' }, { type: 'job-error', code: 'engine_crashed', job: 'b' }]);
});

test('a cancelled job that does not stop is ended by force, and the next job runs', async () => {
  const engine = await startFake(100);
  const cancel = new AbortController();
  const events: JobEvent[] = [];
  for await (const event of engine.run(accident('hang'), cancel.signal)) {
    events.push(event);
    if (event.type !== 'media-start') continue;
    await delay(UNTIL_IT_HANGS_MS);
    cancel.abort();
  }
  expect(events.at(-1)).toMatchObject({ type: 'job-abort', reason: 'cancelled' });
  expect(typesOf(await collect(engine.run(jobOf(['hi'])))).at(-1)).toBe('job-end');
});

test('close ends a process that does not stop', async () => {
  const engine = await startFake(100);
  const events = engine.run(accident('hang'));
  for await (const event of events) {
    if (event.type !== 'media-start') continue;
    await delay(UNTIL_IT_HANGS_MS);
    await engine.close();
    break;
  }
});

test('leaving the loop of a job that does not stop ends it by force', async () => {
  const engine = await startFake(100);
  for await (const event of engine.run(accident('hang'))) {
    if (event.type !== 'media-start') continue;
    await delay(UNTIL_IT_HANGS_MS);
    break;
  }
  const next = await collect(engine.run(jobOf(['hi'])));
  // The next job was in the process that had to be killed.
  expect(next.at(-1)).toMatchObject({ type: 'job-error', code: 'engine_crashed' });
  expect(typesOf(await collect(engine.run(jobOf(['hi'])))).at(-1)).toBe('job-end');
});

test('a start that is given up ends its process at once', async () => {
  const options = { bundle: await writeFakeBundle(), device: 'cpu', factoryModules: [fakeFactories] } as const;
  const cancel = new AbortController();
  const starting = startEngine(options, cancel.signal);
  cancel.abort();
  await expect(starting).rejects.toMatchObject({ code: 'aborted', message: 'cancelled' });
  await expect(startEngine(options, cancel.signal)).rejects.toMatchObject({ code: 'aborted' });
});

test('a bundle that went bad ends the next job after a crash, and not the engine', async () => {
  const folder = await writeFakeBundle();
  const engine = await startEngine({ bundle: folder, device: 'cpu', factoryModules: [fakeFactories] });
  onTestFinished(async () => engine.close());
  await collect(engine.run(accident('crash')));
  await writeFile(join(folder, 'bundle.json'), '{}');
  expect(await collect(engine.run(jobOf(['hi'])))).toMatchObject([{ type: 'job-error', code: 'bundle_invalid', job: 'job-1' }]);
});

test('jobs leave no listeners on their signal', async () => {
  const engine = await startFake();
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...parameters: Parameters<AbortSignal['addEventListener']>) => {
    listeners += 1;
    add(...parameters);
  };
  signal.removeEventListener = (...parameters: Parameters<AbortSignal['removeEventListener']>) => {
    listeners -= 1;
    remove(...parameters);
  };
  await collect(engine.run(jobOf(['hi']), signal));
  for await (const event of engine.run(jobOf(['hi there']), signal)) if (event.type === 'text-delta') break;
  expect(listeners).toBe(0);
});

test('the process ends when its parent is gone', async () => {
  const client = new URL('../../src/engine/client.ts', import.meta.url).href;
  const options = JSON.stringify({ bundle: await writeFakeBundle(), device: 'cpu' });
  // A parent that starts an engine, says the id of its child, and waits to be killed.
  const script = `
    import { startEngine } from ${JSON.stringify(client)};
    await startEngine({ ...${options}, factoryModules: [new URL(${JSON.stringify(fakeFactories.href)})] });
    const { stdout } = process;
    stdout.write(process._getActiveHandles().find((handle) => handle.channel)?.pid + '\\n');
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [said] = await once(parent.stdout, 'data');
  const pid = Number(String(said));
  expect(pid).toBeGreaterThan(0);
  process.kill(pid, 0);
  parent.kill('SIGKILL');
  await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
