import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EngineDescription, JobEventBody, JobRequest } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { main } from '../../src/cli/main.ts';
import { description, draws, fakeEngine, fakeShell, temporaryFolder, type FakeShell } from './fake-shell.ts';
import { bundleJson, onePixelPng } from './fixtures.ts';

/** A folder with a bundle.json and a small picture. */
function workplace(): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundleJson);
  writeFileSync(join(folder, 'cat.png'), onePixelPng);
  return folder;
}

async function run(args: readonly string[], settings: { engine?: ReturnType<typeof fakeEngine>; input?: string; terminal?: boolean; folder?: string } = {}) {
  const folder = settings.folder ?? workplace();
  const engine = settings.engine ?? fakeEngine();
  const shell = fakeShell({ folder, engine, model: folder, ...(settings.input === undefined ? {} : { input: settings.input }), ...(settings.terminal === undefined ? {} : { terminal: settings.terminal }) });
  const code = await main(args, shell);
  return { code, shell, engine, folder, job: (): JobRequest => engine.jobs[0]!, left: () => readdirSync(folder).filter((name) => name !== 'bundle.json' && name !== 'cat.png') };
}

describe('a job', () => {
  test('prints text and paths on stdout, progress and the chosen seed on stderr', async () => {
    const { code, shell, engine, folder, job } = await run(['draw a red apple']);
    expect(code).toBe(0);
    const path = join('outputs', `image-${job().seed}-1.png`);
    expect(shell.out()).toBe(`Here it is:\n${path}\n`);
    expect(readFileSync(join(folder, path), 'utf8')).toBe(`picture ${job().seed}`);
    expect(shell.err()).toContain(`seed ${job().seed} (--seed ${job().seed} makes the same again)\n`);
    expect(shell.err()).toContain('image: step 4 of 4\n');
    expect(shell.err()).not.toContain('\u001b');
    expect(engine.closed()).toBe(1);
  });

  test('is asked for as the flags say', async () => {
    const { code, job } = await run(['generate', 'a cat', '--image', 'cat.png', '--to', 'text,image', '--route', 'chat', '-n', '2', '--seed', '7', '--steps', '3', '--negative', 'dog', '--mask', 'cat.png', '--no-metadata', '--sharpness', '0.25', '--set', 'text.temperature=0']);
    expect(code).toBe(0);
    expect(job()).toMatchObject({
      outputs: ['text', 'image'], route: 'chat', seed: 7, count: 2, negativePrompt: 'dog', mix: null, metadata: false,
      options: { image: { steps: 3, sharpness: 0.25 }, text: { temperature: 0 } },
      messages: [{ role: 'user', parts: [{ type: 'media', media: { modality: 'image', mediaType: 'image/png' } }, { type: 'text', text: 'a cat' }] }],
      mask: { modality: 'image' },
    });
  });

  test('with --json prints one event a line, media replaced by paths', async () => {
    const { code, shell, folder } = await run(['draw a red apple', '--json', '--seed', '7', '-o', 'made']);
    expect(code).toBe(0);
    const events = shell.events();
    expect(events.map((event) => event['type'])).toEqual(['job-queued', 'job-start', 'text-delta', 'text-delta', 'media-start', ...Array<string>(4).fill('media-progress'), 'media-preview', 'media-end', 'job-end']);
    expect(events[2]).toMatchObject({ text: 'Here ', variant: 0, part: 0, attempt: 1 });
    expect(events.find((event) => event['type'] === 'media-preview')).not.toHaveProperty('path');
    expect(events.at(-2)).toEqual({ type: 'media-end', job: expect.any(String), attempt: 1, variant: 0, part: 1, output: 'image', modality: 'image', mediaType: 'image/png', seed: 7, path: join('made', 'image-7-1.png') });
    expect(readdirSync(join(folder, 'made'))).toEqual(['image-7-1.png']);
    expect(shell.out()).not.toContain('bytes');
  });

  test('with --previews writes those too', async () => {
    const { job, folder } = await run(['draw a red apple', '--seed', '7', '--previews']);
    expect(job().options['image']).toEqual({ previewEvery: 4 });
    expect(readdirSync(join(folder, 'outputs')).toSorted()).toEqual(['image-7-1.png', 'image-7-step-2-1.png']);
  });

  test('--preview-every writes previews too', async () => {
    const { job, left } = await run(['draw a red apple', '-o', 'apple.png', '--preview-every', '3']);
    expect(job().options['image']).toEqual({ format: 'png', previewEvery: 3 });
    expect(left()).toEqual(['apple-1-step-2.png', 'apple.png']);
  });

  test('reads the prompt from standard input', async () => {
    for (const args of [['-'], ['generate', '-', '--json']]) {
      const { job } = await run(args, { input: ' draw a fish\n' });
      expect(job().messages[0]?.parts).toEqual([{ type: 'text', text: 'draw a fish' }]);
    }
  });

  test('takes the file format from the name of the file', async () => {
    const { job, left } = await run(['draw a red apple', '-o', 'apple.jpg']);
    expect(job().options['image']).toEqual({ format: 'jpeg' });
    expect(left()).toEqual(['apple.jpg']);
  });

  test.each([
    [['--to', 'video,audio', '-o', 'clip.mp4'], { video: { format: 'mp4' } }],
    [['--to', 'video,audio', '-o', 'clip.mp4', '--format', 'mp3'], { video: { format: 'mp4' }, audio: { format: 'mp3' } }],
    [['--to', 'video,audio', '-o', 'clip.wav'], { audio: { format: 'wav' } }],
    [['--to', 'video', '-o', 'clip.gif'], { video: { format: 'gif' } }],
    [['--to', 'image,video', '-o', 'clip.webp'], { image: { format: 'webp' } }],
    [['--to', 'video,audio', '--seconds', '2', '--fps', '8', '--frames', '16'], { audio: { seconds: 2 }, video: { fps: 8, frames: 16 } }],
  ])('%j: each output gets the options it has', async (args, options) => {
    const [first] = description.outputs;
    const more = (name: string, formats: readonly string[], properties: object): EngineDescription['outputs'][number] => ({ ...first!, name, modality: name, options: { type: 'object', properties: { format: { type: 'string', enum: formats }, ...properties } } });
    const number = { type: 'number' };
    const outputs = [...description.outputs, more('video', ['mp4', 'gif', 'webp'], { frames: number, fps: number }), more('audio', ['wav', 'mp3'], { seconds: number })];
    const engine = { ...fakeEngine(), describe: async () => ({ ...description, outputs }) };
    const { code, job } = await run(['a ball', ...args], { engine });
    expect([code, job().options]).toEqual([0, options]);
  });

  test('draws its progress in one line on a terminal', async () => {
    const { shell } = await run(['draw a red apple'], { terminal: true });
    expect(shell.err()).toMatch(/image {2}\[#{12}-{12}\] {2}step 2 of 4 {2}\d+\.\d s left/);
    expect(shell.err()).not.toContain('\u001b[2m');
  });
});

describe('bad input', () => {
  test.each([
    [['apple'], '"apple" is no command; there are generate, chat, batch, embed, '],
    [['genrate', 'a house'], 'Did you mean "generate"? For a prompt write: anymodal "genrate a house"'],
    [['draw', 'a', 'red', 'apple', '--json'], 'For a prompt write: anymodal "draw a red apple"'],
    [['generate', 'red', 'apple'], 'expected one prompt, got 2 words; put the prompt in quotes: anymodal "red apple"'],
    [['generate'], 'there is no prompt; write one in quotes'],
    [['generate', ' '], 'the prompt is empty'],
    [['a b', '--steps', '0'], '--steps: got 0, expected an integer from 1 to 1000'],
    [['a b', '--size', '13x7'], '--size 13x7, width: got 13, expected one of 128'],
    [['a b', '--seed', '-1'], '--seed: got "-1", expected an integer from 0 to'],
    [['a b', '-n', '0'], '-n: got "0", expected an integer from 1 to 64.'],
    [['a b', '--route', 'fast'], '--route: got "fast", expected one of auto, chat, direct.'],
    [['a b', '--device', 'tpu'], '--device: got "tpu", expected one of auto, cpu,'],
    [['a b', '--colour', 'red'], '--colour: there is no such flag. Bundle nano reads text, image and makes text, image;'],
    [['a b', '--audio', 'a.wav'], '--audio: there is no such flag. Bundle nano reads text, image'],
    [['a b', '--to', 'imge'], '--to: bundle nano makes no "imge"; did you mean image?'],
    [['a b', '--to', 'audio'], '--to: bundle nano makes no "audio"; it makes text, image.'],
    [['a b', '--to', 'image,'], '--to: got "image,", expected names separated by commas'],
    [['a b', '--to', 'text', '--steps', '3'], '--steps: no output is selected that could use it'],
    [['a b', '--to', 'text', '--negative', 'x'], '--negative: no selected output takes a negative prompt'],
    [['a b', '--model', 'giant'], 'model "giant": neither an installed bundle nor a folder'],
    [['a b', '--image', 'none.png'], '"none.png": there is no such file.'],
    [['a b', '--image', '.'], '"." is a folder, expected a file.'],
    [['a b', '--image', 'bundle.json'], '"bundle.json" is plain text'],
    [['a b', '--mask', 'cat.png'], '--mask: there is nothing to edit; add the picture that the mask belongs to with --image F.'],
    [['a b', '-o', 'cat.png/deeper'], '-o: '],
    [['a b', '--to', 'text', '-o', 'a.png'], '-o: no selected output makes .png files'],
    [['a b', '-o', 'a.wav'], '-o: no selected output makes .wav files'],
    [['a b', '-o', 'a.jpg', '--format', 'png'], '--format: got "png", but -o names a .jpg file'],
  ])('%j: exit 2, a clear message, nothing left behind', async (args, message) => {
    const { code, shell, left, engine } = await run(args);
    expect(shell.err()).toContain(message);
    expect(code).toBe(2);
    expect(left()).toEqual([]);
    expect(engine.jobs).toEqual([]);
    if (!args.includes('--json')) expect(shell.out()).toBe('');
  });

  test('an empty file', async () => {
    const folder = workplace();
    writeFileSync(join(folder, 'empty.png'), '');
    const { code, shell } = await run(['a b', '--image', 'empty.png'], { folder });
    expect([code, shell.err()]).toEqual([2, expect.stringContaining('"empty.png" is empty (0 bytes)')]);
  });

  test('with --json the error is an event as well', async () => {
    const { code, shell } = await run(['a b', '--json', '-n', '0']);
    expect(code).toBe(2);
    expect(shell.events()).toEqual([{ type: 'job-error', code: 'bad_option', message: '-n: got "0", expected an integer from 1 to 64.', job: '', attempt: 1 }]);
  });
});

describe('ends that are not good', () => {
  test.each([
    ['bad_media', 2],
    ['engine_crashed', 1],
    ['internal', 1],
  ])('job-error %s gives exit code %i', async (errorCode, exit) => {
    const engine = fakeEngine(async function* (): AsyncGenerator<JobEventBody> {
      yield { type: 'job-error', code: errorCode, message: 'what happened' };
    });
    const { code, shell, left } = await run(['a b'], { engine });
    expect(code).toBe(exit);
    expect(shell.err()).toContain('anymodal: what happened\n');
    expect([left(), engine.closed()]).toEqual([[], 1]);
  });

  test('Ctrl-C cancels the job, exits 130 and leaves nothing', async () => {
    const folder = workplace();
    const engine = fakeEngine(async function* (job, signal): AsyncGenerator<JobEventBody> {
      for await (const event of draws(job)) {
        if (event.type === 'media-progress' && event.step === 2) shell.interruption.interrupt();
        if (signal.aborted) {
          yield { type: 'job-abort', reason: 'cancelled' };
          return;
        }
        yield event;
      }
    });
    const shell = fakeShell({ folder, engine, model: folder });
    expect(await main(['draw a red apple', '--json'], shell)).toBe(130);
    expect(shell.events().at(-1)).toMatchObject({ type: 'job-abort' });
    expect(existsSync(join(folder, 'outputs'))).toBe(false);
    expect(engine.closed()).toBe(1);
  });

  test('Ctrl-C while the model loads ends the start and exits 130', async () => {
    const folder = workplace();
    const shell: FakeShell = {
      ...fakeShell({ folder, model: folder }),
      startEngine: async (_folder, _device, signal) => new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(new AnymodalError('aborted', 'cancelled')));
        shell.interruption.interrupt();
      }),
    };
    expect(await main(['a b'], shell)).toBe(130);
    expect(shell.err()).toContain('cancelled');
    expect(shell.killed()).toBe(false);
  });

  test('an engine that does not start is one message', async () => {
    const folder = workplace();
    const shell = { ...fakeShell({ folder, model: folder }), startEngine: async () => Promise.reject(new AnymodalError('bundle_invalid', 'two faults')) };
    expect(await main(['a b'], shell)).toBe(2);
    expect(shell.err()).toBe('anymodal: two faults\n');
  });
});
