// Conversations of a tiny model through the whole chain, beside what transformers made of the same pictures and words.
// Knows fixtures written by training/fixtures/picture_chains.py and its neighbours; no architecture.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type { JobRequest, Media, Message } from '../../src/contracts.ts';
import { openChain, type OpenChain } from '../../src/engine/open-chain.ts';
import { generate } from '../../src/generate.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';
import type { TokenSequence } from '../../src/language-model/caption-loop.ts';
import { Sequence, type Position } from '../../src/language-model/sequence.ts';
import { fixtures } from '../conformance/component.ts';

export interface Packed {
  readonly shape: readonly number[];
  readonly data: string;
}
export interface ReferenceCase {
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly parts: readonly (string | object)[] }[];
  /** Of the prompt; media stand as one id for each embedding. */
  readonly ids: readonly number[];
  /** Of the media, one after another. */
  readonly embeds: Packed;
  /** What greedy decoding gave, and the logits of every fifth token at each step of it. */
  readonly reply: readonly number[];
  readonly text: string;
  readonly logits: Packed;
}

export function unpack({ data }: Packed): Float32Array {
  const bytes = Buffer.from(data, 'base64');
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

export const fixtureUrl = (path: string): URL => new URL(path, fixtures);
/** What a fixture's JSON holds is known to its test. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the shape is checked by what follows
export function readJson<T = { readonly cases: readonly ReferenceCase[] }>(path: string): T;
export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(fixtureUrl(path), 'utf8'));
}

export const openFixture = async (folder: string): Promise<OpenChain> => openModel(fileURLToPath(fixtureUrl(folder)));

export async function openModel(folder: string): Promise<OpenChain> {
  return openChain(await openBundle(folder, [...encoders, ...projectors, ...decoders, ...languageModels]), 'cpu');
}

export function mediumOf(path: string, modality: string, mediaType: string): Media {
  const bytes = readFileSync(fixtureUrl(path));
  return { id: createHash('sha256').update(bytes).digest('hex'), modality, mediaType, bytes };
}

export function jobOf(messages: readonly Message[], maxTokens: number, outputs: readonly string[] | null = null): JobRequest {
  return { id: 'job', messages, outputs, route: 'chat', seed: 0, count: 1, options: { text: { temperature: 0, maxTokens } }, negativePrompt: null, mask: null, mix: null, metadata: false };
}

export interface Seen {
  /** Every position of the prompt. */
  readonly prompt: readonly Position[];
  /** Ids fed after it. */
  readonly fed: readonly number[];
  /** Logits after the prompt and after each of them. */
  readonly logits: readonly Float32Array[];
  readonly text: string;
}

/** One job through the chain, and what went through the language model, whose sequences are of the class `of`. */
export async function seen(chain: OpenChain, job: JobRequest, of: { readonly prototype: TokenSequence } = Sequence): Promise<Seen> {
  const prompt: Position[] = [];
  const [fed, logits]: [number[], Float32Array[]] = [[], []];
  // oxlint-disable-next-line typescript/unbound-method -- called with the sequence below
  const { prefill, step } = of.prototype;
  const watched = [
    vi.spyOn(of.prototype, 'prefill').mockImplementation(async function (this: TokenSequence, positions, signal) {
      prompt.push(...positions);
      const found = await prefill.call(this, positions, signal);
      logits.push(found.slice());
      return found;
    }),
    vi.spyOn(of.prototype, 'step').mockImplementation(async function (this: TokenSequence, id) {
      fed.push(id);
      const found = await step.call(this, id);
      logits.push(found.slice());
      return found;
    }),
  ];
  try {
    let text = '';
    for await (const event of generate(chain, job, 0, new AbortController().signal)) if (event.type === 'text-delta') text += event.text;
    return { prompt, fed, logits, text };
  } finally {
    for (const spy of watched) spy.mockRestore();
  }
}

/** The largest difference between two lists of numbers, of which the second may leave some out. */
export function furthest(found: ArrayLike<number>, expected: ArrayLike<number>, stride = 1): number {
  let most = 0;
  for (let i = 0; i < expected.length; i += 1) most = Math.max(most, Math.abs((found[i * stride] ?? NaN) - expected[i]!));
  return Number.isNaN(most) ? Infinity : most;
}
