// What every component that a server elsewhere does the work of has in its config: where, with which key, how much at once, how long.
// Knows no route and no protocol.

import type { ComponentSource, JsonSchema } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { requireConfig, type Checked } from '../../src/schema.ts';

export interface ServerConfig {
  /** Address of the server, http or https; a path in it comes before those of the routes. */
  readonly url: string;
  /** Name of the environment variable that holds the key; null sends none. */
  readonly keyVariable: string | null;
  /** Requests of this component under way at a time; others wait. */
  readonly concurrency: number;
  /** Milliseconds from a request to the last byte of its answer. */
  readonly timeoutMs: number;
  /** Times that a request which the server did not take is sent again. */
  readonly retries: number;
}

const properties: Readonly<Record<string, JsonSchema>> = {
  url: { type: 'string', pattern: '^https?://[^\\s@?#]+$', description: 'Address of the server; no name, password or query in it.' },
  keyVariable: { type: ['string', 'null'], pattern: '^[A-Z][A-Z0-9_]*$', default: null, description: 'Environment variable that holds the key; never the key itself.' },
  concurrency: { type: 'integer', minimum: 1, maximum: 1024, default: 1, description: 'Requests under way at a time; others wait.' },
  timeoutMs: { type: 'integer', minimum: 1, maximum: 86_400_000, default: 600_000, description: 'Most milliseconds of a request, its answer included.' },
  retries: { type: 'integer', minimum: 0, maximum: 10, default: 2, description: 'Times that a request which the server did not take is sent again.' },
};

/** The schema of a config: what every server has, and `more`, of which `required` has no default. */
export function serverSchema(more: Readonly<Record<string, JsonSchema>>, required: readonly string[] = []): JsonSchema {
  return { type: 'object', additionalProperties: false, required: ['url', ...required], properties: { ...properties, ...more } };
}

/** A config that was checked against its schema. Throws `bundle_invalid`. */
export function requireServer<T extends ServerConfig>(factory: string, checked: Checked<T>): T {
  const read = requireConfig(factory, checked);
  if (!URL.canParse(read.url)) throw new AnymodalError('bundle_invalid', `${factory}: config.url: got ${JSON.stringify(read.url)}, expected an address such as http://127.0.0.1:8080`);
  return read;
}

/** The key of a component; null where it needs none. Throws `access_denied` where the variable is not set. */
export function readKey(source: Pick<ComponentSource, 'name'>, { keyVariable, url }: Pick<ServerConfig, 'keyVariable' | 'url'>): string | null {
  if (keyVariable === null) return null;
  const key = process.env[keyVariable] ?? '';
  if (key === '') throw new AnymodalError('access_denied', `${source.name}: the environment variable ${keyVariable} is not set; put the key of ${new URL(url).origin} into it.`);
  // A header with a line break in it could say anything.
  if (!/^[\u0021-\u007e]+$/.test(key)) throw new AnymodalError('access_denied', `${source.name}: the environment variable ${keyVariable} holds blanks or characters that no key has.`);
  return key;
}
