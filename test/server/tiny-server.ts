// A whole server on the tiny bundle in this process: real queue, stores and routes; tests ask it with or without a port.
// Its folder and engine go when the test has finished.

import { serve } from '@hono/node-server';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type { Engine } from '../../src/contracts.ts';
import { createEngine } from '../../src/engine/engine.ts';
import { mediaTools } from '../../src/cli/media-tools.ts';
import type { Engines, ModelState } from '../../src/queue/contracts.ts';
import { openDataFolder } from '../../src/queue/data-folder.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { AnymodalError } from '../../src/errors.ts';
import { createApp } from '../../src/server/app.ts';
import type { ServerParts, ServerSettings } from '../../src/server/contracts.ts';
import { createConversationStore } from '../../src/server/conversations/store.ts';
import { createKeyStore } from '../../src/server/keys/store.ts';

const bundle = fileURLToPath(new URL('../fixtures/tiny', import.meta.url));
export const factoryModules = ['encoders', 'projectors', 'decoders', 'src/language-model'].map((room) => new URL(`../../${room}/index.ts`, import.meta.url));

export const plainSettings: ServerSettings = {
  strict: false,
  keysRequired: false,
  limits: { bodyBytes: 2 ** 25, parts: 32, pixels: 2 ** 24, seconds: 60, variants: 8, jobsPerKey: 32, requestsPerMinute: 0 },
  deadlineMs: 60_000,
  addressMs: 60_000,
  hosts: [],
  origins: [],
  remoteMedia: { allowed: false, hosts: [], bytes: 2 ** 20, timeoutMs: 1000 },
  publicUrl: null,
  version: '0.0.0-test',
};

export interface TinyServer {
  readonly app: ReturnType<typeof createApp>;
  readonly parts: ServerParts;
  /** Listens on loopback, on a port that is free; fulfilled with the address. */
  listen(): Promise<string>;
  close(): Promise<void>;
}

/** What answers hold, as far as tests look at single fields; each answer has some of them. */
export interface Sent {
  readonly id: string;
  readonly object: string;
  readonly url: string;
  readonly status: string;
  readonly lastId: string;
  readonly seed: number;
  readonly similarity: number;
  readonly b64_json: string;
  readonly title: string | null;
  readonly request: { readonly input: readonly { readonly media: Sent }[]; readonly seed: number };
  readonly outputs: readonly { readonly media: Sent }[];
  readonly data: readonly Sent[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly error: { readonly code: string; readonly param: string | null; readonly message: string };
}

/** The JSON of an answer. */
export async function sent(response: Response | Promise<Response>): Promise<Sent> {
  const body: unknown = await (await response).json();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong shows in the test
  return body as Sent;
}

/** Opens an engine for tests to share; the caller closes it. */
export async function openTinyEngine(path = bundle): Promise<Engine> {
  return createEngine({ bundle: path, device: 'cpu', factoryModules });
}

/** Engines that are one engine. */
export function oneEngine(engine: Engine, id = 'tiny', aliases: readonly string[] = ['small']): Engines {
  const model: ModelState = { id, aliases, state: 'ready', title: 'tiny', licence: 'Apache-2.0', inputs: ['text', 'image', 'audio', 'video'], outputs: ['text', 'image', 'audio', 'speech', 'video'], bytes: 1, error: null };
  return {
    models: () => [model],
    resolve(name) {
      if (name === null || name === id || aliases.includes(name)) return id;
      throw new AnymodalError('unknown_model', `model: there is no "${name}"; there is ${id}`, { field: 'model' });
    },
    describe: async () => engine.describe(),
    lease: async () => ({ engine, release: () => undefined }),
    close: async () => undefined,
  };
}

/** Starts a server around an engine that the caller closes. */
export async function startTinyServer(engine: Engine, settings: Partial<ServerSettings> = {}): Promise<TinyServer> {
  const path = await mkdtemp(join(tmpdir(), 'anymodal-server-'));
  const folder = await openDataFolder(path);
  const engines = oneEngine(engine);
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines });
  const parts: ServerParts = {
    queue,
    engines,
    media: folder.media,
    conversations: createConversationStore(folder.database),
    keys: createKeyStore(folder.database),
    tools: mediaTools,
    settings: { ...plainSettings, ...settings },
    logger: pino({ enabled: false }),
    secret: folder.secret,
    pageFolder: null,
  };
  const app = createApp(parts);
  let server: ReturnType<typeof serve> | null = null;
  return {
    app,
    parts,
    async listen() {
      const { promise, resolve } = Promise.withResolvers<string>();
      server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(`http://127.0.0.1:${port}`));
      return promise;
    },
    async close() {
      await queue.close();
      const listening = server;
      if (listening !== null) {
        const { promise, resolve } = Promise.withResolvers<void>();
        listening.close(() => resolve());
        if ('closeAllConnections' in listening) listening.closeAllConnections();
        await promise;
      }
      await folder.close();
      await rm(path, { recursive: true, force: true });
    },
  };
}
