// The models that a server offers: their folders, what their bundle.json says, their further names.
// Opens no bundle.
import { AnymodalError } from '../errors.ts';
import { chooseBundle, summarise, type BundleSummary } from './bundles.ts';
import type { OfferedModel } from '../queue/engines.ts';
import type { Configuration } from './configuration.ts';
import type { Shell } from './shell.ts';

export interface ModelFolder extends OfferedModel {
  readonly folder: string;
}

/** The models of the configuration in order. Throws `unknown_model`, `bundle_invalid`, and `bad_option` for two of one id and for aliases that lead nowhere. */
export async function offeredModels({ models, aliases }: Configuration, shell: Shell): Promise<readonly ModelFolder[]> {
  const found: BundleSummary[] = [];
  for (const model of models) {
    const summary = await summarise(await chooseBundle(model, shell));
    if (found.some(({ id }) => id === summary.id)) throw new AnymodalError('bad_option', `models: two of them have the id "${summary.id}"; leave one out.`);
    found.push(summary);
  }
  const ids = found.map(({ id }) => id);
  for (const [alias, id] of Object.entries(aliases)) {
    if (!ids.includes(id)) throw new AnymodalError('bad_option', `aliases.${alias}: got "${id}", expected one of ${ids.join(', ')}.`);
    if (ids.includes(alias)) throw new AnymodalError('bad_option', `aliases.${alias}: is the id of a model itself.`);
  }
  return found.map(({ id, folder, title, licence, inputs, outputs, bytes }) => ({
    id, folder, title, licence, inputs, outputs, weightBytes: bytes, aliases: Object.keys(aliases).filter((alias) => aliases[alias] === id),
  }));
}
