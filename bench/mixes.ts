// The cells of the matrix: every mix of text, image, audio and video in and out, run on an engine and looked over.
// Files are opened by readers that the encoders do not use where npm has one; prints nothing.

import sharp from 'sharp';
import { decodeVideo, inspectVideo } from '../media/index.ts';
import type { Engine, EngineDescription, JobEvent, JobRequest, Media, Part } from '../src/contracts.ts';

/** In the order in which they are given and asked for. */
export const modalities = ['text', 'image', 'audio', 'video'] as const;
export type Modality = (typeof modalities)[number];

/** The fifteen mixes, one of each modality at most, small ones first. */
export const mixes: readonly (readonly Modality[])[] = Array.from({ length: 15 }, (_, index) => modalities.filter((_modality, bit) => ((index + 1) >> bit) & 1)).toSorted(
  (a, b) => a.length - b.length,
);

export interface Cell {
  /** Counted from 0, a row of the table after the other; the seed. */
  readonly index: number;
  readonly inputs: readonly Modality[];
  readonly outputs: readonly Modality[];
}

/** All 225, row by row: a row an input, a column an output. */
export const cells: readonly Cell[] = mixes.flatMap((inputs, row) => mixes.map((outputs, column) => ({ index: row * mixes.length + column, inputs, outputs })));

export interface Outcome extends Cell {
  readonly milliseconds: number;
  /** What is wrong; empty where the cell holds. */
  readonly faults: readonly string[];
  /** Outputs of the media in the reply, `speech` where it came as the audio. */
  readonly made: readonly string[];
}

/** What a sound, a video and a picture must be like; a bundle without training makes neither loudness nor motion. */
export interface Bounds {
  /** Least root mean square of a sound in -1..1. */
  readonly loudness: number;
  /** Least mean difference of some frame from the first, in 0..255. */
  readonly motion: number;
}
export const trained: Bounds = { loudness: 0.003, motion: 0.3 };

export type Options = JobRequest['options'];
/** A medium of each modality but text, for the inputs. */
export type Samples = Readonly<Partial<Record<Modality, Media>>>;

const sentences = ['a dog barking', 'a red ball bouncing', 'a bell ringing in the rain'] as const;

/** A picture, a sound and a video with sound, made by the bundle itself on the direct route. Throws where they are not what they must be. */
export async function makeSamples(engine: Engine, options: Options, bounds: Bounds = trained): Promise<Samples> {
  const description = await engine.describe();
  const made: Partial<Record<Modality, Media>> = {};
  for (const outputs of [['image'], ['audio'], ['audio', 'video']] as const) {
    const events = await eventsOf(engine, jobOf('samples', [{ type: 'text', text: sentences[1] }], outputs, 'direct', 1, options));
    const { faults, media } = await lookOver(events, outputs, description, options, bounds);
    if (faults.length > 0) throw new Error(`the inputs: ${outputs.join(', ')}: ${faults.join('; ')}`);
    made[outputs.at(-1)!] = media.at(-1)!;
  }
  return made;
}

/** Runs one cell on the chat route and says what is wrong with its reply. */
export async function runCell(engine: Engine, cell: Cell, samples: Samples, options: Options, bounds: Bounds = trained): Promise<Outcome> {
  const parts = cell.inputs.map((modality): Part => {
    const media = samples[modality];
    return media === undefined ? { type: 'text', text: sentences[cell.index % sentences.length]! } : { type: 'media', media };
  });
  const start = performance.now();
  const events = await eventsOf(engine, jobOf(`cell-${cell.index}`, parts, cell.outputs, 'chat', cell.index, options));
  const milliseconds = performance.now() - start;
  const { faults, made } = await lookOver(events, cell.outputs, await engine.describe(), options, bounds);
  return { ...cell, milliseconds, faults, made };
}

function jobOf(id: string, parts: readonly Part[], outputs: readonly string[], route: JobRequest['route'], seed: number, options: Options): JobRequest {
  return { id, messages: [{ role: 'user', parts }], outputs, route, seed, count: 1, options, negativePrompt: null, mask: null, mix: null, metadata: true };
}

async function eventsOf(engine: Engine, job: JobRequest): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of engine.run(job)) events.push(event);
  return events;
}

/** One part of a reply. */
interface Piece {
  readonly modality: string;
  readonly output: string;
  readonly media: Media | null;
}

async function lookOver(events: readonly JobEvent[], outputs: readonly Modality[], description: EngineDescription, options: Options, bounds: Bounds): Promise<{ faults: string[]; made: string[]; media: Media[] }> {
  const last = events.at(-1);
  if (last?.type === 'job-error') return { faults: [`${last.code}: ${last.message}`], made: [], media: [] };
  if (last?.type !== 'job-end') return { faults: [`ended with ${last?.type ?? 'nothing'}`], made: [], media: [] };

  const faults: string[] = [];
  const pieces = new Map<number, Piece>();
  let text = '';
  for (const event of events) {
    if (event.type === 'text-delta') {
      text += event.text;
      pieces.set(event.part, { modality: 'text', output: 'text', media: null });
    } else if (event.type === 'media-end') {
      if (pieces.has(event.part)) faults.push(`part ${event.part} came twice`);
      pieces.set(event.part, { modality: event.modality, output: event.output, media: event.media });
    }
  }
  const reply = [...pieces].toSorted(([a], [b]) => a - b);
  const parts = reply.map(([, piece]) => piece);
  const got = parts.map(({ modality }) => modality).join(', ');
  if (got !== outputs.join(', ')) faults.push(`got ${got || 'nothing'}`);
  if (reply.some(([part], index) => part !== index)) faults.push(`parts are numbered ${reply.map(([part]) => part).join(', ')}`);
  if (outputs.includes('text') && text.trim() === '') faults.push('the text is empty');

  const setting = (output: string, name: string): unknown => options[output]?.[name] ?? defaultOf(description, output, name);
  const clip = { frames: Number(setting('video', 'frames')), seconds: Number(setting('video', 'frames')) / Number(setting('video', 'fps')), width: Number(setting('video', 'width')) };
  const sounding = parts.some(({ output }) => output === 'audio');
  const filmed = parts.some(({ output }) => output === 'video');
  for (const { modality, output, media } of parts) {
    if (media === null) continue;
    try {
      if (media.modality !== modality) faults.push(`${output}: the file is ${media.modality}`);
      if (modality === 'image') faults.push(...(await faultsOfImage(media, Number(setting('image', 'width')), Number(setting('image', 'height')))));
      // Speech is as long as its words.
      else if (modality === 'audio') faults.push(...(await faultsOfSound(media, output === 'audio' ? (filmed ? clip.seconds : Number(setting('audio', 'seconds') ?? 4)) : null, bounds)));
      else if (modality === 'video') faults.push(...(await faultsOfVideo(media, clip, sounding, bounds)));
    } catch (error) {
      faults.push(`${output}: does not open: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { faults, made: parts.map(({ output }) => output), media: parts.flatMap(({ media }) => media ?? []) };
}

function defaultOf({ outputs }: EngineDescription, output: string, name: string): unknown {
  const schema: { readonly properties?: Readonly<Record<string, { readonly default?: unknown }>> } = outputs.find((each) => each.name === output)?.options ?? {};
  return schema.properties?.[name]?.default;
}

async function faultsOfImage(media: Media, width: number, height: number): Promise<string[]> {
  // Decodes every pixel, which the header alone would not.
  const [{ info }, { channels }] = [await sharp(media.bytes).raw().toBuffer({ resolveWithObject: true }), await sharp(media.bytes).stats()];
  return [
    ...(info.width === width && info.height === height ? [] : [`image: ${info.width} x ${info.height}, expected ${width} x ${height}`]),
    ...(channels.some(({ stdev }) => stdev > 1) ? [] : ['image: of one colour']),
  ];
}

/** `seconds` is null where any length is right. */
async function faultsOfSound(media: Media, seconds: number | null, bounds: Bounds): Promise<string[]> {
  const { default: wavefile } = await import('wavefile');
  const file = new wavefile.WaveFile(media.bytes);
  const rate = Number(Reflect.get(file.fmt, 'sampleRate'));
  file.toBitDepth('32f');
  const read: unknown = file.getSamples(true, Float32Array);
  const samples = read instanceof Float32Array ? read : new Float32Array();
  const length = samples.length / Number(Reflect.get(file.fmt, 'numChannels')) / rate;
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const loudness = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  return [
    ...((seconds === null ? length > 0.2 : Math.abs(length - seconds) < 0.05) ? [] : [`audio: ${length.toFixed(2)} s, expected ${seconds ?? 'some words'}`]),
    ...(peak < 1 ? [] : [`audio: clipped, its peak is ${peak.toFixed(3)}`]),
    ...(loudness > bounds.loudness ? [] : [`audio: silent, its root mean square is ${loudness.toFixed(4)}`]),
  ];
}

async function faultsOfVideo(media: Media, clip: { readonly frames: number; readonly seconds: number; readonly width: number }, sounding: boolean, bounds: Bounds): Promise<string[]> {
  const { frames, seconds, width, hasSound } = await inspectVideo(media);
  const times = Array.from({ length: clip.frames }, (_, index) => ((index + 0.5) * clip.seconds) / clip.frames);
  const shown = (await decodeVideo(media, { width: 64, height: 64, fit: 'fill', background: [0, 0, 0], times })).frames;
  const motion = Math.max(...shown.map((frame) => differenceOf(frame, shown[0]!)));
  return [
    ...(frames === clip.frames ? [] : [`video: ${frames} frames, expected ${clip.frames}`]),
    ...(Math.abs(seconds - clip.seconds) < 0.05 ? [] : [`video: ${seconds.toFixed(2)} s, expected ${clip.seconds}`]),
    ...(width === clip.width ? [] : [`video: ${width} wide, expected ${clip.width}`]),
    ...(hasSound === sounding ? [] : [`video: ${hasSound ? 'has sound that was not asked for' : 'has no sound'}`]),
    ...(motion >= bounds.motion ? [] : [`video: frozen, its frames differ by ${motion.toFixed(3)} of 255`]),
  ];
}

/** Mean absolute difference of two frames. */
function differenceOf(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}
