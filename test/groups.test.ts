// Media that are made together, and mixes of several modalities on either route.

import { describe, expect, onTestFinished, test } from 'vitest';
import type { Bundle } from '../src/bundle/format.ts';
import type { Engine, JobEvent, JobRequest, LanguageModel, MediaPart, PromptMessage } from '../src/contracts.ts';
import { openBundle } from '../src/bundle/open.ts';
import { createEngine } from '../src/engine/engine.ts';
import { openChain } from '../src/engine/open-chain.ts';
import { generate } from '../src/generate.ts';
import { together } from '../src/groups.ts';
import { collect, contentsOf, fakeFactories, jobOf, ofType, togetherBundle, typesOf, writeFakeBundle } from './engine/fake-bundle.ts';
import { factories, mediaOf } from './engine/fakes.ts';

async function open(bundle: Bundle = togetherBundle()): Promise<Engine> {
  const engine = await createEngine({ bundle: await writeFakeBundle(bundle), device: 'cpu', factoryModules: [fakeFactories] });
  onTestFinished(async () => engine.close());
  return engine;
}
async function engineOf(bundle?: Bundle): Promise<(job: JobRequest) => Promise<JobEvent[]>> {
  const engine = await open(bundle);
  return async (job) => collect(engine.run(job));
}

const types = { image: 'image/png', video: 'video/mp4', audio: 'audio/wav' } as const;
const shown = (modality: keyof typeof types, content: string): MediaPart => ({ type: 'media', media: mediaOf(modality, types[modality], content) });
const direct = (outputs: readonly string[], changes: Partial<JobRequest> = {}, parts: Parameters<typeof jobOf>[0] = ['a bell']): JobRequest => jobOf(parts, { route: 'direct', outputs, ...changes });
/** Starts and ends of media: what happened to which part. */
const outline = (events: readonly JobEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'media-start' || event.type === 'media-end' ? [`${event.type.slice(6)} ${event.output} ${event.part}`] : []));
interface Content {
  readonly noise: readonly number[];
  readonly feature: number;
  readonly references: readonly string[];
  readonly provenance: Readonly<Record<string, unknown>>;
  readonly companions?: { readonly video: readonly number[] };
  readonly inside?: readonly string[];
}
/** What the fake decoder of an output wrote about each of its media. */
const made = (events: readonly JobEvent[], output: string): Content[] =>
  ofType(events, 'media-end').flatMap((event): Content[] => (event.output === output ? [JSON.parse(new TextDecoder().decode(event.media.bytes))] : []));
const withDecoder = (name: string, config: Record<string, unknown>): Bundle => {
  const bundle = togetherBundle();
  const decoder = bundle.components[name];
  if (decoder === undefined) throw new Error(name);
  return { ...bundle, components: { ...bundle.components, [name]: { ...decoder, config: { ...decoder.config, ...config } } } };
};

const plan = (...outputs: string[]): string[] => {
  const units = together(outputs.map((output, part) => ({ output, part })), [{ leader: 'video', followers: ['audio', 'subtitle'] }]);
  return units.map(({ leader, followers }) => [leader, ...followers].map(({ output, part }) => `${output}${part}`).join(' '));
};

test('the order in which media are made', () => {
  expect(plan('image', 'audio', 'image')).toEqual(['image0', 'audio1', 'image2']);
  expect(plan('audio', 'image', 'video')).toEqual(['video2 audio0', 'image1']);
  expect(plan('video', 'image', 'subtitle', 'audio')).toEqual(['video0 subtitle2 audio3', 'image1']);
  expect(plan('audio', 'audio', 'video', 'video', 'audio')).toEqual(['video2 audio0', 'video3 audio1', 'audio4']);
});

describe('a leader and its follower', () => {
  test('the leader is made first, its follower in step with it and put into its file, which comes last', async () => {
    const run = await engineOf();
    const events = await run(direct(['audio', 'image', 'video']));
    expect(outline(events)).toEqual(['start video 2', 'start audio 0', 'end audio 0', 'end video 2', 'start image 1', 'end image 1']);
    const [video] = made(events, 'video');
    const [audio] = made(events, 'audio');
    const beat = video?.noise[0];
    expect(audio?.companions).toEqual({ video: [beat, beat, beat] });
    expect(video?.inside).toEqual([JSON.stringify(audio)]);
    expect(ofType(events, 'trace').map(({ stage, component }) => `${stage} ${component}`).filter((each) => !each.startsWith('output'))).toEqual(['decoder video-decoder', 'decoder audio-decoder', 'join video-decoder', 'decoder image-decoder']);
  });

  test('alone each is what it is without the other: the video the same, the sound independent', async () => {
    const run = await engineOf();
    const [video, audio] = [await run(direct(['video'])), await run(direct(['audio']))];
    const both = await run(direct(['video', 'audio']));
    const [joined] = made(both, 'video');
    expect([joined?.inside?.length, joined]).toEqual([1, expect.objectContaining(made(video, 'video')[0])]);
    expect(made(audio, 'audio')[0]).not.toHaveProperty('companions');
    expect(made(audio, 'audio')[0]?.noise).toEqual(made(both, 'audio')[0]?.noise);
    // The sound names the file of the video that it was made with, as the video alone has it.
    expect(made(both, 'audio')[0]?.provenance).toMatchObject({ madeWith: `video ${ofType(video, 'media-end')[0]?.media.id}` });
    expect(made(audio, 'audio')[0]?.provenance).not.toHaveProperty('madeWith');
    expect(await run(direct(['video', 'audio'])).then((again) => ofType(again, 'media-end'))).toEqual(ofType(both, 'media-end'));
  });

  test('several of each go in pairs, and what is over comes alone', async () => {
    const run = await engineOf();
    const events = await run(direct(['video', 'audio', 'audio', 'video', 'audio']));
    expect(outline(events)).toEqual(['start video 0', 'start audio 1', 'end audio 1', 'end video 0', 'start video 3', 'start audio 2', 'end audio 2', 'end video 3', 'start audio 4', 'end audio 4']);
    const beats = made(events, 'video').map(({ noise }) => noise[0]);
    expect(beats[0]).not.toBe(beats[1]);
    expect(made(events, 'audio').map(({ companions }) => companions?.video[0])).toEqual([beats[0], beats[1], undefined]);
  });

  test('variant i of n is the pair at seed + i', async () => {
    const run = await engineOf();
    const two = await run(direct(['video', 'audio'], { count: 2 }));
    const second = await run(direct(['video', 'audio'], { seed: 8 }));
    expect(ofType(two, 'media-end').filter(({ variant }) => variant === 1).map(({ media }) => media.id)).toEqual(ofType(second, 'media-end').map(({ media }) => media.id));
  });

  test('chat: text comes at once, places are those of the reply', async () => {
    const run = await engineOf();
    const events = await run(jobOf(['hear {audio} and see {video} and {image} bye']));
    expect(ofType(events, 'text-delta').map(({ part, text }) => `${part} ${text.trim()}`)).toEqual(['0 hear', '2 and', '2 see', '4 and', '6 bye']);
    expect(outline(events)).toEqual(['start video 3', 'start audio 1', 'end audio 1', 'end video 3', 'start image 5', 'end image 5']);
    expect(typesOf(events).lastIndexOf('text-delta')).toBeLessThan(typesOf(events).indexOf('media-start'));
  });

  test.each([
    ['its decoder puts nothing together', withDecoder('video-decoder', { joins: false }), {}, 'a file of its decoder holds one medium'],
    ['the format holds none', togetherBundle(), { audio: { accident: 'misfit' } }, 'its format holds no sound'],
  ] as const)('where %s, both come alone with a warning', async (_, bundle, options, why) => {
    const run = await engineOf(bundle);
    const events = await run(direct(['video', 'audio'], { options }));
    expect(outline(events)).toEqual(['start video 0', 'start audio 1', 'end audio 1', 'end video 0']);
    expect(made(events, 'video')[0]).not.toHaveProperty('inside');
    expect(ofType(events, 'job-warning')).toMatchObject([{ code: 'not_joined', message: `video: its file comes without audio, which comes alone; ${why}` }]);
    expect(typesOf(events).indexOf('job-warning')).toBeLessThan(typesOf(events).lastIndexOf('media-end'));
  });

  test('an error in the follower is the error of the job, and no half-finished video comes', async () => {
    const run = await engineOf();
    const events = await run(direct(['video', 'audio'], { options: { audio: { accident: 'error' } } }));
    expect([outline(events), events.at(-1)]).toEqual([['start video 0', 'start audio 1'], expect.objectContaining({ type: 'job-error', message: 'the decoder broke' })]);
  });

  test('a cancel is heeded while the follower is made', async () => {
    const engine = await open();
    const cancel = new AbortController();
    const events: JobEvent[] = [];
    for await (const event of engine.run(direct(['video', 'audio'], { options: { audio: { accident: 'endless' } } }), cancel.signal)) {
      events.push(event);
      if (event.type === 'media-progress' && event.part === 1) cancel.abort('enough');
    }
    expect([outline(events), events.at(-1)]).toEqual([['start video 0', 'start audio 1'], expect.objectContaining({ type: 'job-abort', reason: 'enough' })]);
  });
});

describe('speech', () => {
  test('does where audio is asked for, and says with which words it was made', async () => {
    const run = await engineOf();
    const events = await run(jobOf(['{speech=hello} now'], { outputs: ['audio'] }));
    expect(ofType(events, 'media-start')).toMatchObject([{ output: 'speech', modality: 'audio', prompt: 'hello' }]);
    expect(contentsOf(events)[0]?.['feature']).toBe('hello'.length);
    expect(ofType(events, 'job-warning')).toEqual([]);
    expect(ofType(await run(jobOf(['a bell'], { outputs: ['audio'] })), 'media-end').map(({ output }) => output)).toEqual(['audio']);
    expect(ofType(await run(jobOf(['{audio} bell'])), 'media-start')[0]).not.toHaveProperty('prompt');
  });

  test('is no substitute where it is asked for itself, and comes beside a video, not in it', async () => {
    const run = await engineOf();
    const events = await run(jobOf(['{speech=hello} now'], { outputs: ['speech', 'audio', 'video'] }));
    expect(ofType(events, 'media-end').map(({ output, part }) => `${output} ${part}`)).toEqual(['speech 0', 'audio 1', 'video 2']);
    expect(made(events, 'video')[0]?.inside).toHaveLength(1);
  });

  test('needs words on the direct route, which is said before the job is queued', async () => {
    const run = await engineOf();
    expect(await run(direct(['speech'], {}, [shown('audio', 'bell')]))).toMatchObject([{ type: 'job-error', code: 'unsupported', message: 'speech: bundle fake makes it from words alone; give a prompt' }]);
    const mix = [{ weight: 1, part: { type: 'text', text: 'bell' } }] as const;
    expect(await run(direct(['audio', 'speech'], { mix }, []))).toMatchObject([{ type: 'job-error', code: 'unsupported', message: expect.stringContaining('leave the mix out') }]);
  });
});

describe('media in', () => {
  test('the model sees the sound of a video behind it, under the number of the video', async () => {
    const seen: PromptMessage[][] = [];
    const model: LanguageModel = {
      options: {},
      outputs: [],
      async *generate({ messages }) {
        seen.push([...messages]);
        yield { type: 'end', reason: 'stop', usage: { inputTokens: 0, outputTokens: 0 } };
      },
      dispose: async () => undefined,
    };
    const chain = await openChain(await openBundle(await writeFakeBundle(togetherBundle()), factories), 'cpu');
    onTestFinished(async () => chain.dispose());
    const job = { ...jobOf([shown('image', 'cat'), 'one', shown('video', 'clip|bark'), shown('video', 'silent'), 'two', shown('audio', 'bell')]), route: 'chat' } as const;
    await collect(generate({ ...chain, languageModel: { name: 'model', component: model } }, job, 0, new AbortController().signal));
    expect(seen[0]?.[0]?.parts.map((part) => (part.type === 'text' ? part.text : `${part.ordinal} ${part.modality} ${part.tracks?.map(({ modality, embeds }) => `${modality} ${embeds.shape.join()}`).join()}`))).toEqual([
      '1 image ', 'one', '2 video audio 2,6', '3 video ', 'two', '4 audio ',
    ]);
  });

  test('the model points at several media of a kind, each by its own number', async () => {
    const run = await engineOf();
    const parts = [shown('image', 'cat'), shown('audio', 'bell'), 'then', shown('image', 'dog'), shown('audio', 'horn'), '{audio:4} {image:3} {video:1} {image:1,3} {audio:2}'];
    const events = await run(jobOf(parts));
    expect(made(events, 'audio').map(({ references }) => references)).toEqual([['edit horn'], ['edit bell']]);
    expect(made(events, 'image').map(({ references }) => references)).toEqual([['edit dog'], ['edit cat', 'edit dog']]);
    expect(made(events, 'video').map(({ references }) => references)).toEqual([['follow cat']]);
    expect(ofType(events, 'media-start').toSorted((a, b) => a.part - b.part).map(({ references }) => references)).toEqual([[4], [3], [1], [1, 3], [2]]);
  });

  test('with a prompt the media are edited or followed where the decoder can', async () => {
    const run = await engineOf();
    const events = await run(direct(['video'], {}, [shown('audio', 'bell'), 'a cat', shown('image', 'cat'), shown('video', 'clip'), shown('video', 'other')]));
    expect(contentsOf(events)[0]).toMatchObject({ feature: 5, references: ['follow cat', 'edit clip'] });
    expect(ofType(events, 'job-warning').map(({ message }) => message)).toEqual([
      'video: medium 1 (audio) is not used; this decoder takes edit, follow (image)',
      'video: medium 4 (video) is not used; this decoder takes edit, follow (image)',
    ]);
  });

  test('without one their mean in the joint space is the source, and nothing is said of what only adds to it', async () => {
    const run = await engineOf();
    const parts = [shown('image', 'cat'), shown('audio', 'bell'), shown('video', 'clip')];
    const features = await Promise.all([parts, parts.slice(0, 1), parts.slice(1, 2), parts.slice(2)].map(async (some) => made(await run(direct(['video'], {}, some)), 'video')[0]?.feature));
    const mix = parts.map((part) => ({ weight: 1, part }));
    expect(features[0]).toBe(contentsOf(await run(direct(['video'], { mix }, [])))[0]?.['feature']);
    expect(new Set(features).size).toBe(4);
    const events = await run(direct(['video', 'audio', 'image'], {}, parts));
    expect(made(events, 'video')[0]?.references).toEqual(['follow cat', 'edit clip']);
    expect([made(events, 'audio')[0]?.references, made(events, 'image')[0]?.references]).toEqual([['edit bell'], ['edit cat']]);
    expect(ofType(events, 'job-warning')).toEqual([]);
  });

  test('a mask and a negative prompt are for the outputs that take them', async () => {
    const run = await engineOf();
    const mask = mediaOf('image', 'image/png', 'mask');
    const masked = await run(jobOf([shown('audio', 'bell'), shown('image', 'cat'), '{audio} {image}'], { mask }));
    expect([made(masked, 'audio')[0]?.references, made(masked, 'image')[0]?.references]).toEqual([[], ['edit cat', 'mask mask']]);
    const events = await run(direct(['image', 'audio'], { negativePrompt: 'blurred' }));
    expect(ofType(events, 'job-warning')).toMatchObject([{ code: 'negative_ignored', message: 'audio: its decoder takes no negative prompt' }]);
    expect([made(events, 'image')[0]?.provenance, made(events, 'audio')[0]?.provenance]).toEqual([expect.objectContaining({ negativePrompt: 'blurred' }), expect.not.objectContaining({ negativePrompt: 'blurred' })]);
  });

  test('every modality is checked before the job is queued', async () => {
    const run = await engineOf();
    for (const modality of ['image', 'video', 'audio'] as const) {
      expect(await run(jobOf([shown('audio', 'fine'), shown(modality, 'broken'), 'hi']))).toMatchObject([{ type: 'job-error', code: 'bad_media', message: `${modality}: cannot be read` }]);
    }
  });
});
