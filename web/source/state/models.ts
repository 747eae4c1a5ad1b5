// The models that the server offers and the one in use: listed at once, in detail when they are loaded.
import { computed, signal } from '@preact/signals';
import type { Model, WholeModel } from '../../../src/client/index.ts';
import { client } from '../server.ts';

export const models = signal<readonly Model[]>([]);
export const chosenModel = signal<string | null>(null);
const details = signal<ReadonlyMap<string, WholeModel>>(new Map());

/** The model in use as the list tells it. */
export const listed = computed(() => models.value.find(({ id }) => id === chosenModel.value) ?? models.value[0] ?? null);
/** The same in detail; null until it is loaded. */
export const model = computed(() => (listed.value === null ? null : (details.value.get(listed.value.id) ?? null)));
/** Outputs that the model makes, `text` aside; none until it is loaded. */
export const outputs = computed(() => model.value?.outputs ?? []);
/** Names of its outputs, `text` among them. */
export const outputNames = computed(() => ['text', ...(model.value === null ? (listed.value?.architecture.output_modalities ?? []) : outputs.value.map(({ name }) => name)).filter((name) => name !== 'text')]);

let loading: Promise<void> | null = null;

async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let wait = 500; ; wait = Math.min(5000, wait * 2)) {
    try {
      return await work();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

export async function loadModels(): Promise<void> {
  loading ??= (async () => {
    models.value = await patiently(async () => client.models());
    await loadDetails();
  })();
  await loading;
}

/** Asks for the model in use, which loads it. */
export async function loadDetails(): Promise<void> {
  const id = listed.value?.id;
  if (id === undefined || details.value.has(id)) return;
  const whole = await patiently(async () => client.model(id));
  details.value = new Map([...details.value, [id, whole]]);
}
