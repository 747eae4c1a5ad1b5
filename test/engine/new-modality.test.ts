// A modality that nothing in src/ has heard of: one folder, one index line and an entry in a bundle.

import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { closeMedia } from '../../media/index.ts';
import type { Bundle, BundleComponent } from '../../src/bundle/format.ts';
import type { Engine, Media, MediaPart } from '../../src/contracts.ts';
import { createEngine } from '../../src/engine/engine.ts';
import { mediaBySignature } from '../../src/engine/signatures.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { collect, jobOf, ofType, temporaryFolder, typesOf } from './fake-bundle.ts';
import { mediaType, readSmell, writeSmell } from './smell/file.ts';

const tiny = fileURLToPath(new URL('../fixtures/tiny', import.meta.url));
const factoryModules = ['encoders', 'projectors', 'decoders', 'src/language-model', 'test/engine/smell'].map((room) => new URL(`../../${room}/index.ts`, import.meta.url));

afterAll(closeMedia);

const entry = (kind: BundleComponent['kind'], uses: string): BundleComponent => ({ kind, uses, files: {}, config: {} });

/** The tiny bundle, whose language model says `[VID0]` to `[VID3]` for a smell. */
function smelling(bundle: Bundle): Bundle {
  const [model, projector, signals] = [bundle.components['language-model'], bundle.components['image-input-projector'], bundle.components['image-output-projector']];
  if (model === undefined || projector === undefined || signals === undefined) throw new Error('the tiny bundle has changed');
  const { image } = bundle.outputs;
  return {
    ...bundle,
    components: {
      ...bundle.components,
      'language-model': {
        ...model,
        config: {
          ...model.config,
          signals: { image: [0, 1, 2, 3].map((i) => `[IMG${i}]`), smell: [0, 1, 2, 3].map((i) => `[VID${i}]`) },
          captions: {},
          mediaEmbeds: { ...Object.fromEntries(Object.keys(bundle.inputs).filter((modality) => modality !== 'text').map((modality) => [modality, 9])), smell: 9 },
        },
      },
      'smell-encoder': entry('encoder', 'nose'),
      'smell-input-projector': projector,
      'smell-output-projector': signals,
      'smell-decoder': entry('decoder', 'perfumer'),
    },
    inputs: { ...bundle.inputs, smell: { encoder: 'smell-encoder', projector: 'smell-input-projector' } },
    outputs: { ...(image && { image }), smell: { decoder: 'smell-decoder', sources: { signal: 'smell-output-projector', prompt: 'text-conditioner', joint: 'joint-conditioner' }, chat: 'signal' } },
    groups: [],
  };
}

/** Without the components that nothing uses any more. */
function trimmed(bundle: Bundle): Bundle {
  const used = new Set([
    bundle.languageModel,
    ...Object.values(bundle.inputs).flatMap(({ encoder, projector }) => [encoder, projector]),
    ...Object.values(bundle.outputs).flatMap(({ decoder, sources }) => [decoder, ...Object.values(sources)]),
  ]);
  return { ...bundle, components: Object.fromEntries(Object.entries(bundle.components).filter(([name]) => used.has(name))) };
}

async function openSmelling(): Promise<Engine> {
  const folder = await temporaryFolder();
  await cp(tiny, folder, { recursive: true });
  const bundle: Bundle = JSON.parse(await readFile(join(folder, 'bundle.json'), 'utf8'));
  await writeFile(join(folder, 'bundle.json'), JSON.stringify(trimmed(smelling(bundle))));
  const engine = await createEngine({ bundle: folder, device: 'cpu', factoryModules });
  onTestFinished(async () => {
    await engine.close();
    expect(openSessionCount()).toBe(0);
  });
  return engine;
}

async function smellOf(engine: Engine, bytes: Uint8Array): Promise<MediaPart> {
  const media = mediaBySignature((await engine.describe()).inputs, bytes, 'garden.smell');
  if (media === null) throw new Error('nobody knows it');
  return { type: 'media', media };
}
const garden = writeSmell({ rose: 8, rain: 3 });

test('a file of it is known by what its encoder says of it', async () => {
  const { inputs } = await (await openSmelling()).describe();
  expect(mediaBySignature(inputs, garden, 'garden.smell')).toMatchObject({ modality: 'smell', mediaType, name: 'garden.smell', id: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(mediaBySignature(inputs, new TextEncoder().encode('smell 2\n'))).toBeNull();
  expect(mediaBySignature(inputs, new Uint8Array())).toBeNull();
});

test('direct: it is made from words, from a smell, from a picture and a smell, and edited', async () => {
  const engine = await openSmelling();
  const run = async (parts: Parameters<typeof jobOf>[0], outputs: readonly string[] = ['smell'], options = {}): Promise<Media[]> => {
    const events = await collect(engine.run(jobOf(parts, { route: 'direct', outputs, options: { image: { steps: 1 }, ...options } })));
    expect(events.at(-1)).toMatchObject({ type: 'job-end' });
    return ofType(events, 'media-end').map(({ media }) => media);
  };
  const [made] = await run(['a garden after the rain']);
  expect(Object.keys(readSmell(made!))).toEqual(['rose', 'smoke', 'rain']);
  expect((await run(['a garden after the rain']))[0]?.id).toBe(made?.id);
  expect((await run(['a garden'], ['smell', 'image'])).map(({ modality }) => modality)).toEqual(['smell', 'image']);
  const [edited] = await run([await smellOf(engine, writeSmell({ soap: 9 }))], ['smell'], { smell: { notes: 1 } });
  expect(Object.keys(readSmell(edited!))).toEqual(['soap', 'rose']);
  const [picture] = await run([await smellOf(engine, garden)], ['image']);
  expect(await run([{ type: 'media', media: picture! }, await smellOf(engine, garden)], ['smell', 'image'])).toHaveLength(2);
});

test('chat: the language model reads it, asks for it, and reads its own again', async () => {
  const engine = await openSmelling();
  const asked = [await smellOf(engine, garden), 'what is this? make it stronger'];
  const events = await collect(engine.run(jobOf(asked, { outputs: ['text', 'smell'] })));
  expect(events.at(-1)).toMatchObject({ type: 'job-end' });
  expect(typesOf(events)).toEqual(expect.arrayContaining(['text-delta', 'media-start', 'media-progress', 'media-end']));
  expect(ofType(events, 'trace').map(({ stage, component, shapes }) => [stage, component, shapes])).toEqual([
    ['encoder', 'smell-encoder', { tokens: [9, 24], joint: [24] }],
    ['input-projector', 'smell-input-projector', { embeds: [9, 32] }],
    ['signal', 'language-model', { hidden: [4, 32], embedded: [4, 32] }],
    ['language-model', 'language-model', {}],
    ['output-projector', 'smell-output-projector', { tokens: [16, 24] }],
    ['decoder', 'smell-decoder', { tokens: [16, 24] }],
  ]);
  const [end] = ofType(events, 'media-end');
  const answer = { role: 'assistant', parts: [{ type: 'media', media: end!.media, made: { output: 'smell', references: [1] } }] } as const;
  const again = jobOf(['and now less'], { outputs: ['text'] });
  const { messages: [first] } = jobOf(asked);
  expect((await collect(engine.run({ ...again, messages: [first!, answer, ...again.messages] }))).at(-1)).toMatchObject({ type: 'job-end' });
});

test('a damaged one is refused before the job is queued, and unknown options too', async () => {
  const engine = await openSmelling();
  const damaged = await smellOf(engine, new TextEncoder().encode('smell 1\nrose very\n'));
  expect(await collect(engine.run(jobOf([damaged, 'hi'])))).toMatchObject([{ type: 'job-error', code: 'bad_media', message: 'garden.smell: expected lines of a note and its strength' }]);
  expect(await collect(engine.run(jobOf(['hi'], { options: { smell: { notes: 9 } } })))).toMatchObject([{ type: 'job-error', code: 'bad_option', message: 'smell.notes: got 9, expected an integer from 1 to 6' }]);
});

test('it has a place in the joint space', async () => {
  const engine = await openSmelling();
  const [embedding] = ofType(await collect(engine.embed({ id: 'embed-1', inputs: [await smellOf(engine, garden)] })), 'embedding');
  expect([embedding?.modality, embedding?.embedding.length]).toEqual(['smell', 24]);
});
