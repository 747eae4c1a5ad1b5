// Who is there: servers and workers by a sign of life that goes by itself, and the models that workers have or had.
// Knows no job.

import type { EngineDescription } from '../../contracts.ts';
import type { ModelState } from '../contracts.ts';
import type { RedisLink } from './connection.ts';
import type { Length } from './lanes.ts';

/** A sign of life holds this long, and is given this often. */
export const ALIVE_MS = 10_000;
export const SIGN_MS = 2000;

/** What a worker says of itself. */
export interface WorkerSign {
  readonly id: string;
  /** Name of its machine, for people. */
  readonly name: string;
  readonly device: string;
  readonly models: readonly ModelState[];
  /** Jobs that it runs, by lane. */
  readonly running: Readonly<Record<string, number>>;
  /** Jobs of one model that it may run at once. */
  readonly slots: Readonly<Record<Length, number>>;
  readonly draining: boolean;
}

export class Registry {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async signServer(id: string): Promise<void> {
    await this.#link.within(async () => this.#link.client.pipeline().set(this.#link.key('S', id), '1', 'PX', ALIVE_MS).sadd(this.#link.key('SS'), id).exec());
  }

  async signWorker(sign: WorkerSign): Promise<void> {
    const { client } = this.#link;
    await this.#link.within(async () => client.pipeline().set(this.#link.key('W', sign.id), JSON.stringify(sign), 'PX', ALIVE_MS).sadd(this.#link.key('WS'), sign.id).exec());
  }

  /** Keeps what a model is, for the time when no worker is there. */
  async keepModel(model: ModelState, description: EngineDescription | null): Promise<void> {
    const { client } = this.#link;
    await this.#link.within(async () => client.hset(this.#link.key('models'), model.id, JSON.stringify({ ...model, state: 'unloaded', error: null })));
    if (description !== null) await this.#link.within(async () => client.hset(this.#link.key('descriptions'), model.id, JSON.stringify(description)));
  }

  async description(model: string): Promise<EngineDescription | null> {
    const text = await this.#link.within(async () => this.#link.client.hget(this.#link.key('descriptions'), model));
    return text === null ? null : JSON.parse(text);
  }

  async leave(kind: 'server' | 'worker', id: string): Promise<void> {
    await this.#link.within(async () => this.#link.client.del(this.#link.key(kind === 'server' ? 'S' : 'W', id)));
  }

  /** Workers that gave a sign of late; those that did not are forgotten. */
  async workers(): Promise<readonly WorkerSign[]> {
    const { client } = this.#link;
    const ids = await this.#link.within(async () => client.smembers(this.#link.key('WS')));
    if (ids.length === 0) return [];
    const signs = await this.#link.within(async () => client.mget(...ids.map((id) => this.#link.key('W', id))));
    const gone = ids.filter((_, index) => signs[index] === null);
    if (gone.length > 0) await this.#link.within(async () => client.srem(this.#link.key('WS'), ...gone));
    return signs.flatMap((sign): WorkerSign[] => (sign === null || sign === undefined ? [] : [JSON.parse(sign)]));
  }

  async hasWorker(id: string): Promise<boolean> {
    return (await this.#link.within(async () => this.#link.client.exists(this.#link.key('W', id)))) === 1;
  }

  /** Servers that were there and gave no sign of late. */
  async deadServers(): Promise<readonly string[]> {
    const { client } = this.#link;
    const ids = await this.#link.within(async () => client.smembers(this.#link.key('SS')));
    const alive = await this.#link.within(async () => Promise.all(ids.map(async (id) => client.exists(this.#link.key('S', id)))));
    return ids.filter((_, index) => alive[index] === 0);
  }

  /** Attached jobs of a server that have not ended. */
  async attached(server: string): Promise<readonly string[]> {
    return this.#link.within(async () => this.#link.client.smembers(this.#link.key('A', server)));
  }

  async forgetServer(id: string): Promise<void> {
    await this.#link.within(async () => this.#link.client.srem(this.#link.key('SS'), id));
  }

  /** Every model that workers have or had: as the living ones say, ready before loading before the rest. */
  async models(workers: readonly WorkerSign[]): Promise<readonly ModelState[]> {
    const kept = await this.#link.within(async () => this.#link.client.hgetall(this.#link.key('models')));
    const ranks = ['ready', 'loading', 'unloaded', 'failed'];
    const said = workers.flatMap(({ models }) => models).toSorted((a, b) => ranks.indexOf(a.state) - ranks.indexOf(b.state));
    const known = Object.values(kept).map((text): ModelState => JSON.parse(text));
    return [...said, ...known].filter((model, index, all) => all.findIndex(({ id }) => id === model.id) === index);
  }
}
