// What a request says to any latent diffusion decoder, as its graphs take it, and what is written down of it.
// Knows ports and options; nothing of graphs, steps and file formats.

import type { Conditioning, Context, DecodeRequest, Provenance } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import type { DiffusionConfig, DiffusionOptions } from './settings.ts';

/** Tokens of the two branches of guidance and how far apart they are driven. */
export interface Guidance {
  /** [n, d] */
  readonly tokens: Float32Array;
  /** Tokens of the branch that guidance moves away from. */
  readonly nullTokens: Float32Array;
  readonly guidanceScale: number;
}

/** The guidance that a request asks for; `factory` is for the message. Throws `bundle_invalid` for tokens of another size. */
export function guidanceOf(factory: string, config: DiffusionConfig, request: DecodeRequest, options: DiffusionOptions, context: Context): Guidance {
  const { guidanceScale } = options;
  if (request.negative !== null && guidanceScale === 1) context.warn('negative_unused', 'a negative prompt has no effect at a guidance scale of 1.');
  return {
    tokens: tokensOf(factory, config, request.conditioning),
    nullTokens: request.negative === null ? new Float32Array(config.tokens[0] * config.tokens[1]) : tokensOf(factory, config, request.negative),
    guidanceScale,
  };
}

/** Conditioning tokens [n, d], with or without a leading batch axis of 1. */
function tokensOf(factory: string, config: DiffusionConfig, conditioning: Conditioning): Float32Array {
  const [count, width] = config.tokens;
  const tokens = conditioning['tokens'];
  if (tokens?.data.length === count * width && tokens.shape.at(-1) === width) return tokens.data;
  const got = tokens === undefined ? Object.keys(conditioning).join(', ') || 'nothing' : `[${tokens.shape.join(', ')}]`;
  throw new AnymodalError('bundle_invalid', `${factory}: conditioning tokens: got ${got}, expected [${count}, ${width}].`);
}

/** The request's provenance with the settings that determine the medium in the place of its options; null stays null. */
export function provenanceWith(provenance: Provenance | null, options: object, settings: Provenance): Provenance | null {
  if (provenance === null) return null;
  const others = Object.entries(provenance).filter(([key]) => !Object.hasOwn(options, key));
  return { ...Object.fromEntries(others), ...settings };
}
