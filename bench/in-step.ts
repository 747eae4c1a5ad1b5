// How often what is heard falls on what is seen: `node bench/in-step.ts [--prompts FILE] [--seed S] [--bundle FOLDER] [--json]`.
// Each prompt is asked for as video with sound at a seed of its own, and both are read back from the mp4. A video is in step where the strongest onset of its sound is
// within 100 ms of a peak of the motion: the lowest place of a bounce, the far end of a knock, the greatest size of a beat, the lighting up of a flash.
// The same sounds over the videos of other prompts are printed beside, as chance.

import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { closeMedia, decodeAudio, decodeVideo, logMel } from '../media/index.ts';
import { factoryModules } from '../src/cli/factory-modules.ts';
import type { Media } from '../src/contracts.ts';
import { startEngine } from '../src/engine/client.ts';

const WITHIN_SECONDS = 0.1;
const FRAMES_PER_SECOND = 8;
const SIDE = 64;
const SAMPLE_RATE_HZ = 16_000;
const mel = { sampleRateHz: SAMPLE_RATE_HZ, fftSize: 512, hop: 128, mels: 64, minHz: 0, maxHz: 8000, melScale: 'slaney', norm: 'slaney', floor: 1e-5 } as const;

const { values } = parseArgs({
  options: {
    prompts: { type: 'string', default: fileURLToPath(new URL('prompts/in-step.txt', import.meta.url)) },
    seed: { type: 'string', default: '1' },
    bundle: { type: 'string', default: fileURLToPath(new URL('../models/nano', import.meta.url)) },
    json: { type: 'boolean', default: false },
  },
});
const prompts = (await readFile(values.prompts, 'utf8')).split('\n').filter((line) => line.trim() !== '');

const engine = await startEngine({ bundle: values.bundle, device: 'cpu', factoryModules });
try {
  const clips: { prompt: string; onsets: readonly number[]; peaks: readonly number[] }[] = [];
  for (const [index, prompt] of prompts.entries()) {
    const video = await make(prompt, Number(values.seed) + index);
    clips.push({ prompt, onsets: strongest(await flux(video), 1.5), peaks: peaksOf(prompt, await curves(video)) });
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  const own = clips.map(({ onsets, peaks }) => gap(onsets, peaks));
  const others = clips.flatMap(({ onsets }, index) => [7, 13, 17, 23].map((shift) => gap(onsets, clips[(index + shift) % clips.length]?.peaks ?? [])));
  if (values.json) for (const [index, clip] of clips.entries()) console.log(JSON.stringify({ ...clip, gap: own[index] }));
  console.log(`${share(own)} of ${own.length} videos have their strongest onset within ${WITHIN_SECONDS * 1000} ms of a peak of the motion; over the videos of other prompts ${share(others)} of ${others.length}`);
} finally {
  await engine.close();
  await closeMedia();
}

async function make(prompt: string, seed: number): Promise<Media> {
  const job = { id: randomUUID(), messages: [{ role: 'user', parts: [{ type: 'text', text: prompt }] }], outputs: ['video', 'audio'], route: 'direct', seed, count: 1, options: {}, negativePrompt: null, mask: null, mix: null, metadata: false } as const;
  let video: Media | null = null;
  for await (const event of engine.run(job)) {
    if (event.type === 'media-end' && event.output === 'video') video = event.media;
    if (event.type === 'job-error') throw new Error(`${prompt}: ${event.message}`);
  }
  if (video === null) throw new Error(`${prompt}: no video came`);
  return video;
}

/** Where the thing is (in pixels), how large and how light it is, frame by frame. */
interface Motion {
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly size: readonly number[];
  readonly light: readonly number[];
}

async function curves(video: Media): Promise<Motion> {
  const times = Array.from({ length: 16 }, (_, index) => (index + 0.5) / FRAMES_PER_SECOND);
  const { frames } = await decodeVideo(video, { width: SIDE, height: SIDE, fit: 'fill', background: [255, 255, 255], times });
  const ground = [0, 1, 2].map((channel) => frames[0]?.[channel] ?? 255);
  const rows = frames.map((frame) => {
    let [mass, x, y, light] = [1e-6, 0, 0, 0];
    for (let at = 0; at < SIDE * SIDE; at += 1) {
      const levels = ground.map((_, channel) => frame[3 * at + channel] ?? 0);
      const differs = levels.reduce((sum, level, channel) => sum + Math.abs(level - (ground[channel] ?? 0)), 0) / 3;
      const weight = Math.min(1, Math.max(0, differs - 12) / 30);
      mass += weight;
      x += weight * (at % SIDE);
      y += weight * Math.floor(at / SIDE);
      light += levels.reduce((sum, level) => sum + level, 0) / 3;
    }
    return { x: x / mass, y: y / mass, size: mass, light: light / SIDE ** 2 };
  });
  return { x: rows.map((row) => row.x), y: rows.map((row) => row.y), size: rows.map((row) => row.size), light: rows.map((row) => row.light) };
}

/** Seconds of the peaks of the motion that the prompt asks for. */
function peaksOf(prompt: string, { x, y, size, light }: Motion): number[] {
  const sideways = spread(x) > spread(y) ? x : y;
  if (/flash|blink/.test(prompt)) return rises(light);
  const curve = /bounc|hop/.test(prompt) ? y : /knock|hit/.test(prompt) ? away(sideways) : size;
  const half = Math.min(...curve) + 0.5 * spread(curve);
  return curve.flatMap((value, at) => {
    const [before, after] = [curve[at - 1] ?? -Infinity, curve[at + 1] ?? -Infinity];
    if (value < half || value < before || value < after) return [];
    // Between frames, by the parabola through three of them.
    const bend = before - 2 * value + after;
    const shift = Number.isFinite(bend) && bend < 0 ? (before - after) / (2 * bend) : 0;
    return [(at + shift) / FRAMES_PER_SECOND];
  });
}

/** Seconds at which it lights up: in the middle between a darker frame and one that is lighter by a fourth of all change or more. */
function rises(light: readonly number[]): number[] {
  return light.flatMap((value, at) => (at > 0 && value - (light[at - 1] ?? value) >= 0.25 * spread(light) ? [(at - 0.5) / FRAMES_PER_SECOND] : []));
}

/** Distance from where it began. */
function away(curve: readonly number[]): number[] {
  return curve.map((value) => Math.abs(value - (curve[0] ?? 0)));
}

function spread(curve: readonly number[]): number {
  return Math.max(...curve) - Math.min(...curve);
}

/** Rise of the log-mels from one moment to the next, over all bands (spectral flux). */
async function flux(video: Media): Promise<{ readonly value: readonly number[]; readonly time: readonly number[] }> {
  const { samples } = await decodeAudio(video, { sampleRateHz: SAMPLE_RATE_HZ, maxSeconds: 4 });
  const { data, shape } = logMel(samples, mel);
  const [mels = 0, frames = 0] = shape;
  const value = Array.from({ length: frames - 1 }, (_, at) => {
    let rise = 0;
    for (let band = 0; band < mels; band += 1) rise += Math.max(0, Math.max(data[band * frames + at + 1] ?? 0, -8) - Math.max(data[band * frames + at] ?? 0, -8));
    return rise;
  });
  return { value, time: value.map((_, index) => ((index + 1) * mel.hop) / SAMPLE_RATE_HZ) };
}

/** Times of the local maxima that exceed the mean by `factor`, the highest first. */
function strongest({ value, time }: Awaited<ReturnType<typeof flux>>, factor: number): number[] {
  const mean = value.reduce((sum, each) => sum + each, 0) / value.length;
  const found = value.flatMap((each, at) => (each >= factor * mean && each >= (value[at - 1] ?? 0) && each > (value[at + 1] ?? 0) ? [{ each, at: time[at] ?? 0 }] : []));
  return found.toSorted((a, b) => b.each - a.each).map(({ at }) => at);
}

/** Seconds from the strongest onset to the nearest peak; infinite where one of them is missing. */
function gap(onsets: readonly number[], peaks: readonly number[]): number {
  const [onset] = onsets;
  return onset === undefined ? Infinity : Math.min(Infinity, ...peaks.map((peak) => Math.abs(peak - onset)));
}

function share(gaps: readonly number[]): string {
  return `${((100 * gaps.filter((each) => each <= WITHIN_SECONDS).length) / gaps.length).toFixed(0)} %`;
}
