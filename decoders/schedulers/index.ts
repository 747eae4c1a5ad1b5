// The schedulers by name, each with the predictions that it can follow. One line a scheduler.

import { createDdim } from './ddim.ts';
import { createDpmSolver } from './dpm-solver.ts';
import { createEulerAncestral } from './euler-ancestral.ts';
import { createEuler } from './euler.ts';
import { createFlowMatchEuler } from './flow-match-euler.ts';
import { createLcm } from './lcm.ts';
import { createPndm } from './pndm.ts';
import type { Prediction, Scheduler, SchedulerConfig } from './scheduler.ts';

type Entry = { readonly create: (config: SchedulerConfig) => Scheduler; readonly predictions: readonly Prediction[] };

const schedulers: Readonly<Record<string, Entry>> = {
  'flow-match-euler': { create: createFlowMatchEuler, predictions: ['flow'] },
  ddim: { create: createDdim, predictions: ['epsilon', 'v_prediction', 'sample'] },
  euler: { create: createEuler, predictions: ['epsilon', 'v_prediction', 'sample'] },
  'euler-ancestral': { create: createEulerAncestral, predictions: ['epsilon', 'v_prediction', 'sample'] },
  'dpm-solver': { create: createDpmSolver, predictions: ['epsilon', 'v_prediction', 'sample'] },
  pndm: { create: createPndm, predictions: ['epsilon', 'v_prediction'] },
  lcm: { create: createLcm, predictions: ['epsilon', 'v_prediction', 'sample'] },
};

/** Names of the schedulers that fit a model's prediction; the first is the default. */
export function schedulersFor(prediction: Prediction): string[] {
  return Object.keys(schedulers).filter((name) => schedulers[name]!.predictions.includes(prediction));
}

/** A scheduler by its name, for a model of this prediction. Throws `bundle_invalid` for a setting that it cannot use. */
export function createScheduler(name: string, prediction: Prediction, config: SchedulerConfig): Scheduler {
  return schedulers[name]!.create({ ...config, predictionType: prediction });
}
