// How much work a job is, before it runs, and how long such work took so far.
// Goes by the modalities and numeric options that an engine describes; knows no decoder.

import type { EngineDescription, JobRequest } from '../contracts.ts';

/** Work of one medium with its decoder's own options, in units of a short reply in text; a new modality counts as the default. */
const weights: Readonly<Record<string, number>> = { text: 1, image: 2, audio: 3, video: 16 };
const DEFAULT_WEIGHT = 4;

/** Options whose value is proportional to the work, and what is usual where a schema gives no number. */
const proportional: readonly { readonly option: string; readonly usual: number | null }[] = [
  { option: 'steps', usual: null },
  { option: 'frames', usual: null },
  { option: 'seconds', usual: 4 },
];

/** Weight from which a job is long: a video, six pictures, sounds of four times the usual length. */
export const LONG_WEIGHT = 12;

/** Work of a job. Outputs that the language model may choose are not counted. */
export function weightOf(request: Pick<JobRequest, 'outputs' | 'count' | 'options'>, description: EngineDescription): number {
  const outputs = request.outputs ?? ['text'];
  return request.count * outputs.reduce((sum, name) => sum + weightOfOutput(name, request.options[name] ?? {}, description), 0);
}

function weightOfOutput(name: string, given: Readonly<Record<string, unknown>>, description: EngineDescription): number {
  const output = description.outputs.find((candidate) => candidate.name === name);
  const usual = weights[output?.modality ?? name] ?? DEFAULT_WEIGHT;
  const properties: unknown = output?.options['properties'];
  return proportional.reduce((weight, { option, usual: otherwise }) => {
    const value = given[option];
    const standard = defaultOf(properties, option) ?? otherwise;
    return typeof value === 'number' && standard !== null ? (weight * value) / standard : weight;
  }, usual);
}

function defaultOf(properties: unknown, option: string): number | null {
  const schema: unknown = isRecord(properties) ? properties[option] : null;
  const value: unknown = isRecord(schema) ? schema['default'] : null;
  return typeof value === 'number' && value > 0 ? value : null;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Share of the latest job in the mean. */
const LATEST = 0.2;
/** Before anything was measured. */
const FIRST_MS_PER_WEIGHT = 1000;
const SHORTEST_RETRY_MS = 1000;
/** OpenAI's clients take no notice of a longer one. */
const LONGEST_RETRY_MS = 60_000;

/** Time that work takes, as it was measured. */
export class Rates {
  #msPerWeight: number | null = null;

  add(weight: number, milliseconds: number): void {
    const latest = milliseconds / Math.max(weight, 1);
    this.#msPerWeight = this.#msPerWeight === null ? latest : this.#msPerWeight + LATEST * (latest - this.#msPerWeight);
  }

  /** Milliseconds until one of the jobs under way will have ended, of the weights given. */
  retryAfterMs(running: readonly number[]): number {
    const lightest = running.length === 0 ? 1 : Math.min(...running);
    const each = this.#msPerWeight ?? FIRST_MS_PER_WEIGHT;
    return Math.round(Math.min(Math.max((each * lightest) / Math.max(running.length, 1), SHORTEST_RETRY_MS), LONGEST_RETRY_MS));
  }
}
