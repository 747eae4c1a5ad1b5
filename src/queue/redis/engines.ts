// The models of a server whose engines are in workers: which there are, as workers tell, and what they can do, asked of one.
// Runs nothing itself.

import type { EngineDescription } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Engines, ModelState } from '../contracts.ts';
import type { Calls } from './calls.ts';
import type { Registry } from './registry.ts';

export interface RemoteEnginesOptions {
  readonly registry: Registry;
  readonly calls: Calls;
  /** Ids in the order in which they are offered; what workers have besides follows. */
  readonly models: readonly string[];
  /** Further names of models: what clients ask for to the id of a bundle. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** How long a description is taken for current; a worker with a newer bundle tells another. */
const CURRENT_MS = 10_000;

export class RemoteEngines implements Engines {
  readonly #options: RemoteEnginesOptions;
  readonly #descriptions = new Map<string, { readonly description: EngineDescription; readonly at: number }>();
  #models: readonly ModelState[] = [];
  #served: ReadonlySet<string> = new Set();

  constructor(options: RemoteEnginesOptions) {
    this.#options = options;
  }

  /** Learns what workers have. To be called at the start and every few seconds. */
  async refresh(): Promise<void> {
    const { registry, models: wanted, aliases } = this.#options;
    const workers = await registry.workers();
    const found = await registry.models(workers);
    const rank = ({ id }: ModelState): number => (wanted.includes(id) ? wanted.indexOf(id) : wanted.length);
    this.#models = found.toSorted((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1)).map((model) => ({ ...model, aliases: Object.keys(aliases).filter((alias) => aliases[alias] === model.id) }));
    this.#served = new Set(workers.filter(({ draining }) => !draining).flatMap(({ models }) => models.map(({ id }) => id)));
  }

  isServed(model: string): boolean {
    return this.#served.has(model);
  }

  models(): readonly ModelState[] {
    return this.#models;
  }

  resolve(name: string | null): string {
    const model = name === null ? this.#models[0] : this.#models.find(({ id, aliases }) => id === name || aliases.includes(name));
    if (model !== undefined) return model.id;
    const names = this.#models.flatMap(({ id, aliases }) => [id, ...aliases]);
    throw new AnymodalError('unknown_model', `model: there is no ${name === null ? 'model at all' : JSON.stringify(name)}; workers have ${names.join(', ') || 'none so far'}`, { field: 'model' });
  }

  async describe(model: string, signal?: AbortSignal): Promise<EngineDescription> {
    const id = this.resolve(model);
    const known = this.#descriptions.get(id);
    if (known !== undefined && Date.now() - known.at < CURRENT_MS) return known.description;
    const description = (await this.#options.registry.description(id)) ?? (await this.#options.calls.ask(id, { kind: 'describe' }, signal));
    this.#descriptions.set(id, { description, at: Date.now() });
    return description;
  }

  async lease(): Promise<never> {
    throw new AnymodalError('unsupported', 'the engines of this server are in its workers');
  }

  async close(): Promise<void> {}
}
