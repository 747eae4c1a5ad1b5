// The language models that a bundle can name.

import type { AnyFactory } from '../contracts.ts';
import { causalLanguageModel } from './causal-lm.ts';
import { transformersLanguageModel } from './transformers-lm.ts';

export const factories: readonly AnyFactory[] = [causalLanguageModel, transformersLanguageModel];
