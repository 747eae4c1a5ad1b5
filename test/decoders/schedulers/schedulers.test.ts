// Trajectories against diffusers', stored by training/fixtures/schedulers.py.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createDdim } from '../../../decoders/schedulers/ddim.ts';
import { createDpmSolver } from '../../../decoders/schedulers/dpm-solver.ts';
import { createEulerAncestral } from '../../../decoders/schedulers/euler-ancestral.ts';
import { createEuler } from '../../../decoders/schedulers/euler.ts';
import { createFlowMatchEuler } from '../../../decoders/schedulers/flow-match-euler.ts';
import { createScheduler, schedulersFor } from '../../../decoders/schedulers/index.ts';
import { createLcm } from '../../../decoders/schedulers/lcm.ts';
import { createPndm } from '../../../decoders/schedulers/pndm.ts';
import { firstStep } from '../../../decoders/schedulers/scheduler.ts';
import type { Scheduler, SchedulerConfig } from '../../../decoders/schedulers/scheduler.ts';
import { createRandom } from '../../../src/runtime/random.ts';

type Stored = { data: string };
type Case = {
  name: string;
  scheduler: string;
  config: Record<string, unknown>;
  steps: number;
  timesteps: Stored;
  initialSigma: number;
  noise: Stored;
  start: Stored;
  image?: Stored;
  strength?: number;
  firstStep?: number;
  eta?: number;
  trace: { timestep: number; scaled: Stored; modelOutput: Stored; next: Stored; varianceNoise?: Stored }[];
};

const fixture: { cases: Case[] } = JSON.parse(readFileSync(new URL('../../fixtures/schedulers.json', import.meta.url), 'utf8'));
const creators: Record<string, (config: SchedulerConfig) => Scheduler> = {
  DDIMScheduler: createDdim,
  EulerDiscreteScheduler: createEuler,
  EulerAncestralDiscreteScheduler: createEulerAncestral,
  DPMSolverMultistepScheduler: createDpmSolver,
  PNDMScheduler: createPndm,
  LCMScheduler: createLcm,
  FlowMatchEulerDiscreteScheduler: createFlowMatchEuler,
};

function floats(stored: Stored): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(stored.data, 'base64')).buffer);
}

/** Largest difference, relative to the largest value where that exceeds 1. */
function difference(got: Float32Array, stored: Stored): number {
  const expected = floats(stored);
  expect(got.length).toBe(expected.length);
  const largest = Math.max(1, ...expected.map(Math.abs));
  return Math.max(...got.map((value, i) => Math.abs(value - expected[i]!))) / largest;
}

function camelCase(config: Record<string, unknown>): SchedulerConfig {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), value]));
}

const silence = (): Float32Array => new Float32Array(32);

describe('against diffusers', () => {
  test.each(fixture.cases)('$name', (each) => {
    const run = creators[each.scheduler]!({ ...camelCase(each.config), eta: each.eta ?? 0 }).start({ steps: each.steps });
    expect(difference(run.timesteps, each.timesteps)).toBeLessThan(1e-6);
    expect(run.initialSigma / each.initialSigma).toBeCloseTo(1, 5);
    const first = each.strength === undefined ? 0 : firstStep(each.steps, each.strength);
    expect(first).toBe(each.firstStep ?? 0);
    const noise = floats(each.noise);
    let x_t = each.image === undefined ? noise.map((value) => value * run.initialSigma) : run.addNoise(floats(each.image), noise, first);
    expect(difference(x_t, each.start)).toBeLessThan(1e-5);
    expect(each.trace).toHaveLength(run.timesteps.length - first);
    // The generator that the fixture's noise, image and noise of the steps came from.
    const random = createRandom(7);
    for (let draws = each.image === undefined ? 1 : 2; draws > 0; draws -= 1) random.normal(32);
    // At zero terminal signal the reference takes the difference of two numbers of 4,096 in float32.
    const tolerance = each.initialSigma > 1000 ? 5e-5 : 1e-5;
    each.trace.forEach((entry, i) => {
      const scaled = run.scaleInput(x_t, first + i);
      expect(difference(scaled, entry.scaled)).toBeLessThan(tolerance);
      const output = scaled.map((value, k) => 0.3 * value + 0.1 * Math.sin(k));
      x_t = run.step(output, x_t, first + i, () => (entry.varianceNoise === undefined ? random.normal(32) : floats(entry.varianceNoise))).next;
      expect(difference(x_t, entry.next)).toBeLessThan(tolerance);
    });
  });
});

describe('every scheduler', () => {
  const all = [
    ...schedulersFor('flow').map((name) => ({ name, prediction: 'flow' as const })),
    ...(['epsilon', 'v_prediction', 'sample'] as const).flatMap((prediction) => schedulersFor(prediction).map((name) => ({ name, prediction }))),
  ];
  const x_0 = Float32Array.from({ length: 32 }, (_, i) => Math.cos(i));
  const eps = Float32Array.from({ length: 32 }, (_, i) => Math.sin(7 * i));

  test.each(all)('$name, $prediction: a perfect model leads from noise at any level back to the sample', ({ name, prediction }) => {
    // A run of PNDM that starts late takes its second call at a level too low, as diffusers does.
    for (const start of name === 'pndm' ? [0] : [0, 7]) {
      const run = createScheduler(name, prediction, {}).start({ steps: 12 });
      let x_t = run.addNoise(x_0, eps, start);
      for (let i = start; i < run.timesteps.length; i += 1) {
        const level = run.addNoise(new Float32Array(32), new Float32Array(32).fill(1), i)[0]!;
        const scale = run.addNoise(new Float32Array(32).fill(1), new Float32Array(32), i)[0]!;
        const size = Math.hypot(level, scale);
        const noise = x_t.map((value, k) => (value - scale * x_0[k]!) / level);
        const output = { epsilon: noise, sample: x_0, flow: noise.map((value, k) => value - x_0[k]!), v_prediction: noise.map((value, k) => (scale * value - level * x_0[k]!) / size) }[prediction];
        const stepped = run.step(output, x_t, i, silence);
        expect(Math.max(...stepped.x_0.map((value, k) => Math.abs(value - x_0[k]!)))).toBeLessThan(1e-4);
        x_t = stepped.next;
      }
      // DDIM and PNDM end at the first trained level instead of at none.
      expect(Math.max(...x_t.map((value, k) => Math.abs(value - x_0[k]!)))).toBeLessThan(name === 'ddim' || name === 'pndm' ? 0.05 : 1e-4);
      expect([...run.addNoise(x_0, eps, run.timesteps.length)]).toEqual([...x_0]);
    }
  });

  test.each(all)('$name, $prediction: runs of one scheduler share nothing', ({ name, prediction }) => {
    const scheduler = createScheduler(name, prediction, {});
    const [first, second] = [scheduler.start({ steps: 4 }), scheduler.start({ steps: 4 })];
    const alone = [0, 1, 2].map((index) => createScheduler(name, prediction, {}).start({ steps: 4 }).step(eps, x_0, index, silence));
    const taken = [0, 1, 2].map((index) => first.step(eps, x_0, index, silence));
    expect(second.step(eps, x_0, 0, silence)).toEqual(alone[0]);
    expect(taken[0]).toEqual(alone[0]);
    expect([0, 1, 2].map((index) => scheduler.start({ steps: 4 }).step(eps, x_0, index, silence))).toEqual(alone);
    expect(scheduler.start({ steps: 7 }).timesteps).toHaveLength(name === 'pndm' ? 8 : 7);
  });
});

test('flow steps as Flux spaces them', () => {
  const run = createFlowMatchEuler({ timestepSpacing: 'trailing', shift: 3 }).start({ steps: 4 });
  expect([...run.timesteps].map(Math.round)).toEqual([1000, 900, 750, 500]);
});

test.each([
  [10, 1, 0],
  [10, 0.55, 5],
  [10, 0.01, 9],
  [10, 0, 10],
  [1, 0.3, 0],
])('%i steps at strength %f start at step %i', (steps, strength, expected) => {
  expect(firstStep(steps, strength)).toBe(expected);
});

test('a setting that is not understood is refused by name', () => {
  expect(() => createEuler({ timestepSpacing: 'karras' })).toThrow('scheduler setting timestepSpacing: got "karras", expected leading or linspace or trailing.');
  expect(() => createFlowMatchEuler({ shift: '3' })).toThrow('scheduler setting shift');
  expect(() => createDdim({ clipSample: 1 })).toThrow('scheduler setting clipSample');
  expect(() => createPndm({ skipPrkSteps: false })).toThrow('scheduler setting skipPrkSteps: got false, expected true');
  expect(() => createDpmSolver({ solverOrder: 3 })).toThrow('scheduler setting solverOrder: got 3, expected 1 or 2.');
  expect(() => createLcm({}).start({ steps: 60 })).toThrow('steps: got 60, expected 50 or less');
});
