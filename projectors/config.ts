// Turns the faults of a projector's config into an error.
// Knows no particular projector.

import { AnymodalError } from '../src/errors.ts';
import type { Checked } from '../src/schema.ts';

/** The config with defaults filled in. Throws `bundle_invalid` with every fault. */
export function requireConfig<T>(factory: string, checked: Checked<T>): T {
  if (checked.value !== null) return checked.value;
  throw new AnymodalError('bundle_invalid', `${factory}: ${checked.faults.join('; ')}`);
}
