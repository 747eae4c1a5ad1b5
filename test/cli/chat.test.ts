import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { JobEventBody, JobRequest } from '../../src/contracts.ts';
import { main } from '../../src/cli/main.ts';
import { draws, fakeEngine, fakeShell, temporaryFolder, type FakeEngine } from './fake-shell.ts';
import { bundleJson, onePixelPng } from './fixtures.ts';

async function chat(lines: readonly string[], args: readonly string[] = ['--json', '--seed', '5'], engine: FakeEngine = fakeEngine()) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundleJson);
  writeFileSync(join(folder, 'cat.png'), onePixelPng);
  mkdirSync(join(folder, 'my pictures'));
  writeFileSync(join(folder, 'my pictures', 'cat.png'), onePixelPng);
  const shell = fakeShell({ folder, engine, model: folder, input: lines.map((line) => `${line}\n`).join('') });
  const code = await main(['chat', ...args], shell);
  return { code, shell, engine, folder, ends: () => shell.events().filter((event) => /^job-(end|abort|error)$/.test(String(event['type']))) };
}

/** Each message as its role and its parts in short. */
function shortOf(job: JobRequest | undefined): string[] {
  return (job?.messages ?? []).map(({ role, parts }) => `${role}: ${parts.map((part) => (part.type === 'text' ? part.text : `<${part.media.mediaType}${part.made === undefined ? '' : ` ${part.made.output} from ${part.made.references.join()}`}>`)).join(' ')}`);
}

describe('a conversation', () => {
  test('keeps every turn with its media, and what they were made from', async () => {
    const { code, engine, ends, folder } = await chat(['draw a red apple', '', 'make it green', 'what is this?']);
    expect(code).toBe(0);
    expect(ends().map((event) => event['type'])).toEqual(['job-end', 'job-end', 'job-end']);
    expect(shortOf(engine.jobs[2])).toEqual([
      'user: draw a red apple',
      'assistant: Here it is: <image/png image from >',
      'user: make it green',
      'assistant: Here it is: <image/png image from 1>',
      'user: what is this?',
    ]);
    expect(engine.jobs.map((job) => [job.seed, job.route, job.outputs])).toEqual([[5, 'chat', null], [6, 'chat', null], [7, 'chat', null]]);
    expect(readdirSync(join(folder, 'outputs')).toSorted()).toEqual(['image-5-1.png', 'image-6-1.png', 'image-7-1.png']);
  });

  test('a turn that fails leaves it as it was, and decides the exit code', async () => {
    const engine = fakeEngine(async function* (job): AsyncGenerator<JobEventBody> {
      if (shortOf(job).at(-1) === 'user: fail') yield { type: 'job-error', code: 'engine_crashed', message: 'gone' };
      else yield* draws(job);
    });
    const { code, ends } = await chat(['draw a red apple', 'fail', 'make it green'], undefined, engine);
    expect(code).toBe(1);
    expect(ends().map((event) => event['type'])).toEqual(['job-end', 'job-error', 'job-end']);
    expect(shortOf(engine.jobs[2])).toEqual(['user: draw a red apple', 'assistant: Here it is: <image/png image from >', 'user: make it green']);
    expect(engine.jobs.map((job) => job.seed)).toEqual([5, 6, 6]);
  });

  test('attaches files where they are named, and says how to write a word that is none', async () => {
    const { code, engine, ends, shell } = await chat(['what is in @cat.png?', 'compare @"my pictures/cat.png" with this', 'I am @home', 'I am @@home, write to me@home']);
    expect(engine.jobs.map((job) => shortOf(job).at(-1))).toEqual(['user: what is in <image/png> ?', 'user: compare <image/png> with this', 'user: I am @home, write to me@home']);
    expect(ends().map((event) => event['type'])).toEqual(['job-end', 'job-end', 'job-error', 'job-end']);
    expect(shell.err()).toContain('"home": there is no such file. For the word itself write @@home.');
    expect(code).toBe(2);
  });

  test('commands make no turn', async () => {
    const { engine, shell } = await chat(['draw a red apple', '/reset', '/what', 'again', '/quit', 'never read']);
    expect(engine.jobs.map(shortOf)).toEqual([['user: draw a red apple'], ['user: again']]);
    expect(shell.err()).toContain('/what is no command here.');
  });

  test('without --json, text and paths are the output', async () => {
    const { shell } = await chat(['draw a red apple'], ['--seed', '5', '-o', 'made']);
    expect(shell.out()).toBe(`Here it is:\n${join('made', 'image-5-1.png')}\n`);
  });

  test('Ctrl-C ends it with 130', async () => {
    const engine = fakeEngine(async function* (): AsyncGenerator<JobEventBody> {
      yield { type: 'job-abort', reason: 'cancelled' };
    });
    const { code } = await chat(['one', 'two'], undefined, engine);
    expect([code, engine.jobs.length, engine.closed()]).toEqual([130, 1, 1]);
  });
});

test.each([
  [['draw a red apple'], 'chat takes no prompt'],
  [['--seed', '9007199254740991'], '--seed: got "9007199254740991", expected an integer from 0 to 9007199253692415.'],
  [['-o', 'apple.png'], '-o: a chat makes many files, expected a folder.'],
  [['--seed', '-1'], '--seed: got "-1"'],
  [['--steps', '3'], '--steps: there is no such flag'],
  [['--set', 'image.steps=0'], '--set image.steps: got 0'],
])('chat %j: exit 2', async (args, message) => {
  const { code, shell } = await chat([], args);
  expect(shell.err()).toContain(message);
  expect(code).toBe(2);
});

/** A chat at a terminal; `type` types and ends the input while the first turn runs. */
async function talk(type: (write: (text: string) => void, end: () => void) => void): Promise<{ code: number; asked: (string | undefined)[] }> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'bundle.json'), bundleJson);
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const engine = fakeEngine(async function* (job): AsyncGenerator<JobEventBody> {
    if (engine.jobs.length === 1) type((text) => stdin.write(text), () => stdin.end());
    await setImmediate();
    yield* draws(job);
  });
  const shell = { ...fakeShell({ folder, engine, model: folder, terminal: true }), stdin };
  stdin.write('draw a red apple\n');
  const code = await main(['chat', '--seed', '5'], shell);
  return { code, asked: engine.jobs.map((job) => shortOf(job).at(-1)) };
}

describe('at a terminal', () => {
  test('what is typed during a turn is the next message', async () => {
    expect(await talk((write, end) => {
      write('make it green\n/quit\n');
      end();
    })).toEqual({ code: 0, asked: ['user: draw a red apple', 'user: make it green'] });
  });

  test('the end of input during a turn ends the chat after it', async () => {
    expect(await talk((_, end) => end())).toEqual({ code: 0, asked: ['user: draw a red apple'] });
  });
});
