// What a request says to the UNet: the branches of classifier-free guidance, each with its own tokens, pooled vector and picture.
// Knows ports of conditioning and how outputs are combined; nothing of graphs and steps.

import type { Conditioning, Context, DecodeRequest } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';
import { guide } from '../../diffusion/denoise.ts';
import type { StableDiffusionConfig, StableDiffusionOptions } from './settings.ts';

/** What one branch is told. */
export interface Branch {
  /** [rows, tokenWidth] */
  readonly tokens: Float32Array;
  /** [pooledWidth]; null without one. */
  readonly pooled: Float32Array | null;
  /** [2 * featureWidth]: class labels; null without them. */
  readonly labels: Float32Array | null;
  /** Whether it is shown the picture, where the UNet has a place for one. */
  readonly shown: boolean;
}

export interface Branches {
  readonly rows: number;
  readonly all: readonly Branch[];
  /** The outputs of all branches, one after another, as one. */
  combine(outputs: Float32Array): Float32Array;
}

/** What decides of the branches. */
export type BranchesConfig = Pick<StableDiffusionConfig, 'task' | 'tokenWidth' | 'pooledWidth' | 'imageGuidanceScale'>;

/** The branches that a request asks for. `none` is the tokens of no prompt from the bundle, `labels` what
 * an unCLIP model is told. Throws `bundle_invalid` for conditioning of another width. */
export function branchesOf(config: BranchesConfig, request: Pick<DecodeRequest, 'conditioning' | 'negative'>, options: Pick<StableDiffusionOptions, 'guidanceScale' | 'imageGuidanceScale'>, none: Float32Array | null, labels: Float32Array | null, context: Context): Branches {
  const { conditioning, negative } = request;
  const { guidanceScale } = options;
  const imageGuidanceScale = config.task === 'instruct' ? (options.imageGuidanceScale ?? config.imageGuidanceScale) : 1;
  const guided = guidanceScale > 1 && imageGuidanceScale >= 1;
  if (negative !== null && !guided) context.warn('negative_unused', 'a negative prompt has no effect at a guidance scale of 1 or less.');
  const empty = optional(conditioning, 'emptyTokens', config.tokenWidth) ?? none;
  // A feature alone goes with no prompt.
  const tokens = labels !== null && conditioning['tokens'] === undefined && empty !== null ? empty : required(conditioning, 'tokens', config.tokenWidth);
  const away = negative === null ? (empty ?? new Float32Array(tokens.length)) : required(negative, 'tokens', config.tokenWidth);
  const rows = (guided ? Math.max(tokens.length, away.length) : tokens.length) / config.tokenWidth;
  const pooledOf = (from: Conditioning, port: string): Float32Array | null => (config.pooledWidth === null ? null : (optional(from, port, config.pooledWidth) ?? new Float32Array(config.pooledWidth)));

  const prompted: Branch = { tokens: padded(tokens, rows * config.tokenWidth, empty), pooled: pooledOf(conditioning, 'pooled'), labels, shown: true };
  if (!guided) return { rows, all: [prompted], combine: (output) => output };
  const pooled = negative === null ? pooledOf(conditioning, 'emptyPooled') : pooledOf(negative, 'pooled');
  const unprompted: Branch = { tokens: padded(away, rows * config.tokenWidth, empty), pooled, labels: labels === null ? null : new Float32Array(labels.length), shown: true };
  if (config.task !== 'instruct') return { rows, all: [prompted, unprompted], combine: (outputs) => guide(outputs, guidanceScale) };
  return { rows, all: [prompted, unprompted, { ...unprompted, shown: false }], combine: (outputs) => guideTwice(outputs, guidanceScale, imageGuidanceScale) };
}

/** Guidance by text and picture: Brooks et al. 2023 (arXiv 2211.09800), equation 3. Outputs: both, the picture alone, none. */
function guideTwice(outputs: Float32Array, textScale: number, imageScale: number): Float32Array {
  const length = outputs.length / 3;
  return Float32Array.from({ length }, (_, i) => {
    const [both, picture, neither] = [outputs[i]!, outputs[length + i]!, outputs[2 * length + i]!];
    return neither + textScale * (both - picture) + imageScale * (picture - neither);
  });
}

/** Tokens brought to `length` by rows of no prompt, or of zeros where those are not known. */
function padded(tokens: Float32Array, length: number, empty: Float32Array | null): Float32Array {
  if (tokens.length === length) return tokens;
  const out = new Float32Array(length);
  out.set(tokens);
  if (empty === null) return out;
  for (let at = tokens.length; at + empty.length <= length; at += empty.length) out.set(empty, at);
  return out;
}

function optional(conditioning: Conditioning, port: string, width: number): Float32Array | null {
  const tensor = conditioning[port];
  if (tensor === undefined) return null;
  if (tensor.shape.at(-1) === width && tensor.data.length > 0) return tensor.data;
  throw new AnymodalError('bundle_invalid', `conditioning ${port}: got [${tensor.shape.join(', ')}], expected rows of ${width}.`);
}

function required(conditioning: Conditioning, port: string, width: number): Float32Array {
  const data = optional(conditioning, port, width);
  if (data !== null) return data;
  throw new AnymodalError('bundle_invalid', `conditioning ${port}: got ${Object.keys(conditioning).join(', ') || 'nothing'}, expected rows of ${width}.`);
}
