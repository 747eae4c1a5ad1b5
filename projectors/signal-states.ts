// Takes the states out of a signal and checks their shape.
// Knows no projector.

import type { Source, Tensor } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';

/**
 * Hidden states and input embeddings of a signal, [N, model] each; `signals` null accepts any N from 1.
 * @throws AnymodalError `internal` where the source is no signal, has no states or has other ones.
 */
export function signalStates(projector: string, source: Source, signals: number | null, model: number): { readonly hidden: Tensor; readonly embedded: Tensor } {
  const expected = `[${signals ?? 'N'}, ${model}]`;
  if (source.type !== 'signal') throw new AnymodalError('internal', `${projector} got a ${source.type}; expected a signal.`);
  const { states } = source.signal;
  if (states === null) throw new AnymodalError('internal', `${projector} got a signal without states, as the caption route makes them; expected states ${expected}. Use a text encoder as the output's projector.`);
  for (const [name, { shape }] of Object.entries(states)) {
    const [rows = 0, width] = shape;
    if (shape.length !== 2 || width !== model || rows < 1 || (signals !== null && rows !== signals)) throw new AnymodalError('internal', `${projector} got ${name} [${shape.join(', ')}]; expected ${expected}.`);
  }
  return states;
}
