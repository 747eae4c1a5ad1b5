// Stable Diffusion 1.5 at full size with random weights against diffusers: error, seconds a step and memory, as a table.
// Usage: node bench/stable-diffusion.ts FOLDER, where FOLDER was made by `python -m training.fixtures.stable_diffusion_full`.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createStableDiffusion, readConfig } from '../decoders/image/stable-diffusion/factory.ts';
import { openStableDiffusionGraphs } from '../decoders/image/stable-diffusion/graphs.ts';
import { factories as decoders } from '../decoders/index.ts';
import { clipPrompt } from '../encoders/text/clip-prompt.ts';
import { factories as encoders } from '../encoders/index.ts';
import { closeMedia } from '../media/index.ts';
import { openBundle } from '../src/bundle/open.ts';
import type { Context } from '../src/contracts.ts';
import { createRandom } from '../src/runtime/random.ts';

interface Report {
  readonly prompt: string;
  readonly seed: number;
  readonly edge: number;
  readonly steps: number;
  readonly threads: number;
  readonly secondsAStep: readonly number[];
  readonly secondsDecoding: number;
  readonly bytes: number;
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('give the folder that `python -m training.fixtures.stable_diffusion_full` made');
const report: Report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
const context: Context = { signal: new AbortController().signal, random: createRandom(report.seed), warn: (code, message) => console.error(code, message) };
const seconds = (from: number): number => (performance.now() - from) / 1000;

let start = performance.now();
const opened = await openBundle(join(folder, 'bundle'), [...encoders, ...decoders]);
console.log(`files checked in ${seconds(start).toFixed(1)} s`);
start = performance.now();
const projector = await clipPrompt.open(opened.component('prompt-encoder', 'cpu').source);
const conditioning = await projector.project({ type: 'prompt', text: report.prompt }, context);
await projector.dispose();
console.log(`prompt read in ${seconds(start).toFixed(1)} s`);
start = performance.now();
const { source } = opened.component('image-decoder', 'cpu');
const config = readConfig(source.config);
const graphs = await openStableDiffusionGraphs(source, config);
console.log(`decoder opened in ${seconds(start).toFixed(1)} s`);

const seen: Record<'latents' | 'image', Float32Array> = { latents: new Float32Array(), image: new Float32Array() };
let decoding = 0;
const decoder = createStableDiffusion(config, {
  ...graphs,
  async decode(latents, latent) {
    const from = performance.now();
    seen.latents = latents.slice();
    seen.image = await graphs.decode(latents, latent);
    decoding = seconds(from);
    return seen.image;
  },
});
const steps: number[] = [];
let at = performance.now();
try {
  for await (const event of decoder.decode({ conditioning, negative: null, references: [], companions: {}, options: { width: report.edge, height: report.edge, steps: report.steps, scheduler: 'pndm' }, provenance: null }, context)) {
    if (event.type !== 'progress') continue;
    steps.push(seconds(at));
    at = performance.now();
  }
} finally {
  await decoder.dispose();
  await closeMedia();
}

const row = (name: string, ours: string, theirs: string): void => console.log(`${name.padEnd(28)} ${ours.padStart(12)} ${theirs.padStart(12)}`);
const listed = (values: readonly number[]): string => values.map((value) => value.toFixed(2)).join(' ');
row('', 'anymodal', 'diffusers');
row(`seconds a step, ${report.edge} x ${report.edge}`, listed(steps), listed(report.secondsAStep));
row('seconds of decoding', decoding.toFixed(2), report.secondsDecoding.toFixed(2));
row('most memory, MB', (process.resourceUsage().maxRSS / 1000).toFixed(0), (report.bytes / 1e6).toFixed(0));
for (const name of ['latents', 'image'] as const) {
  const bytes = readFileSync(join(folder, `${name}.f32`));
  const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - (seen[name][i] ?? Infinity))), 0);
  row(`${name}: largest difference`, apart.toExponential(1), `of ${largest.toFixed(1)}`);
}
