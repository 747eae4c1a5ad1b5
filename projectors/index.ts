// The projectors that a bundle can use, into the language model and out of it. One line a factory.

import type { AnyFactory } from '../src/contracts.ts';
import { featureRegression } from './feature-regression.ts';
import { jointFeature } from './joint-feature.ts';
import { jointToken } from './joint-token.ts';
import { linear, mlp } from './linear.ts';
import { nextGptTransformer } from './nextgpt-transformer.ts';
import { textCharacters } from './text-characters.ts';

export const factories: readonly AnyFactory[] = [
  linear,
  mlp,
  nextGptTransformer,
  featureRegression,
  jointToken,
  jointFeature,
  textCharacters,
];
