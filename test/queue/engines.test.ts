import { expect, onTestFinished, test } from 'vitest';
import { AnymodalError } from '../../src/errors.ts';
import type { Engines } from '../../src/queue/contracts.ts';
import { BYTES_OF_PROCESS, BYTES_PER_WEIGHT_BYTE, createEngines, type EnginesOptions } from '../../src/queue/engines.ts';
import { FakeClock, FakeEngine, settled } from './fakes.ts';

const WEIGHT = 1000;
const ONE = BYTES_OF_PROCESS + WEIGHT * BYTES_PER_WEIGHT_BYTE;

interface Bench { readonly engines: Engines; readonly clock: FakeClock; readonly started: string[]; readonly running: Map<string, FakeEngine>; fault: Error | null; readonly stateOf: (id: string) => string | undefined }

function open(options: Partial<EnginesOptions> = {}, models = ['a', 'b', 'c']): Bench {
  const clock = new FakeClock();
  const started: string[] = [];
  const running = new Map<string, FakeEngine>();
  const bench = { started, running, clock, fault: null as Error | null };
  const engines = createEngines({
    clock,
    models: models.map((id) => ({ id, aliases: [`${id}-alias`], title: id, licence: 'Apache-2.0', inputs: [], outputs: [], weightBytes: WEIGHT })),
    start: async (model) => {
      started.push(model);
      await settled();
      if (bench.fault !== null) throw bench.fault;
      const engine = new FakeEngine();
      running.set(model, engine);
      const close = engine.close.bind(engine);
      engine.close = async () => {
        await settled();
        running.delete(model);
        await close();
      };
      return engine;
    },
    ...options,
  });
  onTestFinished(async () => {
    await engines.close();
    expect(running.size).toBe(0);
  });
  return Object.assign(bench, { engines, stateOf: (id: string) => engines.models().find((model) => model.id === id)?.state });
}

test('names, aliases and the default', () => {
  const { engines } = open();
  expect([engines.resolve(null), engines.resolve('b'), engines.resolve('c-alias')]).toEqual(['a', 'b', 'c']);
  expect(() => engines.resolve('gpt')).toThrow(expect.objectContaining({ code: 'unknown_model', field: 'model', message: expect.stringContaining('a, a-alias, b') }));
});

test('a model is loaded once, when it is asked for', async () => {
  const { engines, started, stateOf } = open();
  expect(stateOf('a')).toBe('unloaded');
  const leases = await Promise.all([engines.lease('a'), engines.lease('a-alias'), engines.describe('a')]);
  expect(started).toEqual(['a']);
  expect(leases[0].engine).toBe(leases[1].engine);
  expect(stateOf('a')).toBe('ready');
  leases[0].release();
  leases[1].release();
});

test('of idle models the one used longest ago makes room, and is gone before the next one starts', async () => {
  const { engines, running, clock, started } = open({ memoryBytes: 2 * ONE });
  for (const id of ['a', 'b', 'a']) {
    (await engines.lease(id)).release();
    await clock.advance(10);
  }
  const lease = await engines.lease('c');
  expect([...running.keys()]).toEqual(['a', 'c']);
  expect(started).toEqual(['a', 'b', 'c']);
  lease.release();
});

test('who finds no room waits until a model is idle', async () => {
  const { engines, running } = open({ memoryBytes: ONE });
  const first = await engines.lease('a');
  let isThere = false;
  const second = engines.lease('b').then((lease) => {
    isThere = true;
    return lease;
  });
  await settled();
  expect(isThere).toBe(false);
  const gone = new AbortController();
  const third = engines.lease('c', gone.signal);
  third.catch(() => undefined);
  gone.abort();
  await expect(third).rejects.toMatchObject({ code: 'aborted' });
  first.release();
  first.release();
  (await second).release();
  expect([...running.keys()]).toEqual(['b']);
});

test('who uses a loaded model again and again does not shut out another for ever', async () => {
  const { engines, clock, running } = open({ memoryBytes: ONE });
  let held = await engines.lease('a');
  const order: string[] = [];
  const waiting = engines.lease('b').then((lease) => {
    order.push('b');
    return lease;
  });
  for (let round = 0; round < 3; round += 1) {
    const next = await engines.lease('a');
    held.release();
    held = next;
    await settled();
  }
  expect(order).toEqual([]);
  await clock.advance(30_000);
  const late = engines.lease('a').then((lease) => {
    order.push('a');
    return lease;
  });
  await settled();
  expect(order).toEqual([]);
  held.release();
  (await waiting).release();
  (await late).release();
  expect(order).toEqual(['b', 'a']);
  expect([...running.keys()]).toEqual(['a']);
});

test('a model that is too large for the budget says so', async () => {
  const { engines } = open({ memoryBytes: ONE - 1 });
  await expect(engines.lease('a')).rejects.toMatchObject({ code: 'unsupported', message: expect.stringContaining('budget') });
});

test('an idle model is unloaded after its time, and loaded again', async () => {
  const { engines, clock, running, started } = open({ keepAliveMs: 1000 });
  (await engines.lease('a')).release();
  await clock.advance(900);
  const lease = await engines.lease('a');
  await clock.advance(5000);
  expect(running.size).toBe(1);
  lease.release();
  await clock.advance(1000);
  await settled();
  expect(running.size).toBe(0);
  expect((await engines.describe('a')).bundle).toBe('fake');
  expect(started).toEqual(['a']);
  (await engines.lease('a')).release();
  expect(started).toEqual(['a', 'a']);
});

test('a failure to load is told to all who wait, and tried again later', async () => {
  const bench = open({ preload: ['a-alias'] });
  bench.fault = new AnymodalError('bundle_invalid', 'files are missing');
  await Promise.all([1, 2].map(async () => expect(bench.engines.lease('a')).rejects.toMatchObject({ code: 'bundle_invalid' })));
  expect(bench.engines.models()[0]).toMatchObject({ state: 'failed', error: 'files are missing' });
  await expect(bench.engines.lease('a')).rejects.toMatchObject({ code: 'bundle_invalid' });
  expect(bench.started).toEqual(['a']);
  bench.fault = null;
  await bench.clock.advance(10_000);
  (await bench.engines.lease('a')).release();
  expect(bench.engines.models()[0]).toMatchObject({ state: 'ready', error: null });
});

test('preloaded models load at once', async () => {
  const { stateOf } = open({ preload: ['b'] });
  expect([stateOf('a'), stateOf('b')]).toEqual(['unloaded', 'loading']);
  await settled();
  await settled();
  expect(stateOf('b')).toBe('ready');
});

test('after the end nothing is lent', async () => {
  const { engines } = open();
  const lease = await engines.lease('a');
  const waiting = engines.lease('b');
  waiting.catch(() => undefined);
  await engines.close();
  await expect(engines.lease('a')).rejects.toMatchObject({ code: 'shutting_down' });
  lease.release();
  await waiting.then((late) => late.release(), () => undefined);
});
