import { describe, expect, test } from 'vitest';
import type { EngineDescription } from '../../src/contracts.ts';
import { flagsOfOptions, jobOptions, standardOptionFlags } from '../../src/cli/options.ts';
import { description } from './fake-shell.ts';

const { outputs, text } = description;
const audio: EngineDescription['outputs'][number] = { name: 'audio', modality: 'audio', options: { properties: { steps: { type: 'integer', maximum: 50 }, loop: { type: 'boolean' } } }, sources: ['prompt'], references: [], negative: false };

describe('option flags', () => {
  test('standard names reach the options of the decoder', () => {
    expect(jobOptions([['steps', '8'], ['guidance', '2.5'], ['size', '128x128'], ['preview-every', '2']], [], outputs, text)).toEqual({
      image: { steps: 8, guidanceScale: 2.5, width: 128, height: 128, previewEvery: 2 },
    });
  });

  test('every selected output that declares the option gets it, others do not', () => {
    expect(jobOptions([['steps', '8'], ['loop', 'true']], [], [...outputs, audio], text)).toEqual({ image: { steps: 8 }, audio: { steps: 8, loop: true } });
  });

  test('a format goes to the outputs that have it, and is refused where none does', () => {
    const sound = { ...audio, options: { properties: { format: { type: 'string', enum: ['wav', 'mp3'] } } } };
    expect(jobOptions([['format', 'mp3']], [], [...outputs, sound], text)).toEqual({ audio: { format: 'mp3' } });
    expect(() => jobOptions([['format', 'mp4']], [], [...outputs, sound], text)).toThrow('--format: got "mp4", which no selected output makes; image has png, jpeg, webp; audio has wav, mp3.');
    expect(() => jobOptions([['format', 'mp4']], [], outputs, text)).toThrow('--format: got "mp4", expected one of "png", "jpeg", "webp" (default "png").');
  });

  test('--set reaches any option and the text', () => {
    expect(jobOptions([], ['image.sharpness=0.5', 'text.temperature=0'], outputs, text)).toEqual({ image: { sharpness: 0.5 }, text: { temperature: 0 } });
  });

  test('a decoder of its own brings its own flags', () => {
    expect(flagsOfOptions(outputs, standardOptionFlags).map((flag) => flag.name)).toEqual(['guidance-scale', 'width', 'height', 'sharpness']);
  });

  test.each([
    [['steps', '0'], '--steps: got 0, expected an integer from 1 to 1000 (default 12).'],
    [['steps', 'many'], '--steps: got "many", expected an integer from 1 to 1000 (default 12).'],
    [['steps', '2.5'], '--steps: got 2.5, expected an integer from 1 to 1000 (default 12).'],
    [['size', '13x7'], '--size 13x7, width: got 13, expected one of 128 (default 128).'],
    [['size', 'big'], '--size: got "big", expected WIDTHxHEIGHT, such as 128x128.'],
    [['scheduler', 'ddpm'], '--scheduler: got "ddpm", expected one of "flow-match-euler" (default "flow-match-euler").'],
    [['strength', '1'], '--strength: no selected output declares this option; image has --steps,'],
  ] as const)('%j is refused', (given, message) => {
    expect(() => jobOptions([given], [], outputs, text)).toThrow(message);
  });

  test.each([
    ['image', '--set: got "image", expected OUTPUT.KEY=VALUE, such as image.steps=12.'],
    ['audio.steps=3', '--set: "audio" of "audio.steps=3" is no selected output; expected one of image, text.'],
    ['image.step=3', '--set: image has no option "step"; did you mean steps?'],
    ['image.constructor=3', '--set: image has no option "constructor"; it has'],
    ['image.__proto__=3', '--set: image has no option "__proto__"; it has'],
    ['image.steps=0', '--set image.steps: got 0, expected an integer from 1 to 1000 (default 12).'],
  ])('--set %s is refused', (set, message) => {
    expect(() => jobOptions([], [set], outputs, text)).toThrow(message);
  });

  test('with no media output selected the message says what to do', () => {
    expect(() => jobOptions([['steps', '8']], [], [], text)).toThrow('--steps: no output is selected that could use it; add one with --to.');
  });
});
