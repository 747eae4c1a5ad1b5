// What a bundle can use of smells. One line a factory.

import type { AnyFactory } from '../../../src/contracts.ts';
import { smellDecoder } from './decoder.ts';
import { smellEncoder } from './encoder.ts';

export const factories: readonly AnyFactory[] = [smellEncoder, smellDecoder];
