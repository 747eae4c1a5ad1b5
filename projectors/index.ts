// The projectors that a bundle can use, into the language model and out of it. One line a factory.

import type { AnyFactory } from '../src/contracts.ts';
import { featureRegression } from './feature-regression.ts';
import { identity } from './identity.ts';
import { instructedQFormer } from './instructed-q-former.ts';
import { jointFeature } from './joint-feature.ts';
import { jointToken } from './joint-token.ts';
import { linear, mlp } from './linear.ts';
import { nextGptTransformer } from './nextgpt-transformer.ts';
import { perceiverResampler, pixelShuffle, qFormer } from './resampler.ts';
import { textCharacters } from './text-characters.ts';

export const factories: readonly AnyFactory[] = [
  identity,
  linear,
  mlp,
  qFormer,
  instructedQFormer,
  perceiverResampler,
  pixelShuffle,
  nextGptTransformer,
  featureRegression,
  jointToken,
  jointFeature,
  textCharacters,
];
