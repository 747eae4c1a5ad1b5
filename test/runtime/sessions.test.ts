// Sessions: opened by path, shared, counted, released, and clear about what is wrong.

import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { openSession, openSessionCount, requirePorts } from '../../src/runtime/sessions.ts';
import { shouldMapWeights } from '../../src/runtime/weights.ts';

const GRAPH = fileURLToPath(new URL('../fixtures/projectors/regression.onnx', import.meta.url));

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'anymodal-sessions-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

afterEach(() => expect(openSessionCount()).toBe(0));

test('runs a graph, mapped or not, to the same result but for rounding', async () => {
  const feeds = { hidden: { shape: [1, 1, 24], data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)) } };
  const results: Float32Array[] = [];
  for (const mapped of [false, true]) {
    const session = await openSession(GRAPH, { device: 'cpu', mapped, threads: 1 });
    const { feature } = await session.run(feeds, ['feature']);
    expect(feature?.shape).toEqual([1, 1, 10]);
    if (feature?.data instanceof Float32Array) results.push(feature.data);
    await session.release();
  }
  expect(results).toHaveLength(2);
  // Repacked weights are summed in another order.
  expect(Math.max(...results[0]!.map((value, i) => Math.abs(value - results[1]![i]!)))).toBeLessThan(1e-6);
});

test('two handles of one file share a session; releasing one leaves the other usable', async () => {
  const [first, second] = await Promise.all([openSession(GRAPH, { device: 'cpu' }), openSession(GRAPH, { device: 'cpu' })]);
  expect(openSessionCount()).toBe(2);
  await first.release();
  await first.release();
  expect(openSessionCount()).toBe(1);
  const reopened = openSession(GRAPH, { device: 'cpu' });
  await second.release();
  const third = await reopened;
  expect(await third.run({ hidden: { shape: [1, 1, 24], data: new Float32Array(24) } })).toHaveProperty('feature');
  await third.release();
});

test('release waits for the run in flight, and a run after it is refused', async () => {
  const session = await openSession(GRAPH, { device: 'cpu' });
  const feeds = { hidden: { shape: [1, 1, 24], data: new Float32Array(24) } };
  const running = session.run(feeds);
  await session.release();
  expect(await running).toHaveProperty('feature');
  await expect(session.run(feeds)).rejects.toMatchObject({ code: 'internal', message: 'regression.onnx: run after release.' });
});

describe('what is wrong is said with the name of the file', () => {
  test('a missing file and a file that is no graph', async () => {
    await inFolder(async (folder) => {
      await expect(openSession(join(folder, 'absent.onnx'), { device: 'cpu' })).rejects.toMatchObject({ code: 'bundle_invalid', message: expect.stringMatching(/^absent\.onnx: /) });
      const path = join(folder, 'text.onnx');
      await writeFile(path, 'not a graph');
      const error: unknown = await openSession(path, { device: 'cpu' }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'bundle_invalid', message: expect.stringMatching(/^text\.onnx: /) });
      expect(String(error)).not.toContain(folder);
    });
  });

  test('feeds of a wrong name, shape or type', async () => {
    const session = await openSession(GRAPH, { device: 'cpu' });
    try {
      await expect(session.run({ other: { shape: [1], data: new Float32Array(1) } })).rejects.toMatchObject({ code: 'internal', message: 'regression.onnx: no input other; expected hidden.' });
      await expect(session.run({ hidden: { shape: [1, 1, 24], data: new Float32Array(23) } })).rejects.toThrow('got Float32Array of 23 as [1, 1, 24], expected float32 [1, 1, 24]');
      await expect(session.run({ hidden: { shape: [1, 1, 24], data: new Int32Array(24) } })).rejects.toThrow('got Int32Array');
      await expect(session.run({ hidden: { shape: [24], data: new Float32Array(24) } })).rejects.toMatchObject({ code: 'internal' });
    } finally {
      await session.release();
    }
  });

  test('ports that a component needs and the graph lacks, all at once', async () => {
    const session = await openSession(GRAPH, { device: 'cpu' });
    try {
      requirePorts(session, GRAPH, { inputs: { hidden: 'float32' }, outputs: { feature: 'float32' } });
      expect(() => requirePorts(session, GRAPH, { inputs: { tokens: 'float32' }, outputs: { feature: 'int64' } })).toThrow(
        'regression.onnx: input tokens (float32) is missing, the graph has hidden; unexpected input hidden; output feature is float32, expected int64.',
      );
    } finally {
      await session.release();
    }
  });
});

test('weights above 500 MB are mapped when the graph names their file', async () => {
  await inFolder(async (folder) => {
    const graph = join(folder, 'model.onnx');
    await writeFile(graph, 'location base.weights');
    await writeFile(join(folder, 'base.weights'), '');
    await truncate(join(folder, 'base.weights'), 400e6);
    await writeFile(join(folder, 'other.bin'), '');
    await truncate(join(folder, 'other.bin'), 400e6);
    expect(await shouldMapWeights(graph)).toBe(false);
    await truncate(join(folder, 'base.weights'), 501e6);
    expect(await shouldMapWeights(graph)).toBe(true);
  });
});
