// A server whose engine makes nothing, for tests of what every request passes.
// Knows no job.

import { onTestFinished } from 'vitest';
import type { Engine } from '../../../src/contracts.ts';
import type { ServerSettings } from '../../../src/server/contracts.ts';
import { startTinyServer, type TinyServer } from '../tiny-server.ts';

const nothing: Engine = {
  describe: async () => ({ bundle: 'tiny', version: '1', licence: 'Apache-2.0', device: 'cpu', deviceNote: null, inputs: [], outputs: [], text: null }),
  check: async () => undefined,
  async *run() {},
  async *embed() {},
  close: async () => undefined,
};

/** A server that the test's end closes. */
export async function startServer(settings: Partial<ServerSettings> = {}): Promise<TinyServer> {
  const server = await startTinyServer(nothing, settings);
  onTestFinished(async () => server.close());
  return server;
}

/** Settings with other limits. */
export function limits(change: Partial<ServerSettings['limits']>): Pick<ServerSettings, 'limits'> {
  return { limits: { bodyBytes: 2 ** 20, parts: 32, pixels: 2 ** 24, seconds: 60, variants: 8, jobsPerKey: 32, requestsPerMinute: 0, ...change } };
}
