// Projectors against the torch modules they were exported from, and against their contracts.
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { featureRegression } from '../../projectors/feature-regression.ts';
import { factories } from '../../projectors/index.ts';
import { jointToken } from '../../projectors/joint-token.ts';
import { linear, mlp } from '../../projectors/linear.ts';
import { nextGptTransformer } from '../../projectors/nextgpt-transformer.ts';
import { textCharacters } from '../../projectors/text-characters.ts';
import type { Source, Tensor } from '../../src/contracts.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { componentSource, fixtures, testContext, using } from '../conformance/component.ts';
import { describeInputProjector, describeOutputProjector } from '../conformance/projector.ts';

interface Stored {
  readonly shape: readonly number[];
  readonly data: string;
}
interface Fixture {
  readonly transformer: { readonly cases: readonly { readonly name: string; readonly hidden: Stored; readonly embedded: Stored; readonly tokens: Stored }[] };
  readonly regression: { readonly cases: readonly { readonly name: string; readonly hidden: Stored; readonly feature: Stored }[] };
}
const fixture: Fixture = JSON.parse(readFileSync(new URL('projectors/projectors.json', fixtures), 'utf8'));
const regression = { config: { model: 24, feature: 10 }, files: { model: 'projectors/regression.onnx' }, wrongConfig: { model: 25 } };
const transformer = { config: { signals: 4, model: 24, tokens: [7, 12] }, files: { model: 'projectors/transformer.onnx' }, wrongConfig: { model: 25 } };

/** A stored array without its leading axis of one. */
function rows(stored: Stored): Tensor {
  const bytes = Buffer.from(stored.data, 'base64');
  return { shape: stored.shape.slice(1), data: Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4)) };
}

function signal(hidden: Tensor, embedded: Tensor): Source {
  return { type: 'signal', signal: { type: 'signal', output: 'image', prompt: 'x', references: [], states: { hidden, embedded } } };
}

function expectClose(got: Tensor | undefined, expected: Tensor): void {
  expect(got?.shape).toEqual(expected.shape);
  expected.data.forEach((value, i) => expect(Math.abs(value - got!.data[i]!)).toBeLessThan(1e-4));
}

const rowGraph = { config: { in: 24, out: 32 }, files: { model: 'tiny/image-input-projector/model.onnx' }, wrongConfig: { out: 33 } };
describeInputProjector(linear, rowGraph);
describeInputProjector(mlp, { ...rowGraph, config: { ...rowGraph.config, hidden: 64 }, wrongConfig: { in: 25 } });
describeOutputProjector(nextGptTransformer, transformer);
describeOutputProjector(featureRegression, regression);
describeOutputProjector(textCharacters, { config: {}, files: {} });
describeOutputProjector(jointToken, { config: { tokens: [16, 24] }, files: {} });
afterAll(() => expect(openSessionCount()).toBe(0));

describe('nextgpt-transformer', () => {
  test.each(fixture.transformer.cases)('equals the torch module: $name', async ({ hidden, embedded, tokens }) => {
    const source = componentSource({ ...transformer, config: { ...transformer.config, signals: hidden.shape[1] } });
    await using(nextGptTransformer.open(source), async (projector) => {
      expectClose((await projector.project(signal(rows(hidden), rows(embedded)), testContext()))['tokens'], rows(tokens));
    });
  });

  test('takes the graph of the tiny bundle, whose axes are fixed', async () => {
    const tiny = { config: { signals: 4, model: 32, tokens: [16, 24] }, files: { model: 'tiny/image-output-projector/model.onnx' } };
    await using(nextGptTransformer.open(componentSource(tiny)), async (projector) => {
      const wave = { shape: [4, 32], data: Float32Array.from({ length: 128 }, (_, i) => Math.sin(0.1 * i)) };
      const { tokens } = await projector.project(signal(wave, wave), testContext());
      [-0.1367, 1.13182, -0.47965, -1.02925, 0.06648, -0.7111].forEach((value, i) => expect(tokens!.data[i]).toBeCloseTo(value, 4));
    });
  });

  test('says which states it expects', async () => {
    await using(nextGptTransformer.open(componentSource(transformer)), async (projector) => {
      const three = { shape: [3, 24], data: new Float32Array(72) };
      await expect(projector.project(signal(three, three), testContext())).rejects.toThrow('got hidden [3, 24]; expected [4, 24]');
      const caption: Source = { type: 'signal', signal: { type: 'signal', output: 'image', prompt: 'x', references: [], states: null } };
      await expect(projector.project(caption, testContext())).rejects.toThrow('without states');
    });
  });
});

describe('feature-regression', () => {
  test.each(fixture.regression.cases)('equals the torch module: $name', async ({ hidden, feature }) => {
    await using(featureRegression.open(componentSource(regression)), async (projector) => {
      const state = rows(hidden);
      expectClose((await projector.project(signal(state, state), testContext()))['feature'], rows(feature));
      // A marker of several tokens counts by its last one.
      const marker = { shape: [3, 24], data: Float32Array.from({ length: 72 }, (_, i) => (i < 48 ? 9 : state.data[i - 48]!)) };
      expectClose((await projector.project(signal(marker, marker), testContext()))['feature'], rows(feature));
    });
  });
});

describe('joint-token', () => {
  test('puts the embedding at length sqrt(d) into the first token', async () => {
    await using(jointToken.open(componentSource({ config: { tokens: [3, 4] }, files: {} })), async (projector) => {
      const embedding = { shape: [4], data: new Float32Array([0, 3, 0, 4]) };
      const { tokens } = await projector.project({ type: 'joint', embedding }, testContext());
      expect(Array.from(tokens!.data, (value) => Math.round(value * 1e4) / 1e4)).toEqual([0, 1.2, 0, 1.6, 0, 0, 0, 0, 0, 0, 0, 0]);
      await expect(projector.project({ type: 'joint', embedding: { shape: [2], data: new Float32Array(2) } }, testContext())).rejects.toThrow('expected 4');
    });
  });
});

describe('text-characters', () => {
  test('gives the code points of the prompt, none for an empty one', async () => {
    await using(textCharacters.open(componentSource({ config: {}, files: {} })), async (projector) => {
      expect(await projector.project({ type: 'prompt', text: 'Aé🍎' }, testContext())).toEqual({ characters: { shape: [3], data: Float32Array.of(0x41, 0xe9, 0x1f34e) } });
      expect(await projector.project({ type: 'prompt', text: '' }, testContext())).toEqual({ characters: { shape: [0], data: new Float32Array(0) } });
    });
  });
});

test('every factory has a name of its own', () => {
  expect(new Set(factories.map(({ kind, name }) => `${kind} ${name}`)).size).toBe(factories.length);
});
