// The factory `clip-prompt`: a prompt to the conditioning of a Stable Diffusion decoder, by one or two text towers.
// A decoder's own text encoder, with weighted words and prompts of any length; knows no decoder.
// Source: Radford et al. 2021 (arXiv 2103.00020); two towers: Podell et al. 2023 (arXiv 2307.01952).

import type { Conditioning, Factory, JsonSchema, OutputProjector } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { openClipTower } from './clip-tower.ts';
import type { ClipTower, TowerConfig, TowerReading } from './clip-tower.ts';
import { weightedFragments } from './prompt-weights.ts';

interface ClipPromptConfig {
  /** Their hidden states stand side by side; the pooled vector is the last one's that has one. */
  readonly towers: readonly TowerConfig[];
  /** Whether brackets weigh words; where not, they are read like any sign. */
  readonly weights: boolean;
  /** Whether no prompt is all zeros instead of the states of an empty text. */
  readonly emptyIsZero: boolean;
}

const count = { type: 'integer', minimum: 1 };
const token = { type: 'string', minLength: 1 };
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['towers'],
  properties: {
    towers: {
      type: 'array',
      minItems: 1,
      maxItems: 2,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['width'],
        properties: {
          width: { ...count, description: 'Width of the hidden states.' },
          states: { type: 'string', minLength: 1, default: 'last_hidden_state', description: 'Output with the hidden states.' },
          pooled: {
            type: ['object', 'null'],
            default: null,
            additionalProperties: false,
            required: ['output', 'width'],
            properties: { output: { type: 'string', minLength: 1 }, width: count },
            description: 'Output with one vector a text.',
          },
          length: { type: 'integer', minimum: 3, default: 77, description: 'Tokens in a row, begin and end included.' },
          begin: { ...token, default: '<|startoftext|>' },
          end: { ...token, default: '<|endoftext|>' },
          pad: { ...token, default: '<|endoftext|>', description: 'Token that fills a row; OpenCLIP has !' },
        },
      },
    },
    weights: { type: 'boolean', default: true, description: 'Whether (word), (word:1.3) and [word] weigh words.' },
    emptyIsZero: { type: 'boolean', default: false, description: 'Whether no prompt is all zeros.' },
  },
};

/** Files: `model`, `vocabulary`, `merges`; of a second tower `model2`, `vocabulary2`, `merges2`. */
export const clipPrompt: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'clip-prompt',
  config,
  ports(given) {
    const { towers } = readConfig(given);
    const pooled = towers.findLast((tower) => tower.pooled !== null)?.pooled ?? null;
    const tokens = [null, towers.reduce((sum, { width }) => sum + width, 0)];
    return { in: {}, out: { tokens, emptyTokens: tokens, ...(pooled !== null && { pooled: [pooled.width], emptyPooled: [pooled.width] }) } };
  },
  async open(source) {
    const read = readConfig(source.config);
    const towers: ClipTower[] = [];
    try {
      for (const [index, tower] of read.towers.entries()) towers.push(await openClipTower(source, tower, index === 0 ? '' : String(index + 1)));
    } catch (error) {
      await Promise.all(towers.map(async (tower) => tower.dispose()));
      throw error;
    }
    return createClipPrompt(read, towers);
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ClipPromptConfig {
  return requireConfig('clip-prompt', checkSchema<ClipPromptConfig>(config, given, 'config'));
}

interface Reading {
  /** [rows * length, width of all towers] */
  readonly tokens: Float32Array;
  readonly rows: number;
  readonly pooled: Float32Array | null;
}

/**
 * `tokens` [rows * 77, width] and, where a tower has one, `pooled`; `emptyTokens` [77, width] and `emptyPooled` are those of no prompt, for
 * the unconditional branch of guidance. Owns the towers.
 */
function createClipPrompt({ towers: configs, weights, emptyIsZero }: ClipPromptConfig, towers: readonly ClipTower[]): OutputProjector {
  const width = configs.reduce((sum, tower) => sum + tower.width, 0);
  const read = async (text: string): Promise<Reading> => {
    const fragments = weights ? weightedFragments(text) : [{ text, weight: 1 }];
    const readings: TowerReading[] = [];
    for (const tower of towers) readings.push(await tower.read(fragments));
    return { tokens: sideBySide(readings, configs, width), rows: Math.max(...readings.map((reading) => reading.rows)), pooled: readings.findLast((reading) => reading.pooled !== null)?.pooled ?? null };
  };
  let emptyReading: Promise<Reading> | null = null;
  const empty = async (): Promise<Reading> => {
    const { tokens, rows, pooled } = await (emptyReading ??= read(''));
    return emptyIsZero ? { rows, tokens: new Float32Array(tokens.length), pooled: pooled === null ? null : new Float32Array(pooled.length) } : { rows, tokens, pooled };
  };
  return {
    accepts: 'prompt',
    async project(source, context): Promise<Conditioning> {
      if (source.type !== 'prompt') throw new AnymodalError('internal', `clip-prompt got a ${source.type}; expected a prompt.`);
      context.signal.throwIfAborted();
      const { tokens, rows, pooled } = await read(source.text);
      const none = await empty();
      const length = configs[0]!.length;
      return {
        tokens: { shape: [rows * length, width], data: tokens },
        emptyTokens: { shape: [length, width], data: none.tokens },
        ...(pooled !== null && none.pooled !== null && { pooled: { shape: [pooled.length], data: pooled }, emptyPooled: { shape: [pooled.length], data: none.pooled } }),
      };
    },
    async dispose() {
      await Promise.all(towers.map(async (tower) => tower.dispose()));
    },
  };
}

/** Hidden states of the towers joined along their width; a tower with fewer rows than another repeats its last. */
function sideBySide(readings: readonly TowerReading[], configs: readonly TowerConfig[], width: number): Float32Array {
  const [only] = readings;
  if (readings.length === 1 && only !== undefined) return only.states;
  const length = configs[0]!.length;
  const rows = Math.max(...readings.map((reading) => reading.rows));
  const out = new Float32Array(rows * length * width);
  let column = 0;
  for (const [index, { states, rows: own }] of readings.entries()) {
    const part = configs[index]!.width;
    for (let at = 0; at < rows * length; at += 1) {
      const from = Math.min(Math.floor(at / length), own - 1) * length + (at % length);
      out.set(states.subarray(from * part, (from + 1) * part), at * width + column);
    }
    column += part;
  }
  return out;
}
