// Sounds, videos and speech through the real factories on graphs with random weights: what is asked for comes, whole and in order.
// Mixes of the chat route are in matrix.test.ts.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeMedia, decodeVideo, inspectAudio, inspectVideo, mediaFromBytes } from '../../media/index.ts';
import type { Engine, JobEvent, JobRequest, Media, MediaPart, Message } from '../../src/contracts.ts';
import { startEngine } from '../../src/engine/client.ts';
import { createEngine } from '../../src/engine/engine.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { collect, jobOf, ofType, typesOf } from './fake-bundle.ts';

const factoryModules = ['encoders', 'projectors', 'decoders', 'src/language-model'].map((room) => new URL(`../../${room}/index.ts`, import.meta.url));
const settings = { bundle: fileURLToPath(new URL('../fixtures/tiny', import.meta.url)), device: 'cpu', factoryModules } as const;
const options: JobRequest['options'] = { image: { steps: 1 }, audio: { steps: 1 }, video: { steps: 1, frames: 6, fps: 6 }, text: { maxTokens: 8 } };

let engine: Engine;
let image: Media;
let audio: Media;
let video: Media;

beforeAll(async () => {
  engine = await createEngine(settings);
  const made = await mediaOf(direct(['a bell'], ['image', 'audio', 'video']));
  [image, audio, video] = [made('image'), made('audio'), made('video')];
});
afterAll(async () => {
  await engine.close();
  await closeMedia();
  expect(openSessionCount()).toBe(0);
});

const direct = (parts: Parameters<typeof jobOf>[0], outputs: readonly string[], changes: Partial<JobRequest> = {}): JobRequest => jobOf(parts, { route: 'direct', outputs, options, ...changes });
const shown = (...media: readonly Media[]): MediaPart[] => media.map((each) => ({ type: 'media', media: each }));

async function run(job: JobRequest, where: Engine = engine): Promise<JobEvent[]> {
  const events = await collect(where.run(job));
  expect(events.at(-1)).toMatchObject({ type: 'job-end' });
  return events;
}
/** The medium that a job makes of an output. */
async function mediaOf(job: JobRequest, where: Engine = engine): Promise<(output: string) => Media> {
  const ends = ofType(await run(job, where), 'media-end');
  return (output) => {
    const end = ends.find((each) => each.output === output);
    if (end === undefined) throw new Error(`no ${output}`);
    return end.media;
  };
}
const framesOf = async (media: Media): Promise<Uint8Array[]> => (await decodeVideo(media, { width: 32, height: 32, fit: 'fill', background: [0, 0, 0], times: [0.05, 0.4, 0.9] })).frames;

describe('video and sound', () => {
  test('come as a video with its sound, and the sound alone, as long as each other', async () => {
    expect(await inspectVideo(video)).toMatchObject({ width: 128, height: 128, frames: 6, hasSound: true });
    const [{ seconds }, sound] = [await inspectVideo(video), await inspectAudio(audio)];
    expect(Math.abs(seconds - 1)).toBeLessThan(0.05);
    expect(Math.abs(sound.seconds - 1)).toBeLessThan(0.05);
    expect([(await mediaFromBytes(video.bytes)).mediaType, (await mediaFromBytes(audio.bytes)).mediaType]).toEqual(['video/mp4', 'audio/wav']);
  });

  test('alone, the video has the same frames and no sound, and the sound is another one', async () => {
    const alone = (await mediaOf(direct(['a bell'], ['video'])))('video');
    expect(await inspectVideo(alone)).toMatchObject({ frames: 6, hasSound: false });
    expect(await framesOf(alone)).toEqual(await framesOf(video));
    const sound = (await mediaOf(direct(['a bell'], ['audio'])))('audio');
    expect(sound.id).not.toBe(audio.id);
    expect((await inspectAudio(sound)).seconds).toBeCloseTo(4, 1);
  });

  test('are the same bytes in another process, and as a variant of several', async () => {
    const there = await startEngine(settings);
    try {
      const made = await mediaOf(direct(['a bell'], ['video', 'audio']), there);
      expect([made('video').id, made('audio').id]).toEqual([video.id, audio.id]);
    } finally {
      await there.close();
    }
    const two = ofType(await run(direct(['a bell'], ['audio', 'video'], { seed: 6, count: 2 })), 'media-end').filter(({ variant }) => variant === 1);
    expect(two.map(({ output, media }) => [output, media.id])).toEqual([['audio', audio.id], ['video', video.id]]);
  });

  test('come apart, with a warning, where the format holds no sound', async () => {
    const events = await run(direct(['a bell'], ['video', 'audio'], { options: { ...options, video: { ...options['video'], format: 'gif' } } }));
    expect(ofType(events, 'media-end').map(({ mediaType }) => mediaType)).toEqual(['audio/wav', 'image/gif']);
    expect(ofType(events, 'job-warning')).toMatchObject([{ code: 'not_joined', message: expect.stringContaining('video: ') }]);
  });

  test('a cancel is heeded between two steps of the sound', async () => {
    const cancel = new AbortController();
    const events: JobEvent[] = [];
    for await (const event of engine.run(direct(['a bell'], ['video', 'audio'], { options: { ...options, audio: { steps: 500 } } }), cancel.signal)) {
      events.push(event);
      if (event.type === 'media-progress' && event.part === 1) cancel.abort();
    }
    expect(events.at(-1)).toMatchObject({ type: 'job-abort' });
    expect(ofType(events, 'media-progress').filter(({ part }) => part === 1)).toHaveLength(1);
    expect(ofType(events, 'media-end')).toEqual([]);
  });
});

describe('any mix', () => {
  test.each(['image', 'audio', 'video', 'image audio', 'image video', 'audio video', 'image audio video'])('direct, without a prompt: %s', async (list) => {
    const names = list.split(' ');
    const inputs = names.map((name) => (name === 'image' ? image : name === 'audio' ? audio : video));
    const events = await run(direct(shown(...inputs), ['audio', 'image', 'video']));
    const ends = ofType(events, 'media-end').toSorted((a, b) => a.part - b.part);
    expect(ends.map(({ part, modality }) => `${part} ${modality}`)).toEqual(['0 audio', '1 image', '2 video']);
    for (const { media, modality } of ends) expect((await mediaFromBytes(media.bytes)).modality).toBe(modality);
    expect(ofType(events, 'media-start').find(({ output }) => output === 'video')?.references).toEqual(names.flatMap((name, i) => (name === 'audio' ? [] : [i + 1])));
  });

  test('chat: media of every kind are read in their order, the sound of a video with it', async () => {
    const events = await run(jobOf([...shown(video), 'and', ...shown(image, audio), 'what is each?'], { outputs: ['text'], options }));
    const stages = ofType(events, 'trace').filter(({ stage }) => stage === 'input-projector').map(({ component }) => component);
    expect(stages).toEqual(['video-input-projector', 'audio-input-projector', 'image-input-projector', 'audio-input-projector']);
    const silent = await run(jobOf([...shown((await mediaOf(direct(['a bell'], ['video'])))('video')), 'and', ...shown(image, audio), 'what is each?'], { outputs: ['text'], options }));
    const [withSound, without] = [events, silent].map((each) => ofType(each, 'job-end')[0]?.usage.inputTokens ?? 0);
    // The block of a track: nine vectors between two tokens.
    expect(withSound).toBe((without ?? 0) + 11);
  });
});

describe('speech', () => {
  test('says the words of a prompt', async () => {
    const spoken = (await mediaOf(direct(['hello there'], ['speech'])))('speech');
    expect((await inspectAudio(spoken)).seconds).toBeGreaterThan(0.4);
    expect((await mediaOf(direct(['hello there'], ['speech'], { seed: 9 })))('speech').bytes.length).toBeGreaterThan(1000);
  });

  test('is written by the language model, and read again with its words', async () => {
    const asked = jobOf(['say hello'], { outputs: ['speech'], options });
    const events = await run(asked);
    const [start] = ofType(events, 'media-start');
    expect(start).toMatchObject({ output: 'speech', modality: 'audio', prompt: expect.stringMatching(/\S/) });
    expect(typesOf(events)).not.toContain('text-delta');
    const { media } = ofType(events, 'media-end')[0]!;
    const prompt = start?.prompt ?? '';
    const answer = (made: MediaPart['made']): Message => ({ role: 'assistant', parts: [{ type: 'media', media, ...(made && { made }) }] });
    const again = async (reply: Message): Promise<number> => {
      const { messages: [last] } = jobOf(['again']);
      return ofType(await run({ ...asked, outputs: ['text'], messages: [...asked.messages, reply, last!] }), 'job-end')[0]?.usage.inputTokens ?? 0;
    };
    expect(await again(answer({ output: 'speech', references: [], prompt }))).toBeGreaterThan(await again(answer({ output: 'speech', references: [] })));
  });

  test('does where audio must come, if the model likes that better', async () => {
    const events = await run(jobOf(['say hello'], { outputs: ['audio'], options }));
    expect(ofType(events, 'media-end').map(({ modality }) => modality)).toEqual(['audio']);
    expect(ofType(events, 'job-warning').filter(({ code }) => code === 'output_missing')).toEqual([]);
  });
});

test.each(['audio', 'video'])('a damaged %s is refused before the job is queued', async (modality) => {
  const media = modality === 'audio' ? audio : video;
  const damaged = { ...media, id: modality.padEnd(64, '0'), bytes: media.bytes.slice(0, 40), name: `bad.${modality}` };
  for (const job of [jobOf([...shown(damaged), 'what is this?']), direct(shown(damaged), ['image'])]) {
    expect(await collect(engine.run(job))).toMatchObject([{ type: 'job-error', code: 'bad_media', message: expect.stringContaining(`bad.${modality}`) }]);
  }
});

test('all modalities are in one space', async () => {
  const embeddings = ofType(await collect(engine.embed({ id: 'embed-1', inputs: [{ type: 'text', text: 'bell' }, ...shown(image, audio, video)] })), 'embedding');
  expect(embeddings.map(({ modality, embedding }) => [modality, embedding.length, Math.hypot(...embedding).toFixed(4)])).toEqual(['text', 'image', 'audio', 'video'].map((modality) => [modality, 24, '1.0000']));
});
