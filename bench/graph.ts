// One graph against outputs that another program made of the same inputs: largest difference, seconds, memory, as a line of JSON.
// Usage: node bench/graph.ts FOLDER, with model.onnx and case.json as training/export/full_size_check.py writes them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { floatsOf } from '../src/runtime/float16.ts';
import { openSession } from '../src/runtime/sessions.ts';
import type { RuntimeTensor } from '../src/runtime/sessions.ts';

interface Stored {
  readonly shape: readonly number[];
  readonly type: 'float32' | 'int64';
  readonly file: string;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('give the folder of a graph with its case.json');
const given: { times: number; threads: number; inputs: Record<string, Stored>; outputs: Record<string, Stored> } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));

function read({ shape, type, file }: Stored): RuntimeTensor {
  const bytes = readFileSync(join(folder!, file));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return { shape, data: type === 'int64' ? new BigInt64Array(buffer) : new Float32Array(buffer) };
}

const begin = performance.now();
const session = await openSession(join(folder, 'model.onnx'), { device: 'cpu', threads: given.threads });
const openSeconds = (performance.now() - begin) / 1000;
try {
  const feeds = Object.fromEntries(Object.entries(given.inputs).map(([port, stored]) => [port, read(stored)]));
  let seconds = Infinity;
  let results: Record<string, RuntimeTensor> = {};
  for (let time = 0; time < given.times; time += 1) {
    const start = performance.now();
    results = await session.run(feeds);
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  let [difference, largest] = [0, 0];
  for (const [port, stored] of Object.entries(given.outputs)) {
    const [expected, got] = [floatsOf(read(stored), port).data, floatsOf(results[port], port).data];
    if (expected.length !== got.length) throw new Error(`${port}: ${got.length} numbers, expected ${expected.length}`);
    for (const [i, value] of expected.entries()) {
      largest = Math.max(largest, Math.abs(value));
      difference = Math.max(difference, Math.abs(value - got[i]!));
    }
  }
  console.log(JSON.stringify({ difference, largest, seconds, openSeconds, bytes: process.resourceUsage().maxRSS * 1024 }));
} finally {
  await session.release();
}
