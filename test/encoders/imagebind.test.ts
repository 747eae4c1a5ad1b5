// The encoders of ImageBind's senses: what reaches each graph and what comes out of it, against ImageBind's own preprocessing and network
// as training/fixtures/imagebind.py computes them with Pillow, torch and transformers.
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { factories } from '../../encoders/index.ts';
import { closeMedia } from '../../media/index.ts';
import type { Encoder, Factory, Media } from '../../src/contracts.ts';
import type { Bundle } from '../../src/bundle/format.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type * as graphs from '../../src/runtime/graphs.ts';
import { dot, l2Normalise } from '../../src/runtime/tensors.ts';
import { componentSource, fixtures, testContext, using } from '../conformance/component.ts';
import { describeEncoder } from '../conformance/encoder.ts';

interface Packed {
  readonly dtype: 'float32' | 'int64';
  readonly data: string;
}
interface Case {
  readonly modality: string;
  readonly given: string;
  readonly port: string;
  readonly shape: readonly number[];
  readonly stride: number;
  readonly fed: Packed;
  readonly embedding: Packed;
}

const fed = vi.hoisted(() => ({ inputs: [] as { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> }[] }));
vi.mock('../../src/runtime/graphs.ts', async (load) => {
  const actual = await load<typeof graphs>();
  return {
    ...actual,
    openGraph: async (...given: Parameters<typeof actual.openGraph>) => {
      const session = await actual.openGraph(...given);
      return { ...session, run: async (...feeds: Parameters<typeof session.run>) => (fed.inputs.push(...Object.values(feeds[0])), session.run(...feeds)) };
    },
  };
});

const root = new URL('imagebind/', fixtures);
const bundle: Bundle = JSON.parse(readFileSync(new URL('bundle.json', root), 'utf8'));
const { cases }: { cases: readonly Case[] } = JSON.parse(readFileSync(new URL('reference.json', root), 'utf8'));

function unpack({ dtype, data }: Packed): Float32Array {
  const bytes = Buffer.from(data, 'base64');
  const width = dtype === 'float32' ? 4 : 8;
  return Float32Array.from({ length: bytes.length / width }, (_, i) => (width === 4 ? bytes.readFloatLE(4 * i) : Number(bytes.readBigInt64LE(8 * i))));
}

const mediaTypes: Readonly<Record<string, string>> = { png: 'image/png', apng: 'image/apng', wav: 'audio/wav', npy: 'application/x-npy', csv: 'text/csv' };

function mediumOf(modality: string, bytes: Uint8Array, mediaType: string): Media {
  return { id: createHash('sha256').update(bytes).digest('hex'), modality, mediaType, bytes };
}

function medium(modality: string, given: string): Media {
  if (modality === 'text') return mediumOf('text', new TextEncoder().encode(given), 'text/plain');
  return mediumOf(modality, readFileSync(new URL(`media/${given}`, root)), mediaTypes[given.split('.').at(-1) ?? ''] ?? '');
}

function caseOf(modality: string) {
  const component = bundle.components[bundle.inputs[modality]?.encoder ?? ''];
  const factory = factories.find((candidate): candidate is Factory<'encoder'> => candidate.kind === 'encoder' && candidate.name === component?.uses);
  if (component === undefined || factory === undefined) throw new Error(`the fixture has no ${modality}`);
  // Weights lie beside their graph and are opened by it.
  const opened = Object.entries(component.files).filter(([key]) => !key.startsWith('weights'));
  const files = Object.fromEntries(opened.map(([key, { path }]) => [key, `imagebind/${path}`]));
  return { factory, given: { config: component.config, files } };
}

async function open<R>(modality: string, use: (encoder: Encoder) => Promise<R>, config: object = {}): Promise<R> {
  const { factory, given } = caseOf(modality);
  return using(factory.open(componentSource({ ...given, config: { ...given.config, ...config } })), use);
}

afterAll(closeMedia);

describe('what the graph is fed and what it gives', () => {
  test.each(cases.map((each) => [each.modality, each.given.slice(0, 30), each] as const))('%s %j', async (modality, _, expected) => {
    fed.inputs.length = 0;
    const { joint, tokens } = await open(modality, async (encoder) => encoder.encode(medium(modality, expected.given), testContext()));
    const values = fed.inputs.flatMap(({ data }) => Array.from(data, Number));
    expect([fed.inputs.length, ...(fed.inputs[0]?.shape.slice(1) ?? [])]).toEqual(expected.shape);
    const reference = unpack(expected.fed);
    let furthest = 0;
    reference.forEach((value, i) => (furthest = Math.max(furthest, Math.abs(value - (values[i * expected.stride] ?? NaN)))));
    expect(furthest).toBeLessThan(1e-4);
    const embedding = unpack(expected.embedding);
    expect(dot(joint?.data ?? new Float32Array(), l2Normalise(embedding))).toBeGreaterThan(0.9999);
    tokens.data.forEach((value, i) => expect(Math.abs(value - (embedding[i] ?? NaN))).toBeLessThan(1e-3));
  });
});

const csv = (text: string) => new TextEncoder().encode(text);
const broken: Readonly<Record<string, Media>> = {
  text: mediumOf('text', Uint8Array.of(0xff, 0xfe, 0xfd), 'text/plain'),
  image: mediumOf('image', medium('image', 'picture.png').bytes.subarray(0, 5000), 'image/png'),
  video: mediumOf('video', medium('video', 'clip.apng').bytes.subarray(0, 3000), 'image/apng'),
  audio: mediumOf('audio', csv('RIFF....WAVE'), 'audio/wav'),
  depth: mediumOf('depth', medium('depth', 'depth.npy').bytes.subarray(0, 5000), 'application/x-npy'),
  thermal: mediumOf('thermal', csv('1,2\n3\n'), 'text/csv'),
  imu: mediumOf('imu', csv('time,ax\n0,1\n'), 'text/csv'),
};
const others: Readonly<Record<string, Media>> = {
  text: medium('text', 'a dog'),
  image: medium('image', 'small.png'),
  video: medium('video', 'clip.apng'),
  depth: medium('depth', 'grey.png'),
  thermal: medium('thermal', 'thermal.csv'),
  imu: medium('imu', 'motion.npy'),
};
const firsts: Readonly<Record<string, string>> = { text: 'a red apple', image: 'picture.png', audio: 'sound.wav', depth: 'depth.npy', thermal: 'grey.png', imu: 'motion.csv' };

for (const [modality, first] of Object.entries(firsts)) {
  const { factory, given } = caseOf(modality);
  describeEncoder(factory, {
    ...given,
    wrongConfig: { ...given.config, joint: 33 },
    media: async () => [medium(modality, first), others[modality] ?? (await shorterSound())],
    broken: async () => broken[modality] ?? medium(modality, first),
  });
}

/** The sound without its first second. */
async function shorterSound(): Promise<Media> {
  const { bytes } = medium('audio', 'sound.wav');
  return mediumOf('audio', Buffer.concat([bytes.subarray(0, 44), bytes.subarray(44 + 32_000)]), 'audio/wav');
}

test('the bundle of all of them opens', async () => {
  const opened = await openBundle(new URL('.', root).pathname, factories);
  expect(Object.keys(opened.bundle.inputs)).toEqual(['text', 'image', 'video', 'audio', 'depth', 'thermal', 'imu']);
});
