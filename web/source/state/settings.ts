// What the person set: outputs wanted, options by output, seed, words to avoid, theme. Kept in this browser.
import { effect, signal, type Signal } from '@preact/signals';
import type { JobInput, WholeModel } from '../../../src/client/index.ts';

export type Theme = 'auto' | 'light' | 'dark';
export type Options = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function kept<T>(name: string, initial: T): Signal<T> {
  const key = `anymodal/${name}`;
  let start = initial;
  try {
    const found = localStorage.getItem(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by this page
    if (found !== null) start = JSON.parse(found) as T;
  } catch {
    // A browser without storage forgets.
  }
  const state = signal(start);
  effect(() => {
    try {
      localStorage.setItem(key, JSON.stringify(state.value));
    } catch {
      // As above.
    }
  });
  return state;
}

export const theme = kept<Theme>('theme', 'auto');
/** Outputs wanted in order; none lets the model decide. */
export const wanted = kept<readonly string[]>('wanted', []);
export const options = kept<Options>('options', {});
export const seed = kept<number | null>('seed', null);
export const count = kept('count', 1);
export const negative = kept('negative', '');
export const route = kept<'auto' | 'chat' | 'direct'>('route', 'auto');

effect(() => {
  const root = document.documentElement;
  if (theme.value === 'auto') root.removeAttribute('data-theme');
  else root.setAttribute('data-theme', theme.value);
});

export function setOption(output: string, name: string, value: unknown): void {
  const { [name]: _, ...others } = options.value[output] ?? {};
  options.value = { ...options.value, [output]: value === undefined ? others : { ...others, [name]: value } };
}

/** How many settings differ from their defaults. */
export function changes(): number {
  const changed = Object.values(options.value).reduce((sum, group) => sum + Object.keys(group).length, 0);
  return changed + (seed.value === null ? 0 : 1) + (negative.value.trim() === '' ? 0 : 1) + (count.value === 1 ? 0 : 1) + (route.value === 'auto' ? 0 : 1);
}

export function resetSettings(): void {
  options.value = {};
  seed.value = null;
  count.value = 1;
  negative.value = '';
  route.value = 'auto';
}

/** The fields of a job that the settings fill, and previews from every output that has them; options of outputs that the job does not make are left out. */
export function settingsOf(made: readonly string[] | null, outputs: WholeModel['outputs']): Partial<JobInput> {
  const all = [...outputs.map(({ name, options: schema }) => [name, { ...(hasPreviews(schema) && { previewEvery: 2 }), ...options.value[name] }] as const), ['text', options.value['text'] ?? {}] as const];
  const chosen = all.filter(([output, group]) => Object.keys(group).length > 0 && (made === null || made.includes(output) || output === 'text'));
  return {
    ...(chosen.length > 0 && { options: Object.fromEntries(chosen) }),
    ...(seed.value !== null && { seed: seed.value }),
    ...(count.value > 1 && { count: count.value }),
    ...(negative.value.trim() !== '' && { negativePrompt: negative.value.trim() }),
    ...(route.value !== 'auto' && { route: route.value }),
  };
}

function hasPreviews(schema: Readonly<Record<string, unknown>>): boolean {
  const properties = schema['properties'];
  return typeof properties === 'object' && properties !== null && 'previewEvery' in properties;
}
