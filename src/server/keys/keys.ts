// What a key is, wherever it is kept: its text, its name, its scopes, and the hash by which it is known again.
// Keeps nothing.

import { createHash, randomBytes } from 'node:crypto';
import { AnymodalError } from '../../errors.ts';
import type { Scope } from '../contracts.ts';

export const scopes: readonly Scope[] = ['generate', 'read', 'admin'];
/** By it a key is known for what it is, also by those who look for leaked ones. */
export const PREFIX = 'am_';
/** Last use is kept no finer than this. */
export const USE_MS = 60_000;

/** A new key of 256 random bits. Throws `bad_input` for a name or scopes that make none. */
export function newKey(name: string, given: readonly Scope[]): { readonly id: string; readonly key: string; readonly wanted: readonly Scope[] } {
  if (!/^[\w .@-]{1,64}$/.test(name)) throw new AnymodalError('bad_input', 'the name of a key: expected 1 to 64 letters, digits, spaces and . _ - @.');
  const wanted = scopes.filter((scope) => given.includes(scope));
  if (wanted.length === 0) throw new AnymodalError('bad_input', `a key needs a scope, one or more of ${scopes.join(', ')}.`);
  return { id: `key_${randomBytes(8).toString('hex')}`, key: `${PREFIX}${randomBytes(32).toString('base64url')}`, wanted };
}

/** 256 random bits need no slow hash: nobody tries them all. */
export function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
