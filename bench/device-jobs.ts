// The same few jobs on any device, as numbers that can be compared: pixels, samples, embeddings and text.
// Knows the contract of an engine; nothing of bundles and devices.

import { decodeAudio, decodeImage, decodeVideo, inspectAudio, inspectImage, inspectVideo } from '../media/index.ts';
import type { Engine, EngineDescription, JobEvent, JobRequest, Media } from '../src/contracts.ts';

export interface DeviceResult {
  readonly name: string;
  /** Of the quickest round but the first, which compiles what the device needs; of the first where it is the only one. */
  readonly milliseconds: number;
  readonly text: string | null;
  /** Pixels or samples in 0..1 and -1..1, or an embedding. */
  readonly values: Float32Array | null;
}

const PROMPT = 'a red apple';
/** Options that make a job quick and its file exact, as far as an output has them. */
const quick: Readonly<Record<string, unknown>> = { steps: 4, seconds: 1, frames: 4 };
const exact = ['png', 'wav', 'webp'];

/** Runs every output that takes steps, a few words of chat and the embeddings of a text and of what was made, `rounds` times each. */
export async function runJobs(engine: Engine, rounds: number): Promise<DeviceResult[]> {
  const description = await engine.describe();
  const results: DeviceResult[] = [];
  const made: Media[] = [];
  for (const output of description.outputs) {
    const options = optionsOf(output.options);
    if (!('steps' in options)) continue;
    const { best, last } = await repeated(rounds, async () => mediaOf(engine.run(job({ outputs: [output.name], route: 'direct', options: { [output.name]: options } }))));
    made.push(last);
    results.push({ name: output.name, milliseconds: best, text: null, values: await valuesOf(last) });
  }
  if (description.text !== null) {
    const options = { text: { temperature: 0, maxTokens: 12 } };
    const { best, last } = await repeated(rounds, async () => textOf(engine.run(job({ outputs: ['text'], route: 'chat', options }))));
    results.push({ name: 'text', milliseconds: best, text: last, values: null });
  }
  for (const input of [...(placed(description, 'text') ? [PROMPT] : []), ...made.filter(({ modality }) => placed(description, modality))]) {
    const part = typeof input === 'string' ? ({ type: 'text', text: input } as const) : ({ type: 'media', media: input } as const);
    const { best, last } = await repeated(rounds, async () => embeddingOf(engine.embed({ id: 'check', inputs: [part] })));
    results.push({ name: `embedding of ${typeof input === 'string' ? 'text' : input.modality}`, milliseconds: best, text: null, values: last });
  }
  return results;
}

function placed(description: EngineDescription, modality: string): boolean {
  return description.inputs.some((input) => input.modality === modality && input.joint);
}

function optionsOf(schema: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const properties = new Map<string, { enum?: unknown[]; minimum?: number }>(Object.entries({ ...(typeof schema['properties'] === 'object' ? schema['properties'] : null) }));
  const format = exact.find((name) => properties.get('format')?.enum?.includes(name));
  return { ...Object.fromEntries(Object.entries(quick).filter(([key, value]) => properties.has(key) && Number(value) >= (properties.get(key)?.minimum ?? 0))), ...(format !== undefined && { format }) };
}

function job(changes: Partial<JobRequest>): JobRequest {
  return { id: 'check', messages: [{ role: 'user', parts: [{ type: 'text', text: PROMPT }] }], outputs: null, route: 'auto', seed: 1, count: 1, options: {}, negativePrompt: null, mask: null, mix: null, metadata: false, ...changes };
}

async function repeated<T>(rounds: number, run: () => Promise<T>): Promise<{ best: number; last: T }> {
  const times: number[] = [];
  let last: T | undefined;
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    last = await run();
    times.push(performance.now() - start);
  }
  return { best: Math.min(...(times.length > 1 ? times.slice(1) : times)), last: last! };
}

/** The events of a job. Throws what it ended with. */
async function* good(events: AsyncIterable<JobEvent>): AsyncGenerator<JobEvent> {
  for await (const event of events) {
    if (event.type === 'job-error') throw new Error(`${event.code}: ${event.message}`);
    yield event;
  }
}

async function mediaOf(events: AsyncIterable<JobEvent>): Promise<Media> {
  for await (const event of good(events)) if (event.type === 'media-end') return event.media;
  throw new Error('no medium came');
}

async function textOf(events: AsyncIterable<JobEvent>): Promise<string> {
  let text = '';
  for await (const event of good(events)) if (event.type === 'text-delta') text += event.text;
  return text;
}

async function embeddingOf(events: AsyncIterable<JobEvent>): Promise<Float32Array> {
  for await (const event of good(events)) if (event.type === 'embedding') return Float32Array.from(event.embedding);
  throw new Error('no embedding came');
}

async function valuesOf(media: Media): Promise<Float32Array> {
  if (media.modality === 'audio') return (await decodeAudio(media, { sampleRateHz: (await inspectAudio(media)).sampleRateHz, maxSeconds: 10 })).samples;
  const background = [255, 255, 255] as [number, number, number];
  if (media.modality === 'image') return scaled([(await decodeImage(media, { ...(await inspectImage(media)), fit: 'fill', background })).pixels]);
  return scaled((await decodeVideo(media, { ...(await inspectVideo(media)), fit: 'fill', background, times: 'quarters' })).frames);
}

function scaled(pictures: readonly Uint8Array[]): Float32Array {
  return Float32Array.from(Buffer.concat(pictures), (value) => value / 255);
}

/** Largest and mean difference of two results, or why they cannot be compared. */
export function apart(expected: DeviceResult, got: DeviceResult | undefined): { readonly largest: number; readonly mean: number } | string {
  if (got === undefined) return 'missing';
  if (expected.values === null || got.values === null) return expected.text === got.text ? { largest: 0, mean: 0 } : `${JSON.stringify(got.text)} in the place of ${JSON.stringify(expected.text)}`;
  if (expected.values.length !== got.values.length) return `${got.values.length} numbers in the place of ${expected.values.length}`;
  let [largest, sum] = [0, 0];
  for (const [i, value] of expected.values.entries()) {
    const difference = Math.abs(value - got.values[i]!);
    largest = Math.max(largest, difference);
    sum += difference;
  }
  return { largest, mean: sum / expected.values.length };
}
