// A bundle of fake components with text and pictures, and a folder for it; tests change what they need.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Bundle, BundleComponent } from '../../src/bundle/format.ts';
import type { JobEvent, JobRequest, Message, Part } from '../../src/contracts.ts';

export const fakeFactories = new URL('./fakes.ts', import.meta.url);

const component = (kind: BundleComponent['kind'], uses: string, config: Record<string, unknown>): BundleComponent => ({ kind, uses, files: {}, config });

/** Components of one modality that is read and made: encoder, input projector, signal projector, decoder. */
export function fakeModality(modality: string, mediaType: string): Record<string, BundleComponent> {
  return {
    [`${modality}-encoder`]: component('encoder', 'fake-encoder', { width: 8, joint: true, mediaTypes: [mediaType] }),
    [`${modality}-input-projector`]: component('input-projector', 'fake-linear', { in: 8, out: 6 }),
    [`${modality}-output-projector`]: component('output-projector', 'fake-signal', { in: 6, out: 4 }),
    [`${modality}-decoder`]: component('decoder', 'fake-decoder', { modality, mediaType, width: 4, references: modality === 'image' ? ['edit', 'mask'] : ['edit', 'follow'], negative: modality === 'image' }),
  };
}

export function fakeBundle(): Bundle {
  return {
    format: 1,
    id: 'fake',
    version: '1.2.3',
    title: 'Components without weights',
    licence: 'Apache-2.0',
    source: 'made by a test',
    components: {
      'text-encoder': component('encoder', 'fake-encoder', { width: 8, joint: true, mediaTypes: ['text/plain'] }),
      'prompt-conditioner': component('output-projector', 'fake-prompt', { in: 8, out: 4 }),
      'joint-conditioner': component('output-projector', 'fake-joint', { in: 8, out: 4 }),
      ...fakeModality('image', 'image/png'),
      'language-model': component('language-model', 'fake-model', { width: 6, outputs: ['image', 'smell', 'video'] }),
    },
    joint: 8,
    inputs: { text: { encoder: 'text-encoder', projector: null }, image: { encoder: 'image-encoder', projector: 'image-input-projector' } },
    languageModel: 'language-model',
    outputs: { image: { decoder: 'image-decoder', sources: { signal: 'image-output-projector', prompt: 'prompt-conditioner', joint: 'joint-conditioner' }, chat: 'signal' } },
    groups: [],
  };
}

/** A component of these with changes to its config. */
function changed(name: string, of: Record<string, BundleComponent>, changes: object): Record<string, BundleComponent> {
  const before = of[name];
  return before === undefined ? {} : { [name]: { ...before, config: { ...before.config, ...changes } } };
}

const sourcesOf = (output: string): Bundle['outputs'][string]['sources'] => ({ signal: `${output}-output-projector`, prompt: 'prompt-conditioner', joint: 'joint-conditioner' });

/** The fake bundle with videos that lead sounds, and with speech, which is audio too. */
export function togetherBundle(): Bundle {
  const bundle = fakeBundle();
  const video = fakeModality('video', 'video/mp4');
  const audio = fakeModality('audio', 'audio/wav');
  return {
    ...bundle,
    components: {
      ...bundle.components,
      ...video,
      ...audio,
      ...changed('video-decoder', video, { companion: 3, joins: true, follows: ['image'] }),
      ...changed('audio-decoder', audio, { reads: 3, references: ['edit'] }),
      'speech-decoder': component('decoder', 'fake-decoder', { modality: 'audio', mediaType: 'audio/wav', width: 4, references: [], negative: false }),
      'language-model': component('language-model', 'fake-model', { width: 6, outputs: ['image', 'video', 'audio', 'speech'] }),
    },
    inputs: {
      ...bundle.inputs,
      video: { encoder: 'video-encoder', projector: 'video-input-projector' },
      audio: { encoder: 'audio-encoder', projector: 'audio-input-projector' },
    },
    outputs: {
      ...bundle.outputs,
      video: { decoder: 'video-decoder', sources: sourcesOf('video'), chat: 'signal' },
      audio: { decoder: 'audio-decoder', sources: sourcesOf('audio'), chat: 'signal' },
      speech: { decoder: 'speech-decoder', sources: { prompt: 'prompt-conditioner' }, chat: 'caption' },
    },
    groups: [{ leader: 'video', followers: ['audio'] }],
  };
}

/** A temporary folder that goes when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'anymodal-test-'));
  onTestFinished(async () => rm(folder, { recursive: true }));
  return folder;
}

/** A folder with this bundle.json. */
export async function writeFakeBundle(bundle: unknown = fakeBundle()): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'bundle.json'), JSON.stringify(bundle));
  return folder;
}

/** A job that asks for one reply to `parts`; strings are texts. */
export function jobOf(parts: readonly (Part | string)[], changes: Partial<JobRequest> = {}): JobRequest {
  const message: Message = { role: 'user', parts: parts.map((part) => (typeof part === 'string' ? { type: 'text', text: part } : part)) };
  return {
    id: 'job-1', messages: [message], outputs: null, route: 'auto', seed: 7, count: 1, options: {}, negativePrompt: null, mask: null, mix: null, metadata: true,
    ...changes,
  };
}

export async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** Types of events without traces. */
export function typesOf(events: readonly JobEvent[]): string[] {
  return events.filter((event) => event.type !== 'trace').map((event) => event.type);
}

export function ofType<T extends JobEvent['type']>(events: readonly JobEvent[], type: T): Extract<JobEvent, { type: T }>[] {
  return events.filter((event): event is Extract<JobEvent, { type: T }> => event.type === type);
}

/** What fake decoders wrote about each medium. */
export function contentsOf(events: readonly JobEvent[]): Record<string, unknown>[] {
  return ofType(events, 'media-end').map((event) => JSON.parse(new TextDecoder().decode(event.media.bytes)));
}
