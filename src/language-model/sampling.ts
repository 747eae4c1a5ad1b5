// Chooses the next token from logits: greedy, or drawn with temperature, top-k, top-p and min-p.
// Knows no token's meaning; what may not come has the logit -Infinity.

import type { Random, SamplingOptions } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';

type Settings = Pick<Required<SamplingOptions>, 'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty'>;

export class Sampler {
  readonly #settings: Settings;
  readonly #random: Random;
  readonly #used = new Set<number>();

  /** Owns its draws of `random`: one uniform a token, none where the temperature is 0. */
  constructor(settings: Settings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }

  /** Counts a token as used in this reply, for the repetition penalty. */
  use(id: number): void {
    this.#used.add(id);
  }

  /** The next token of `logits` [V], which it changes. Throws `internal` where no token has a finite logit. */
  next(logits: Float32Array): number {
    const { temperature, repetitionPenalty } = this.#settings;
    if (repetitionPenalty !== 1) penalise(logits, this.#used, repetitionPenalty);
    const best = mostLikely(logits);
    if (temperature === 0) return best;
    const probabilities = softmax(logits, logits[best]!, temperature);
    return draw(probabilities, this.#settings, this.#random.uniform(1)[0]!);
  }
}

/** Keskar et al. 2019, arXiv 1909.05858, section 4.1: positive logits divided, negative ones multiplied. */
function penalise(logits: Float32Array, used: Iterable<number>, penalty: number): void {
  for (const id of used) {
    const logit = logits[id]!;
    logits[id] = logit > 0 ? logit / penalty : logit * penalty;
  }
}

/** Index of the largest logit, the lowest where several are equal. */
function mostLikely(logits: Float32Array): number {
  let best = -1;
  let most = -Infinity;
  for (let id = 0; id < logits.length; id += 1) {
    if (logits[id]! > most) {
      most = logits[id]!;
      best = id;
    }
  }
  if (best < 0 || most === Infinity) throw new AnymodalError('internal', `language model: no token can be chosen, the largest of ${logits.length} logits is ${most}. The weights or a cached state are damaged.`);
  return best;
}

/** Probabilities relative to the most likely token, which has 1. */
function softmax(logits: Float32Array, largest: number, temperature: number): Float64Array {
  const relative = new Float64Array(logits.length);
  for (let id = 0; id < logits.length; id += 1) relative[id] = Math.exp((logits[id]! - largest) / temperature);
  return relative;
}

/** Filters in this order: top-k, top-p of what is left (Holtzman et al. 2020, arXiv 1904.09751), min-p (arXiv 2407.01082). */
function draw(relative: Float64Array, { topK, topP, minP }: Settings, uniform: number): number {
  if (topK === 0 && topP >= 1 && minP === 0) return pick(relative.keys(), relative, uniform * sum(relative));
  const limit = topK === 0 ? Infinity : topK;
  let candidates: number[];
  if (topK > 0) {
    candidates = largestFirst(relative, (ids) => ids.length >= limit).slice(0, limit);
    const nucleus = topP * candidates.reduce((total, id) => total + relative[id]!, 0);
    candidates = candidates.slice(0, lengthOfShare(candidates, relative, nucleus));
  } else if (topP < 1) {
    const nucleus = topP * sum(relative);
    candidates = largestFirst(relative, (_, mass) => mass >= nucleus);
    candidates = candidates.slice(0, lengthOfShare(candidates, relative, nucleus));
  } else {
    candidates = [];
    for (let id = 0; id < relative.length; id += 1) if (relative[id]! >= minP) candidates.push(id);
  }
  const likely = candidates.filter((id) => relative[id]! >= minP);
  return pick(likely, relative, uniform * likely.reduce((total, id) => total + relative[id]!, 0));
}

/**
 * The most likely tokens in falling order, at least as many as `enough` asks for; the whole vocabulary is sorted
 * only where that is what it takes. Equal ones are in the order of their ids.
 */
function largestFirst(relative: Float64Array, enough: (ids: readonly number[], mass: number) => boolean): number[] {
  for (let least = 0.03; ; least = least < 1e-12 ? 0 : least / 5) {
    const ids: number[] = [];
    let mass = 0;
    for (let id = 0; id < relative.length; id += 1) {
      if (relative[id]! < least || relative[id] === 0) continue;
      ids.push(id);
      mass += relative[id]!;
    }
    if (least === 0 || enough(ids, mass)) return ids.toSorted((a, b) => relative[b]! - relative[a]! || a - b);
  }
}

/** How many of the first `ids` hold `mass` together; at least one. */
function lengthOfShare(ids: readonly number[], relative: Float64Array, mass: number): number {
  let held = 0;
  for (let i = 0; i < ids.length; i += 1) {
    held += relative[ids[i]!]!;
    if (held >= mass) return i + 1;
  }
  return ids.length;
}

/** The token at which the running sum passes `point`; tokens of no probability are never picked. */
function pick(ids: Iterable<number>, relative: Float64Array, point: number): number {
  let held = 0;
  let last = 0;
  for (const id of ids) {
    if (relative[id] === 0) continue;
    held += relative[id]!;
    last = id;
    if (held > point) return id;
  }
  return last;
}

function sum(values: Float64Array): number {
  let total = 0;
  for (let i = 0; i < values.length; i += 1) total += values[i]!;
  return total;
}
