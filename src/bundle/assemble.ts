// One bundle of one folder or more: a folder with a bundle.json or in another known layout, with components of others in place of its own.
// Knows layouts and wiring by name; checks neither files nor widths, and opens no graph.

import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { checkSchema } from '../schema.ts';
import schema from './bundle.schema.json' with { type: 'json' };
import { isDiffusersFolder, readDiffusersFolder } from './diffusers.ts';
import type { Bundle, BundleComponent, BundleFile } from './format.ts';

/** Where a component comes from. */
export interface Origin {
  /** Absolute; `files` lie in it. */
  readonly folder: string;
  /** Its files as the bundle.json there declares them; null for a folder that declares no hashes. */
  readonly declared: Readonly<Record<string, BundleFile>> | null;
}

export interface Assembled {
  /** Absolute folder of the bundle that others are put into. */
  readonly folder: string;
  /** Files of components from other folders have absolute paths. */
  readonly bundle: Bundle;
  readonly origins: ReadonlyMap<string, Origin>;
  /** What cannot be done with it, a sentence each. */
  readonly notes: readonly string[];
}

/** A model as one text: `MODEL`, or `MODEL+OUTPUT=OTHER` where OTHER's decoder makes that output; again for more. */
export interface ModelParts {
  readonly model: string;
  readonly uses: readonly { readonly output: string; readonly model: string }[];
}

/** Takes a model's text apart. */
export function partsOfModel(text: string): ModelParts {
  const [model = '', ...rest] = text.split(/\+([a-z][a-z0-9-]*)=/);
  const uses = rest.flatMap((output, at) => (at % 2 === 0 ? [{ output, model: rest[at + 1] ?? '' }] : []));
  return { model, uses };
}

/** Puts it together again. */
export function textOfModel({ model, uses }: ModelParts): string {
  return [model, ...uses.map((use) => `${use.output}=${use.model}`)].join('+');
}

/** Whether a folder is a bundle or in a layout that can be read as one. */
export async function isModelFolder(folder: string): Promise<boolean> {
  return (await isFile(join(folder, 'bundle.json'))) || isDiffusersFolder(folder);
}

/**
 * Reads the folders of a model's text. Throws `unknown_model` for a folder that holds none, `bundle_invalid` for one that is wrong,
 * `unsupported` where one cannot stand in the other.
 */
export async function assemble(text: string): Promise<Assembled> {
  const { model, uses } = partsOfModel(text);
  let whole = await readFolder(resolve(model));
  for (const use of uses) whole = withOutput(whole, use.output, await readFolder(resolve(use.model)));
  return whole;
}

async function readFolder(folder: string): Promise<Assembled> {
  const declares = await isFile(join(folder, 'bundle.json'));
  if (!declares && !(await isDiffusersFolder(folder))) throw new AnymodalError('unknown_model', `no bundle.json in ${folder}; give a bundle id or a folder with a bundle.json, or with model_index.json and ONNX graphs`);
  const { bundle, notes } = declares ? { bundle: parse(folder, await readFile(join(folder, 'bundle.json'), 'utf8')), notes: [] } : await readDiffusersFolder(folder);
  const origins = new Map(Object.entries(bundle.components).map(([name, { files }]) => [name, { folder, declared: declares ? files : null }]));
  return { folder, bundle, origins, notes };
}

/** `base` with the output of another in place of its own of this name; the language model asks for it in words. */
function withOutput(base: Assembled, output: string, other: Assembled): Assembled {
  const offered = Object.entries(other.bundle.outputs);
  const given = other.bundle.outputs[output] ?? (offered.length === 1 ? offered[0]?.[1] : undefined);
  if (given === undefined) throw new AnymodalError('unsupported', `use ${output}: ${other.bundle.id} makes no "${output}"; it makes ${offered.map(([name]) => name).join(', ') || 'nothing'}`);
  const { prompt } = given.sources;
  if (prompt === undefined) throw new AnymodalError('unsupported', `use ${output}: ${other.bundle.id} makes it from no prompt, so that another bundle cannot ask for it`);
  const nameIn = (name: string): string => (base.bundle.components[name] === undefined ? name : `${output}-${name}`);
  const copied = (name: string): readonly [string, BundleComponent] => {
    const component = other.bundle.components[name];
    if (component === undefined) throw new AnymodalError('bundle_invalid', `bundle ${other.folder}: no component "${name}"`);
    const files = Object.entries(component.files).map(([key, file]) => [key, { ...file, path: resolve(other.folder, file.path) }] as const);
    return [nameIn(name), { ...component, files: Object.fromEntries(files) }];
  };
  // Without an encoder of its own a bundle takes no media of the modality that the other can edit.
  const inputs = Object.entries(other.bundle.inputs).filter(([modality]) => base.bundle.inputs[modality] === undefined && modality === output);
  const taken = [given.decoder, prompt, ...inputs.map(([, { encoder }]) => encoder)];
  const merged: Bundle = {
    ...base.bundle,
    licence: base.bundle.licence === other.bundle.licence ? base.bundle.licence : `${base.bundle.licence} AND ${other.bundle.licence}`,
    components: { ...base.bundle.components, ...Object.fromEntries(taken.map(copied)) },
    inputs: { ...base.bundle.inputs, ...Object.fromEntries(inputs.map(([modality, { encoder }]) => [modality, { encoder: nameIn(encoder), projector: null }])) },
    outputs: { ...base.bundle.outputs, [output]: { decoder: nameIn(given.decoder), sources: { prompt: nameIn(prompt) }, chat: 'caption' } },
    groups: base.bundle.groups.flatMap(({ leader, followers }) => {
      const left = followers.filter((name) => name !== output);
      return leader === output || left.length === 0 ? [] : [{ leader, followers: left }];
    }),
  };
  const used = usedBy(merged);
  const origins = new Map([...base.origins, ...taken.map((name) => [nameIn(name), other.origins.get(name)!] as const)].filter(([name]) => used.has(name)));
  const bundle = { ...merged, components: Object.fromEntries(Object.entries(merged.components).filter(([name]) => used.has(name))) };
  const asked = base.bundle.languageModel === null ? 'is made from a prompt' : "is asked for in the language model's words or the user's (caption route), not by its hidden states";
  const notes = [...base.notes, ...other.notes, `${output}: made by ${other.bundle.id}; it ${asked}, and not from the embedding of another medium.`];
  return { folder: base.folder, bundle, origins, notes };
}

/** Components that something leads to. */
function usedBy({ inputs, languageModel, outputs }: Bundle): Set<string> {
  const names = [
    ...Object.values(inputs).flatMap(({ encoder, projector }) => [encoder, projector]),
    languageModel,
    ...Object.values(outputs).flatMap(({ decoder, sources }) => [decoder, ...Object.values(sources)]),
  ];
  return new Set(names.filter((name) => name !== null));
}

/** The one error of a bundle with faults: a first line, then one line for each. */
export function invalidBundle(root: string, faults: readonly string[]): AnymodalError {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return new AnymodalError('bundle_invalid', [`bundle ${root}: ${count}`, ...faults.map((fault) => `  ${fault}`)].join('\n'));
}

function parse(root: string, text: string): Bundle {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidBundle(root, [`bundle.json is no JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const newer = checkSchema<{ format: number }>({ type: 'object', required: ['format'], properties: { format: { type: 'integer', minimum: 2 } } }, value, 'bundle').value;
  if (newer !== null) throw invalidBundle(root, [`format: got ${newer.format}, expected 1; use a newer anymodal`]);
  const checked = checkSchema<Bundle>(schema, value, 'bundle');
  if (checked.value === null) throw invalidBundle(root, checked.faults);
  return checked.value;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true;
}
