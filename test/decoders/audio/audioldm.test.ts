// AudioLDM against diffusers on the same random weights and the same noise: every scheduler, lengths, guidance, variants, and a sound to edit.

import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { audioLdm, createAudioLdm, lengthsOf, readConfig } from '../../../decoders/audio/audioldm/factory.ts';
import { openAudioLdmGraphs } from '../../../decoders/audio/audioldm/graphs.ts';
import { clapPrompt } from '../../../encoders/text/clap-prompt.ts';
import { closeMedia, mediaFromBytes } from '../../../media/index.ts';
import type { Conditioning, DecodeRequest, Reference } from '../../../src/contracts.ts';
import { createRandom } from '../../../src/runtime/random.ts';
import { openSessionCount } from '../../../src/runtime/sessions.ts';
import { testContext, using } from '../../conformance/component.ts';
import { describeDecoder } from '../../conformance/decoder.ts';
import { bundle, filesOf, floats, pathOf, reference, sourceOf } from './audioldm-fixture.ts';
import type { Case } from './audioldm-fixture.ts';
import { make, samplesOf, sweep } from './tiny.ts';

afterAll(async () => {
  expect(openSessionCount()).toBe(0);
  await closeMedia();
});

const schedulers: Readonly<Record<string, string>> = {
  DDIMScheduler: 'ddim',
  PNDMScheduler: 'pndm',
  EulerDiscreteScheduler: 'euler',
  EulerAncestralDiscreteScheduler: 'euler-ancestral',
  DPMSolverMultistepScheduler: 'dpm-solver',
  LCMScheduler: 'lcm',
};
const named = (name: string): Case => reference.cases.find((each) => each.name === name)!;

async function conditioningOf({ prompt, negative }: Pick<Case, 'prompt' | 'negative'>): Promise<Pick<DecodeRequest, 'conditioning' | 'negative'>> {
  return using(clapPrompt.open(sourceOf('prompt-encoder')), async (projector) => {
    const project = async (text: string): Promise<Conditioning> => projector.project({ type: 'prompt', text }, testContext());
    return { conditioning: await project(prompt), negative: negative === null ? null : await project(negative) };
  });
}

async function referencesOf({ edit }: Case): Promise<Reference[]> {
  return edit === undefined ? [] : [{ role: 'edit', media: await mediaFromBytes(readFileSync(pathOf(edit))) }];
}

/** A variant of a case: the file, and what was given to the autoencoder. */
async function run(each: Case, variant: number) {
  const source = sourceOf('audio-decoder');
  const config = readConfig(source.config);
  const graphs = await openAudioLdmGraphs(source, config);
  let heard = new Float32Array();
  const encode: typeof graphs.encode = async (mel) => {
    heard = mel.data.slice();
    return graphs.encode(mel);
  };
  return using(Promise.resolve(createAudioLdm(config, { ...graphs, encode })), async (decoder) => {
    const { steps, guidanceScale, seconds, strength } = each;
    const options = { steps, guidanceScale, seconds, scheduler: schedulers[String(each.scheduler['_class_name'])], ...(strength !== undefined && { strength }) };
    return { ...(await make(decoder, { ...(await conditioningOf(each)), references: await referencesOf(each), options }, createRandom(each.seed + variant))), heard };
  });
}

function furthest(one: Int16Array, other: Int16Array): number {
  return one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
}

describe('against diffusers', () => {
  test.each(reference.cases)('$name', async (each) => {
    for (const [variant, stored] of each.sounds.entries()) {
      const { media, warnings, heard } = await run(each, variant);
      expect(warnings).toEqual([]);
      // The file itself, of 16 bits.
      const samples = samplesOf(media);
      expect(samples.length).toBe(each.samples);
      const expected = floats(stored);
      const difference = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - samples[i * each.stride]! / 32768)), 0);
      expect(difference).toBeLessThan(1e-3);
      if (each.mel === undefined) continue;
      const mel = floats(each.mel);
      const [frames, mels] = each.mel.shape;
      expect(heard.length).toBe(mel.length);
      expect(mel.reduce((most, value, i) => Math.max(most, Math.abs(value - heard[(i % mels!) * frames! + Math.floor(i / mels!)]!)), 0)).toBeLessThan(1e-4);
    }
  });
});

test('lengths are those of diffusers: frames in whole latent cells, samples to the one', () => {
  const real = { factor: 4, mel: { ...readConfig(bundle.components['audio-decoder']!.config).mel, hop: 160, sampleRateHz: 16_000 } };
  expect([5.12, 10.24, 9, 10, 0.857].map((seconds) => lengthsOf(real, seconds))).toEqual([
    { frames: 512, samples: 81_920 },
    { frames: 1024, samples: 163_840 },
    { frames: 900, samples: 144_000 },
    { frames: 1000, samples: 160_000 },
    { frames: 88, samples: 13_712 },
  ]);
});

test('conditioning without a vector of no prompt is led away from that of the bundle', async () => {
  const each = named('text to sound');
  const { conditioning } = await conditioningOf(each);
  await using(audioLdm.open(sourceOf('audio-decoder')), async (decoder) => {
    const options = { steps: 2, seconds: 0.5 };
    const [own, brought, negative] = [
      await make(decoder, { conditioning: { tokens: conditioning['tokens']! }, options }),
      await make(decoder, { conditioning, options }),
      await make(decoder, { conditioning, negative: { tokens: conditioning['tokens']! }, options }),
    ];
    // Torch made the one, the graph the other.
    expect(furthest(samplesOf(own.media), samplesOf(brought.media))).toBeLessThan(10);
    expect(furthest(samplesOf(own.media), samplesOf(negative.media))).toBeGreaterThan(100);
  });
});

test('a negative prompt without guidance is warned of, and a strength without a sound', async () => {
  const { conditioning } = await conditioningOf(named('text to sound'));
  await using(audioLdm.open(sourceOf('audio-decoder')), async (decoder) => {
    const { warnings } = await make(decoder, { conditioning, negative: conditioning, options: { steps: 1, seconds: 0.5, guidanceScale: 1, strength: 0.9 } });
    expect(warnings).toEqual(['strength_unused', 'negative_unused']);
  });
});

test('without the encoding half of the autoencoder it edits nothing', async () => {
  await using(audioLdm.open(sourceOf('audio-decoder', { edits: false })), async (decoder) => expect(decoder.references).toEqual([]));
});

const { config } = bundle.components['audio-decoder']!;
describeDecoder(audioLdm, {
  config,
  files: filesOf('audio-decoder'),
  wrongConfig: { width: 17 },
  options: { steps: 3, seconds: 0.5 },
  edited: async () => sweep(0.5),
});
