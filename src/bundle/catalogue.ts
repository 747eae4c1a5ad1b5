// The models that can be pulled by name: models/catalogue.json, checked by its schema.
// Knows no hub; a repository is only a name here.

import { readFile } from 'node:fs/promises';
import { AnymodalError } from '../errors.ts';
import { checkSchema } from '../schema.ts';
import schema from './catalogue.schema.json' with { type: 'json' };

export interface CatalogueModel {
  readonly id: string;
  readonly title: string;
  readonly reads: readonly string[];
  readonly makes: readonly string[];
  /** `bundle` and `onnx` open as they are; `weights` are exported once, by `export` where there is such a command. */
  readonly form: 'bundle' | 'onnx' | 'weights';
  readonly source: { readonly repository: string; readonly revision?: string; readonly files?: readonly string[] } | { readonly address: string; readonly sha256?: string };
  /** With `{source}` where the path of what was pulled belongs. */
  readonly export?: string;
  /** About how much is fetched. */
  readonly bytes: number | null;
  readonly licence: { readonly name: string; readonly address?: string; readonly accept: boolean; readonly terms?: string };
  readonly gated: boolean;
}

/** Every model of the catalogue in its order. Throws `internal` for one that is not as the schema says. */
export async function readCatalogue(): Promise<readonly CatalogueModel[]> {
  // The second path is that of the compiled package, whose files lie one folder deeper.
  for (const path of ['../../models/catalogue.json', '../../../models/catalogue.json']) {
    const text = await readFile(new URL(path, import.meta.url), 'utf8').catch(() => null);
    if (text !== null) return parseCatalogue(JSON.parse(text));
  }
  throw new AnymodalError('internal', 'models/catalogue.json is missing from this installation; install anymodal again.');
}

/** The models of a catalogue. Throws `internal` with every fault. */
export function parseCatalogue(value: unknown): readonly CatalogueModel[] {
  const checked = checkSchema<{ models: readonly CatalogueModel[] }>(schema, value, 'catalogue');
  const faults = [...checked.faults];
  const ids = (checked.value?.models ?? []).map(({ id }) => id);
  faults.push(...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `catalogue: ${id} is listed twice`));
  if (checked.value === null || faults.length > 0) throw new AnymodalError('internal', ['models/catalogue.json:', ...faults.map((fault) => `  ${fault}`)].join('\n'));
  return checked.value.models;
}
