// When a worker loads a model that it has not: where jobs or calls for it wait, and no worker that has it loaded has room for them.
// Knows no job; asks the lanes how many wait.

import type { Engines } from '../contracts.ts';
import type { RedisLink } from './connection.ts';
import { lengths, nameOf, type Lanes, type Length } from './lanes.ts';
import { SIGN_MS, type Registry, type WorkerSign } from './registry.ts';

export interface StickingParts {
  readonly link: RedisLink;
  readonly registry: Registry;
  readonly lanes: Lanes;
  readonly engines: Engines;
  readonly patienceMs: number;
  readonly failed: (error: unknown) => void;
}

/** One worker at a time loads a model; this long at most. */
const LOADING_MS = 60_000;

export class Sticking {
  readonly #parts: StickingParts;
  readonly #ready: () => readonly string[];
  /** Since when work for a model waits that is not loaded here. */
  readonly #since = new Map<string, number>();
  readonly #loading = new Set<string>();

  constructor(parts: StickingParts, ready: () => readonly string[]) {
    this.#parts = parts;
    this.#ready = ready;
  }

  /** Loads what should be here too; it is ready some time later. */
  async look(): Promise<void> {
    const { engines, registry, link, patienceMs, failed } = this.#parts;
    const ready = this.#ready();
    const missing = engines.models().filter(({ id }) => !ready.includes(id) && !this.#loading.has(id));
    if (missing.length === 0) return;
    const others = (await registry.workers()).filter(({ id, draining }) => id !== link.id && !draining);
    for (const { id } of missing) {
      const waiting = await this.#waiting(id);
      if (waiting.length === 0 && !(await this.#hasCalls(id))) {
        this.#since.delete(id);
        continue;
      }
      const since = this.#since.get(id) ?? Date.now();
      this.#since.set(id, since);
      const having = others.filter((other) => other.models.some((model) => model.id === id && (model.state === 'ready' || model.state === 'loading')));
      if (waiting.every((length) => having.some((other) => hasRoom(other, id, length))) && having.length > 0) continue;
      if (having.length > 0 && Date.now() - since < patienceMs) continue;
      const isMine = await link.within(async () => link.client.set(link.key('loading', id), link.id, 'PX', LOADING_MS, 'NX'));
      if (isMine !== 'OK') continue;
      this.#loading.add(id);
      void engines.lease(id).then((lease) => lease.release()).catch(failed).finally(() => {
        this.#loading.delete(id);
        this.#since.delete(id);
        // The others know of it when this worker has said so.
        void link.client.pexpire(link.key('loading', id), 2 * SIGN_MS).catch(() => undefined);
      });
    }
  }

  async #waiting(model: string): Promise<readonly Length[]> {
    const counts = await Promise.all(lengths.map(async (length) => this.#parts.lanes.waiting(nameOf(model, length))));
    return lengths.filter((_, index) => (counts[index] ?? 0) > 0);
  }

  async #hasCalls(model: string): Promise<boolean> {
    const { link } = this.#parts;
    return (await link.within(async () => link.client.llen(link.key('calls', model)))) > 0;
  }
}

function hasRoom({ running, slots, models }: WorkerSign, model: string, length: Length): boolean {
  return models.some(({ id, state }) => id === model && state === 'loading') || (running[nameOf(model, length)] ?? 0) < slots[length];
}
