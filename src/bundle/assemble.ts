// One bundle of one folder or more: a folder with a bundle.json or in another known layout, with components of others in place of its own.
// Knows layouts and wiring by name; checks neither files nor widths, and opens no graph.

import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { checkSchema } from '../schema.ts';
import schema from './bundle.schema.json' with { type: 'json' };
import { isDiffusersFolder, readDiffusersFolder, type AdoptedBundle } from './diffusers.ts';
import type { Bundle, BundleComponent, BundleFile } from './format.ts';
import { combine } from './combine.ts';
import { isTransformersFolder, readTransformersFolder } from './transformers.ts';
import { isEmbeddersFolder, readEmbeddersFolder } from './transformers-embedders.ts';

/** What `--use` calls the language model, which is no output. */
const LANGUAGE_MODEL = 'language-model';
/** Factories of language models that can ask for outputs in words, where their config has no tokens for them. */
const asksInWords: readonly string[] = ['causal-lm', 'transformers-causal-lm'];

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

/** A model as one text: `MODEL`, or `MODEL+OUTPUT=OTHER` where OTHER's decoder makes that output, or its language model is `language-model`; again for more. */
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
  return (await isFile(join(folder, 'bundle.json'))) || (await isDiffusersFolder(folder)) || (await isTransformersFolder(folder)) || isEmbeddersFolder(folder);
}

/**
 * Reads the folders of a model's text. Throws `unknown_model` for a folder that holds none, `bundle_invalid` for one that is wrong,
 * `unsupported` where one cannot stand in the other.
 */
export async function assemble(text: string): Promise<Assembled> {
  const { model, uses } = partsOfModel(text);
  let whole = await readFolder(resolve(model));
  for (const use of uses) {
    const other = await readFolder(resolve(use.model));
    whole = use.output === LANGUAGE_MODEL ? withLanguageModel(whole, other) : withOutput(whole, use.output, other);
  }
  return { ...whole, bundle: askingForOutputs(whole.bundle) };
}

async function readFolder(folder: string): Promise<Assembled> {
  const declares = await isFile(join(folder, 'bundle.json'));
  const { bundle, notes } = declares ? { bundle: parse(folder, await readFile(join(folder, 'bundle.json'), 'utf8')), notes: [] } : await adopt(folder);
  const origins = new Map(Object.entries(bundle.components).map(([name, { files }]) => [name, { folder, declared: declares ? files : null }]));
  return { folder, bundle, origins, notes };
}

async function adopt(folder: string): Promise<AdoptedBundle> {
  if (await isDiffusersFolder(folder)) return readDiffusersFolder(folder);
  if (await isTransformersFolder(folder)) return readTransformersFolder(folder);
  if (await isEmbeddersFolder(folder)) return readEmbeddersFolder(folder);
  throw new AnymodalError('unknown_model', `no bundle.json in ${folder}; give a bundle id or a folder with a bundle.json, with model_index.json and ONNX graphs, or with config.json and the ONNX graphs of a language model or of encoders`);
}

/** `base` with the language model of another in place of its own, which reads no embeddings and gives no hidden states of the base's. */
function withLanguageModel(base: Assembled, other: Assembled): Assembled {
  const { languageModel } = other.bundle;
  const component = languageModel === null ? undefined : other.bundle.components[languageModel];
  if (languageModel === null || component === undefined) throw new AnymodalError('unsupported', `use ${LANGUAGE_MODEL}: ${other.bundle.id} has no language model`);
  // What it reads with its own encoders and projectors comes along.
  const read = Object.entries(other.bundle.inputs).filter(([, { projector }]) => projector !== null);
  const names = [languageModel, ...read.flatMap(([, { encoder, projector }]) => [encoder, projector ?? encoder])];
  const nameIn = (name: string): string => (base.bundle.components[name] === undefined ? name : `other-${name}`);
  const copied = Object.fromEntries(names.map((name) => [nameIn(name), componentOf(other, name)]));
  const { bundle, lost } = combine(
    { ...base.bundle, inputs: Object.fromEntries(Object.entries(base.bundle.inputs).filter(([modality]) => !read.some(([each]) => each === modality))) },
    { ...base.bundle, licence: base.bundle.licence === other.bundle.licence ? base.bundle.licence : `${base.bundle.licence} AND ${other.bundle.licence}`, limits: other.bundle.limits ?? [] },
    { components: copied, inputs: Object.fromEntries(read.map(([modality, { encoder, projector }]) => [modality, { encoder: nameIn(encoder), projector: projector === null ? null : nameIn(projector) }])), languageModel: nameIn(languageModel), outputs: {} },
  );
  const origins = new Map([...base.origins, ...names.map((name) => [nameIn(name), other.origins.get(name)!] as const)].filter(([name]) => bundle.components[name] !== undefined));
  return { folder: base.folder, bundle, origins, notes: [...base.notes, ...other.notes, ...(other.notes.length === 0 ? [`language model: ${other.bundle.id}; it asks for media in words (caption route).`] : []), ...lost.map((output) => `${output}: is made from no prompt, so that ${other.bundle.id} cannot ask for it.`)] };
}

/** A language model that asks in words is told of the outputs that words can ask for. */
function askingForOutputs(bundle: Bundle): Bundle {
  const name = bundle.languageModel ?? '';
  const component = bundle.components[name];
  const has = (key: string): boolean => Object.keys({ ...(typeof component?.config[key] === 'object' ? component.config[key] : null) }).length > 0;
  if (component === undefined || !asksInWords.includes(component.uses) || has('signals') || has('captions') || has('asks')) return bundle;
  const asks = Object.entries(bundle.outputs).flatMap(([output, { sources }]) => (sources.prompt === undefined ? [] : [output]));
  if (asks.length === 0) return bundle;
  return { ...bundle, components: { ...bundle.components, [name]: { ...component, config: { ...component.config, asks } } } };
}

/** A component of a bundle that can be used in another: its files by absolute paths. */
function componentOf({ folder, bundle }: Assembled, name: string): BundleComponent {
  const component = bundle.components[name];
  if (component === undefined) throw new AnymodalError('bundle_invalid', `bundle ${folder}: no component "${name}"`);
  const files = Object.entries(component.files).map(([key, file]) => [key, { ...file, path: resolve(folder, file.path) }] as const);
  return { ...component, files: Object.fromEntries(files) };
}

/**
 * `base` with the output of another in place of its own of this name; the language model asks for it in words. What the other makes of an embedding
 * it makes of this bundle's too where both joint spaces have one width, as ImageBind's and the one that unCLIP was trained on.
 */
function withOutput(base: Assembled, output: string, other: Assembled): Assembled {
  const offered = Object.entries(other.bundle.outputs);
  const given = other.bundle.outputs[output] ?? (offered.length === 1 ? offered[0]?.[1] : undefined);
  if (given === undefined) throw new AnymodalError('unsupported', `use ${output}: ${other.bundle.id} makes no "${output}"; it makes ${offered.map(([name]) => name).join(', ') || 'nothing'}`);
  const { prompt } = given.sources;
  // Without an encoder of its own a bundle takes no media of the modality that the other can edit.
  const inputs = Object.entries(other.bundle.inputs).filter(([modality]) => base.bundle.inputs[modality] === undefined && modality === output);
  const sameSpace = base.bundle.joint === null ? inputs.length > 0 : base.bundle.joint === other.bundle.joint;
  const joint = sameSpace ? given.sources.joint : undefined;
  if (prompt === undefined && (joint === undefined || base.bundle.languageModel !== null)) throw new AnymodalError('unsupported', `use ${output}: ${other.bundle.id} makes it from no prompt, so that another bundle cannot ask for it`);
  const nameIn = (name: string): string => (base.bundle.components[name] === undefined ? name : `${output}-${name}`);
  const copied = (name: string): readonly [string, BundleComponent] => [nameIn(name), componentOf(other, name)];
  const sources = { ...(prompt !== undefined && { prompt }), ...(joint !== undefined && { joint }) };
  const taken = [given.decoder, ...Object.values(sources), ...inputs.map(([, { encoder }]) => encoder)];
  const merged: Bundle = {
    ...base.bundle,
    licence: base.bundle.licence === other.bundle.licence ? base.bundle.licence : `${base.bundle.licence} AND ${other.bundle.licence}`,
    components: { ...base.bundle.components, ...Object.fromEntries(taken.map(copied)) },
    inputs: { ...base.bundle.inputs, ...Object.fromEntries(inputs.map(([modality, { encoder }]) => [modality, { encoder: nameIn(encoder), projector: null }])) },
    joint: base.bundle.joint ?? (inputs.length > 0 ? other.bundle.joint : null),
    outputs: { ...base.bundle.outputs, [output]: { decoder: nameIn(given.decoder), sources: Object.fromEntries(Object.entries(sources).map(([type, name]) => [type, nameIn(name)])), chat: 'caption' } },
    groups: base.bundle.groups.flatMap(({ leader, followers }) => {
      const left = followers.filter((name) => name !== output);
      return leader === output || left.length === 0 ? [] : [{ leader, followers: left }];
    }),
  };
  const used = usedBy(merged);
  const origins = new Map([...base.origins, ...taken.map((name) => [nameIn(name), other.origins.get(name)!] as const)].filter(([name]) => used.has(name)));
  const bundle = { ...merged, components: Object.fromEntries(Object.entries(merged.components).filter(([name]) => used.has(name))) };
  const asked = base.bundle.languageModel === null ? 'is made from a prompt' : "is asked for in the language model's words or the user's (caption route), not by its hidden states";
  const embedded = joint === undefined ? 'and not from the embedding of another medium' : `or from an embedding, which is right where the joint space of ${base.bundle.id} is the one that ${other.bundle.id} knows`;
  const notes = [...base.notes, ...other.notes, `${output}: made by ${other.bundle.id}; it ${asked}, ${embedded}.`];
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
