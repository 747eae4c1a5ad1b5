// The whole chain through the real factories on graphs with random weights: nothing it makes means anything, all of it must fit.

import { fileURLToPath } from 'node:url';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { closeMedia, inspectImage, mediaFromBytes } from '../../media/index.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type { Engine, JobEvent, Media, MediaPart } from '../../src/contracts.ts';
import { startEngine } from '../../src/engine/client.ts';
import { createEngine } from '../../src/engine/engine.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { collect, jobOf, ofType, typesOf } from './fake-bundle.ts';

const bundle = fileURLToPath(new URL('../fixtures/tiny', import.meta.url));
const factoryModules = ['encoders', 'projectors', 'decoders', 'src/language-model'].map((room) => new URL(`../../${room}/index.ts`, import.meta.url));
const options = { bundle, device: 'cpu', factoryModules } as const;

afterAll(closeMedia);

async function openTiny(open: (given: typeof options) => Promise<Engine> = createEngine): Promise<Engine> {
  const engine = await open(options);
  onTestFinished(async () => {
    await engine.close();
    expect(openSessionCount()).toBe(0);
  });
  return engine;
}

const drawing = jobOf(['draw a red apple'], { outputs: ['text', 'image'], options: { image: { steps: 2, previewEvery: 1 } } });
const shown = (media: Media): MediaPart => ({ type: 'media', media });

function picture(events: readonly JobEvent[]): Media {
  const [made] = ofType(events, 'media-end');
  if (made === undefined) throw new Error(JSON.stringify(events.at(-1)));
  return made.media;
}

test('the bundle is right', async () => {
  const factories = (await Promise.all(factoryModules.map(async (url) => import(url.href)))).flatMap((module) => module.factories);
  expect((await openBundle(bundle, factories)).bundle.id).toBe('tiny');
});

test('chat: a prompt becomes text, a signal and a picture', async () => {
  const engine = await openTiny();
  const events = await collect(engine.run(drawing));
  expect(events.at(-1)).toMatchObject({ type: 'job-end', usage: { inputTokens: expect.any(Number) } });
  expect(typesOf(events)).toEqual(expect.arrayContaining(['text-delta', 'media-start', 'media-progress', 'media-preview', 'media-end']));
  expect(ofType(events, 'trace').map(({ stage, shapes }) => [stage, shapes])).toEqual([
    ['signal', { hidden: [4, 32], embedded: [4, 32] }],
    ['language-model', {}],
    ['output-projector', { tokens: [16, 24] }],
    ['decoder', { tokens: [16, 24] }],
  ]);
  const media = picture(events);
  expect(await inspectImage(media)).toMatchObject({ width: 128, height: 128 });
  expect((await mediaFromBytes(media.bytes)).mediaType).toBe('image/png');
});

test('the same seed gives the same bytes in this process, in another, and as one of several', async () => {
  const there = await openTiny(startEngine);
  const here = await openTiny();
  const [one, other] = [picture(await collect(here.run(drawing))), picture(await collect(there.run(drawing)))];
  expect(other.id).toBe(one.id);
  const unseen = await collect(here.run({ ...drawing, options: { image: { steps: 2 } } }));
  expect(picture(unseen).id).toBe(one.id);
  const two = await collect(here.run({ ...drawing, seed: drawing.seed - 1, count: 2 }));
  expect(ofType(two, 'media-end').map(({ media }) => media.id)[1]).toBe(one.id);
});

test('a conversation: the picture is read back, and edited with a mask', async () => {
  const engine = await openTiny();
  const media = picture(await collect(engine.run(drawing)));
  const read = await collect(engine.run(jobOf([shown(media), 'what is this?'], { outputs: ['text'] })));
  expect(ofType(read, 'trace').map(({ stage, shapes }) => [stage, shapes])).toEqual([
    ['encoder', { tokens: [9, 24], joint: [24] }],
    ['input-projector', { embeds: [9, 32] }],
    ['language-model', {}],
  ]);
  const edited = await collect(engine.run(jobOf([shown(media), 'make it green'], { outputs: ['image'], mask: media, options: { image: { steps: 2 } } })));
  expect(ofType(edited, 'media-start')[0]?.references).toEqual([1]);
  expect(picture(edited).id).not.toBe(media.id);
});

test('direct: from a prompt with a negative one, from a picture, from a mix', async () => {
  const engine = await openTiny();
  const direct = { route: 'direct', outputs: ['image'], options: { image: { steps: 2 } } } as const;
  const media = picture(await collect(engine.run(jobOf(['a red apple'], { ...direct, negativePrompt: 'blue' }))));
  const varied = picture(await collect(engine.run(jobOf([shown(media)], direct))));
  const mixed = picture(await collect(engine.run(jobOf([], { ...direct, mix: [{ weight: 1, part: { type: 'text', text: 'apple' } }, { weight: 0.5, part: shown(media) }] }))));
  expect(new Set([media.id, varied.id, mixed.id]).size).toBe(3);
});

test('embeddings of text and pictures are in one space', async () => {
  const engine = await openTiny();
  const media = picture(await collect(engine.run(jobOf(['an apple'], { route: 'direct', outputs: ['image'], options: { image: { steps: 1 } } }))));
  const embeddings = ofType(await collect(engine.embed({ id: 'embed-1', inputs: [{ type: 'text', text: 'apple' }, shown(media)] })), 'embedding');
  expect(embeddings.map(({ modality, embedding }) => [modality, embedding.length, Math.hypot(...embedding).toFixed(4)])).toEqual([['text', 24, '1.0000'], ['image', 24, '1.0000']]);
});

test('a damaged picture is refused before the job is queued', async () => {
  const engine = await openTiny();
  const media = picture(await collect(engine.run(drawing)));
  const damaged = { ...media, id: '0'.repeat(64), bytes: media.bytes.subarray(0, 400), name: 'apple.png' };
  expect(await collect(engine.run(jobOf([shown(damaged), 'what is this?'])))).toMatchObject([{ type: 'job-error', code: 'bad_media', message: expect.stringContaining('apple.png') }]);
});

test('a cancelled denoising stops within a step', async () => {
  const engine = await openTiny();
  const cancel = new AbortController();
  const events: JobEvent[] = [];
  for await (const event of engine.run({ ...drawing, options: { image: { steps: 1000 } } }, cancel.signal)) {
    events.push(event);
    if (event.type === 'media-progress') cancel.abort();
  }
  expect(events.at(-1)).toMatchObject({ type: 'job-abort' });
  expect(ofType(events, 'media-progress')).toHaveLength(1);
});
