// Files of a repository in transformers.js' layout: a graph by the names of its kinds of weights, with the external data beside it.
// Knows names alone; opens no graph.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileAt } from './layout-files.ts';
import type { BundleFile } from './format.ts';

/** Folders of the graphs, as transformers.js and Optimum write them. */
const places = ['onnx/', ''];

export interface FoundGraph {
  /** Path in the folder. */
  readonly name: string;
  readonly model: BundleFile;
  /** External data by keys of their own. */
  readonly weights: Readonly<Record<string, BundleFile>>;
}

/**
 * The first graph there is of these names, of its kinds of weights (`q4`, `fp16`, '' for the full ones) the first of `variants`; null where there is
 * none, or where a part of it was not fetched.
 */
export async function graphAt(folder: string, graphs: readonly string[], variants: readonly string[]): Promise<FoundGraph | null> {
  for (const place of places) {
    const names: readonly string[] = await readdir(join(folder, place)).catch(() => []);
    for (const graph of graphs) {
      const variant = variants.find((each) => names.includes(`${graph}${each === '' ? '' : `_${each}`}.onnx`));
      if (variant === undefined) continue;
      const name = `${graph}${variant === '' ? '' : `_${variant}`}.onnx`;
      const data = names.filter((each) => each.startsWith(`${name}_data`) || each.startsWith(`${name}.data`)).toSorted((a, b) => a.localeCompare(b));
      const [model, ...weights] = await Promise.all([name, ...data].map(async (each) => fileAt(folder, `${place}${each}`)));
      // A link of a cache may lead to a blob that was not fetched.
      if (model === undefined || model === null || weights.includes(null)) continue;
      return { name: `${place}${name}`, model, weights: Object.fromEntries(weights.flatMap((file, at) => (file === null ? [] : [[`weights${at}`, file]]))) };
    }
  }
  return null;
}
