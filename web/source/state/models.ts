// The models that the server offers and the one in use. Loads them once and again after a failure.
import { computed, signal } from '@preact/signals';
import type { WholeModel } from '../../../src/client/index.ts';
import { client } from '../server.ts';

export const models = signal<readonly WholeModel[]>([]);
export const chosenModel = signal<string | null>(null);
export const model = computed(() => models.value.find(({ id }) => id === chosenModel.value) ?? models.value[0] ?? null);

/** Outputs that the model makes, `text` aside. */
export const outputs = computed(() => model.value?.outputs ?? []);

let loading: Promise<void> | null = null;

export async function loadModels(): Promise<void> {
  loading ??= (async () => {
    for (let wait = 500; ; wait = Math.min(5000, wait * 2)) {
      try {
        const list = await client.models();
        // The list is short; what a model can do in detail is asked for one by one.
        models.value = await Promise.all(list.map(async ({ id }) => client.model(id)));
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  })();
  await loading;
}
