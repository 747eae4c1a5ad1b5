// The way to one Redis: connections, the names of keys, scripts that run whole or not at all, and what Redis says in our words.
// Knows no job and no medium.

import { createHash, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { AnymodalError, isErrorCode } from '../../errors.ts';

/** Everything under one hash tag, so that a cluster keeps it in one place and a script may touch all of it. */
const PREFIX = '{anymodal}';
/** How long a command waits for a Redis that is away before it is given up, unless one is told otherwise. */
const PATIENCE_MS = 30_000;
const LONGEST_PAUSE_MS = 500;

/** A script in Lua; its first key is the prefix of all others, by which it names them. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

/** What a script answers, and what it is given. */
export type Reply = string | number | null | readonly Reply[];
export type Argument = string | number | Uint8Array;

/** `lua` may name its first key `p`, and fail by `fail(code, message)` with one of our codes. */
export function script(lua: string): Script {
  const whole = `local p = KEYS[1]\nlocal function fail(code, message) return redis.error_reply('ANYMODAL ' .. code .. ' ' .. message) end\n${lua}`;
  return { lua: whole, sha: createHash('sha1').update(whole).digest('hex') };
}

export interface LinkOptions {
  /** `redis://[:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Told when the connection is lost and when it is back. */
  readonly changed?: (state: 'lost' | 'back') => void;
}

/** One process at one Redis. Who opens it closes it. */
export class RedisLink {
  /** For commands that answer at once. */
  readonly client: Redis;
  readonly prefix: string;
  /** Unguessable, of this process alone. */
  readonly id = randomUUID();
  readonly #url: string;
  readonly #opened = new Set<Redis>();
  /** Milliseconds that a command waits for a Redis that is away. */
  patienceMs = PATIENCE_MS;
  /** Since when it is connected; null where it is not. */
  #upSince: number | null = null;

  constructor({ url, changed }: LinkOptions) {
    this.#url = url;
    const database = /^\/(\d+)/.exec(new URL(url).pathname)?.[1] ?? '0';
    // Channels are shared by the databases of a Redis, keys are not.
    this.prefix = database === '0' ? PREFIX : `{anymodal-${database}}`;
    this.client = this.open();
    this.client.on('ready', () => {
      if (this.#upSince === null) changed?.('back');
      this.#upSince = performance.now();
    });
    this.client.on('close', () => {
      if (this.#upSince !== null) changed?.('lost');
      this.#upSince = null;
    });
  }

  /** Whether commands are answered at the moment. */
  get isUp(): boolean {
    return this.#upSince !== null;
  }

  /** Milliseconds for which they have been. */
  get upMs(): number {
    return this.#upSince === null ? 0 : performance.now() - this.#upSince;
  }

  key(...parts: readonly string[]): string {
    return [this.prefix, ...parts].join(':');
  }

  /** Another connection, such as for what blocks or listens; closed with the link. */
  open(): Redis {
    const client = new Redis(this.#url, {
      // A command waits for a Redis that comes back; those who cannot wait have a limit of their own (`within`).
      maxRetriesPerRequest: null,
      enableReadyCheck: true,
      retryStrategy: (times) => Math.min(20 * 2 ** Math.min(times, 6), LONGEST_PAUSE_MS),
      reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    });
    // What is lost is told by `close`; without a listener it would end the process.
    client.on('error', () => undefined);
    this.#opened.add(client);
    return client;
  }

  /** Runs a script; throws what it fails with, `unavailable`, and `disk_full` where Redis has no room. */
  async run({ lua, sha }: Script, ...given: readonly Argument[]): Promise<Reply> {
    const values = given.map((value) => (value instanceof Uint8Array ? Buffer.from(value) : value));
    return this.within(async () => {
      try {
        return reply(await this.client.evalsha(sha, 1, this.prefix, ...values));
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return reply(await this.client.eval(lua, 1, this.prefix, ...values));
      }
    });
  }

  /** What `work` answers; throws `unavailable` where Redis is away for long, and what it says in our words. */
  async within<T>(work: () => Promise<T>): Promise<T> {
    const over = Promise.withResolvers<never>();
    const timer = setTimeout(() => over.reject(new AnymodalError('unavailable', 'Redis: it does not answer; see that it runs and can be reached', { retryAfterMs: 5000 })), this.patienceMs);
    try {
      return await Promise.race([work(), over.promise]);
    } catch (error) {
      throw translated(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Asks it once whether it answers. Throws `unavailable` at once where there is no connection. */
  async ping(): Promise<void> {
    if (!this.isUp) throw new AnymodalError('unavailable', 'Redis: the connection is lost', { retryAfterMs: 5000 });
    await this.within(async () => this.client.ping());
  }

  /** What Redis keeps over its own end, in a sentence each where that is less than it should be. Throws `unavailable`, and `unauthorized` for a wrong password. */
  async check(): Promise<readonly string[]> {
    const text = await this.within(async () => this.client.info());
    const value = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
    const warnings: string[] = [];
    const major = Number(value('redis_version').split('.')[0]);
    if (major < 7) warnings.push(`Redis ${value('redis_version')}: what is tested is 7.0 and newer`);
    if (value('aof_enabled') !== '1') warnings.push('Redis keeps no append-only file: jobs that were accepted are lost with its process; set `appendonly yes` and `appendfsync always` (or `everysec`: a loss of power costs up to two seconds)');
    else {
      const fsync = await this.#setting('appendfsync');
      if (fsync === 'no') warnings.push('Redis leaves writing to the disk to the system (`appendfsync no`): a loss of power costs half a minute of jobs; set `always` or `everysec`');
      else if (fsync === 'everysec') warnings.push('Redis writes to the disk once a second (`appendfsync everysec`): its end costs nothing, a loss of power up to two seconds of accepted jobs; `always` costs none');
    }
    const policy = value('maxmemory_policy');
    if (policy !== '' && policy !== 'noeviction') warnings.push(`Redis drops keys when its memory is full (\`maxmemory-policy ${policy}\`): jobs and media would go; set \`noeviction\``);
    return warnings;
  }

  close(): void {
    for (const client of this.#opened) client.disconnect();
  }

  /** Null where the service that runs it does not tell. */
  async #setting(name: string): Promise<string | null> {
    try {
      const answer = reply(await this.client.call('CONFIG', 'GET', name));
      return textOf(listOf(answer)[1]);
    } catch {
      return null;
    }
  }
}

function reply(value: unknown): Reply {
  if (typeof value === 'string' || typeof value === 'number' || value === null) return value;
  if (Array.isArray(value)) return value.map(reply);
  throw new AnymodalError('internal', 'Redis: a script gave an answer of an unknown kind');
}

/** What Redis or the connection says, as our error. */
function translated(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AnymodalError) return error;
  const [, code = '', message = ''] = /ANYMODAL (\w+) (.*?)(?: script: .*)?$/s.exec(error.message) ?? [];
  if (isErrorCode(code)) return new AnymodalError(code, message, { cause: error });
  if (/^(OOM|MISCONF)/.test(error.message)) return new AnymodalError('disk_full', 'Redis: it has no room for more; raise its `maxmemory` or its disk, or lower the retention of the server', { cause: error });
  if (/^(NOAUTH|WRONGPASS|NOPERM)/.test(error.message)) return new AnymodalError('unauthorized', 'Redis: it refuses the user or the password of its address', { cause: error });
  if (error.name === 'ReplyError') return new AnymodalError('internal', `Redis: ${error.message.slice(0, 200)}`, { cause: error });
  return new AnymodalError('unavailable', 'Redis: the connection is lost', { cause: error, retryAfterMs: 5000 });
}

/** A reply as a text; null where there is none. */
export function textOf(value: Reply | undefined): string | null {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;
}

export function listOf(value: Reply | undefined): readonly Reply[] {
  return Array.isArray(value) ? value : [];
}
