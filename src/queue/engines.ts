// The engines of several models under one budget of memory: loaded when they are asked for, the one idle longest unloaded for another.
// Knows no bundle and no process; `start` does.

import type { Engine, EngineDescription } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { systemClock, type Clock } from './clock.ts';
import type { Engines, ModelState } from './contracts.ts';

/** A model that is offered, as it is known before it is loaded. */
export type OfferedModel = Pick<ModelState, 'id' | 'aliases' | 'title' | 'licence' | 'inputs' | 'outputs'> & {
  /** Bytes of its weights, from its bundle.json. */
  readonly weightBytes: number;
};

export interface EnginesOptions {
  /** The default first. */
  readonly models: readonly OfferedModel[];
  /** Starts the engine of a model, by its id; the pool closes it. `signal` ends the start. */
  readonly start: (model: string, signal: AbortSignal) => Promise<Engine>;
  /** Bytes that loaded models may take together; null for no limit. */
  readonly memoryBytes?: number | null;
  /** Milliseconds after which an idle model is unloaded; null keeps it while there is room. */
  readonly keepAliveMs?: number | null;
  /** Models, by id or alias, that are loaded at once. */
  readonly preload?: readonly string[];
  readonly clock?: Clock;
}

/**
 * Memory of an engine: its process with what jobs need, and its weights with their copies in the order that the kernels want. Measured
 * with nano on the CPU after a video beside three chats, a picture and a sound: 733 MiB for 121 MiB of weights.
 */
export const BYTES_OF_PROCESS = 500 * 2 ** 20;
export const BYTES_PER_WEIGHT_BYTE = 2;

/** Who waits for memory so long goes before those who use a loaded model anew. */
const PATIENCE_MS = 30_000;
/** A model that failed to load is tried again after this. */
const RETRY_MS = 10_000;

interface Slot {
  readonly model: OfferedModel;
  readonly bytes: number;
  state: ModelState['state'];
  engine: Engine | null;
  description: EngineDescription | null;
  leases: number;
  usedAt: number;
  /** While it loads or unloads. */
  change: Promise<void> | null;
  failure: { readonly error: unknown; readonly at: number } | null;
  callOff: () => void;
}

interface Waiter {
  readonly slot: Slot;
  readonly since: number;
}

/** The pool; what is to be preloaded loads from now on. The caller closes it, after the queue. Throws `unknown_model` for a preload that is not offered. */
export function createEngines(options: EnginesOptions): Engines {
  return new EnginePool(options);
}

class EnginePool implements Engines {
  readonly #options: EnginesOptions;
  readonly #clock: Clock;
  readonly #slots: readonly Slot[];
  /** Those who wait for memory, in the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  /** Resolved when a model was loaded, unloaded or became idle. */
  #changed = Promise.withResolvers<void>();
  readonly #closing = new AbortController();

  constructor(options: EnginesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#slots = options.models.map((model) => ({
      model, bytes: BYTES_OF_PROCESS + Math.round(model.weightBytes * BYTES_PER_WEIGHT_BYTE),
      state: 'unloaded', engine: null, description: null, leases: 0, usedAt: -Infinity, change: null, failure: null, callOff: () => undefined,
    }));
    // The state tells what becomes of it.
    for (const name of (options.preload ?? []).map((each) => this.resolve(each))) void this.describe(name).catch(() => undefined);
  }

  models(): readonly ModelState[] {
    return this.#slots.map(({ model: { id, aliases, title, licence, inputs, outputs }, state, bytes, failure }) => ({
      id, aliases, state, title, licence, inputs, outputs, bytes, error: failure === null ? null : messageOf(failure.error),
    }));
  }

  resolve(name: string | null): string {
    const slot = name === null ? this.#slots[0] : this.#slots.find(({ model }) => model.id === name || model.aliases.includes(name));
    if (slot !== undefined) return slot.model.id;
    const names = this.#slots.flatMap(({ model }) => [model.id, ...model.aliases]);
    throw new AnymodalError('unknown_model', `model: there is no ${name === null ? 'model at all' : JSON.stringify(name)}; there is ${names.join(', ') || 'none'}`, { field: 'model' });
  }

  async describe(model: string, signal?: AbortSignal): Promise<EngineDescription> {
    const slot = this.#slot(model);
    if (slot.description !== null) return slot.description;
    const lease = await this.lease(model, signal);
    try {
      slot.description = await lease.engine.describe();
      return slot.description;
    } finally {
      lease.release();
    }
  }

  async lease(model: string, signal?: AbortSignal): ReturnType<Engines['lease']> {
    const slot = this.#slot(model);
    const waiter: Waiter = { slot, since: this.#clock.now() };
    try {
      for (;;) {
        if (signal?.aborted === true) throw new AnymodalError('aborted', 'cancelled while the model was not loaded');
        if (this.#closing.signal.aborted) throw new AnymodalError('shutting_down', 'the server ends');
        const { engine } = slot;
        // Asked for before one looks, so that no change is missed between.
        const changed = this.#changed.promise;
        if (engine !== null && slot.change === null && !this.#mustYield(slot)) {
          slot.leases += 1;
          return this.#leased(slot, engine);
        }
        if (slot.change !== null) {
          await abortable(slot.change, signal);
          continue;
        }
        const loaded = engine === null ? await this.#load(slot) : null;
        if (loaded !== null) return this.#leased(slot, loaded);
        this.#waiters.add(waiter);
        await abortable(changed, signal);
      }
    } finally {
      // Who waited behind it may go now.
      if (this.#waiters.delete(waiter)) this.#wake();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort('the server ends');
    this.#wake();
    await Promise.all(this.#slots.map(async (slot) => {
      slot.callOff();
      await slot.change;
      await this.#unload(slot);
    }));
  }

  #slot(model: string): Slot {
    const id = this.resolve(model);
    const slot = this.#slots.find((candidate) => candidate.model.id === id);
    if (slot === undefined) throw new AnymodalError('internal', `model ${id} has no place`);
    return slot;
  }

  /** A lease that is counted already. */
  #leased(slot: Slot, engine: Engine): Awaited<ReturnType<Engines['lease']>> {
    slot.callOff();
    let isReleased = false;
    return {
      engine,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        slot.leases -= 1;
        slot.usedAt = this.#clock.now();
        if (slot.leases > 0) return;
        this.#wake();
        const { keepAliveMs = null } = this.#options;
        if (keepAliveMs !== null) slot.callOff = this.#clock.after(keepAliveMs, () => void this.#unload(slot));
      },
    };
  }

  /** Loads a model, lent already, if there is room for it, made by unloading idle ones; null where there is none yet. Throws what opening throws. */
  async #load(slot: Slot): Promise<Engine | null> {
    const { failure } = slot;
    if (failure !== null && this.#clock.now() - failure.at < RETRY_MS) throw failure.error;
    const { memoryBytes = null } = this.#options;
    if (memoryBytes !== null && slot.bytes > memoryBytes) {
      throw new AnymodalError('unsupported', `model ${slot.model.id}: takes ${slot.bytes} bytes of memory, the budget is ${memoryBytes}; raise it in the configuration`);
    }
    const idle = this.#slots.filter((other) => other !== slot && other.engine !== null && other.leases === 0 && other.change === null).toSorted((a, b) => a.usedAt - b.usedAt);
    const going: Slot[] = [];
    let free = memoryBytes === null ? Infinity : memoryBytes - this.#slots.reduce((sum, other) => sum + (isCounted(other) ? other.bytes : 0), 0);
    for (const other of idle) {
      if (free >= slot.bytes) break;
      going.push(other);
      free += other.bytes;
    }
    if (free < slot.bytes) return null;
    slot.state = 'loading';
    slot.failure = null;
    // Lent from now on, so that nobody unloads it before whom it is loaded for has it.
    slot.leases += 1;
    const opening = this.#open(slot, going);
    slot.change = opening.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await opening;
    } catch (error) {
      slot.leases -= 1;
      throw error;
    } finally {
      slot.change = null;
      this.#wake();
    }
  }

  /** What goes wrong is kept, and told to all who wait for the model. */
  async #open(slot: Slot, going: readonly Slot[]): Promise<Engine> {
    try {
      await Promise.all(going.map(async (other) => this.#unload(other)));
      const engine = await this.#options.start(slot.model.id, this.#closing.signal);
      slot.engine = engine;
      slot.description = await engine.describe();
      slot.state = 'ready';
      slot.usedAt = this.#clock.now();
      return engine;
    } catch (error) {
      await slot.engine?.close();
      slot.engine = null;
      slot.state = 'failed';
      slot.failure = { error, at: this.#clock.now() };
      throw error;
    }
  }

  async #unload(slot: Slot): Promise<void> {
    const { engine } = slot;
    if (engine === null || slot.change !== null || (slot.leases > 0 && !this.#closing.signal.aborted)) return;
    slot.callOff();
    slot.engine = null;
    slot.state = 'unloaded';
    // Its memory is free when its process is gone.
    slot.change = engine.close().catch(() => undefined).finally(() => {
      slot.change = null;
      this.#wake();
    });
    await slot.change;
  }

  /** Whether another model waited so long for memory that this one, once idle, is to be unloaded for it. */
  #mustYield(slot: Slot): boolean {
    const [first] = this.#waiters;
    return first !== undefined && first.slot !== slot && this.#clock.now() - first.since >= PATIENCE_MS;
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    changed.resolve();
  }
}

function isCounted({ engine, change }: Slot): boolean {
  return engine !== null || change !== null;
}

async function abortable(change: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const abort = (): void => aborted.resolve();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    if (signal?.aborted !== true) await Promise.race([change, aborted.promise]);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
