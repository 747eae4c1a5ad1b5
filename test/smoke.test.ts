import { expect, test } from 'vitest';
import { AnymodalError, isCallerFault } from '../src/errors.ts';

test('an error keeps its code', () => {
  const error = new AnymodalError('bad_option', 'steps: got 0, expected 1 or more');
  expect(error.code).toBe('bad_option');
  expect(isCallerFault(error.code)).toBe(true);
});
