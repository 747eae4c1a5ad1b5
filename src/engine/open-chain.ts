// Opens every component of a bundle and wires them into a chain; describes what the chain can do.
// Knows no factory by name and runs no job.

import type { ComponentKinds, Device, Disposable, Encoding, EngineDescription, Source } from '../contracts.ts';
import type { OpenedBundle } from '../bundle/open.ts';
import type { Chain, ChainInput, ChainOutput, Named } from '../chain.ts';
import { AnymodalError } from '../errors.ts';
import { Recent } from './recent.ts';

export interface OpenChain extends Chain, Disposable {
  /** Modalities whose encoder gives a joint embedding. */
  readonly jointInputs: ReadonlySet<string>;
  /** What components had to say when they were opened, a sentence each. */
  readonly notes: readonly string[];
}

type Components = { readonly [K in keyof ComponentKinds]: Map<string, ComponentKinds[K]> };

/** Encodings that are kept: some thousands of pictures at a few kilobytes each. */
const ENCODING_CACHE_BYTES = 64 * 2 ** 20;

const sourceTypes: readonly Source['type'][] = ['signal', 'prompt', 'joint'];

/**
 * Opens each component once, in the order of bundle.json. The caller disposes the chain; a failure closes what was open.
 * Throws `bundle_invalid`, `device_unavailable` and what factories throw.
 */
export async function openChain(opened: OpenedBundle, device: Device): Promise<OpenChain> {
  const components: Components = { encoder: new Map(), 'input-projector': new Map(), 'language-model': new Map(), 'output-projector': new Map(), decoder: new Map(), engine: new Map() };
  const notes: string[] = [];
  const dispose = async (): Promise<void> => disposeAll(components);
  try {
    for (const name of Object.keys(opened.bundle.components)) await openComponent(opened, name, device, components, (text) => void notes.push(text));
    return { ...wire(opened, components), notes, encodings: new Recent(ENCODING_CACHE_BYTES, bytesOf), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function openComponent(opened: OpenedBundle, name: string, device: Device, components: Components, note: (text: string) => void): Promise<void> {
  const { factory, source: files } = opened.component(name, device);
  const source = { ...files, note };
  switch (factory.kind) {
    case 'encoder':
      components.encoder.set(name, await factory.open(source));
      break;
    case 'input-projector':
      components['input-projector'].set(name, await factory.open(source));
      break;
    case 'language-model':
      components['language-model'].set(name, await factory.open(source));
      break;
    case 'output-projector':
      components['output-projector'].set(name, await factory.open(source));
      break;
    case 'decoder':
      components.decoder.set(name, await factory.open(source));
      break;
    case 'engine':
      throw new AnymodalError('internal', `component "${name}" is an engine and no part of a chain`);
  }
}

function wire(opened: OpenedBundle, components: Components): Omit<OpenChain, 'encodings' | 'notes' | 'dispose'> {
  const { bundle } = opened;
  const inputs = new Map<string, ChainInput>();
  const jointInputs = new Set<string>();
  for (const [modality, { encoder, projector }] of Object.entries(bundle.inputs)) {
    inputs.set(modality, { encoder: named(components.encoder, encoder), projector: projector === null ? null : named(components['input-projector'], projector) });
    if (opened.component(encoder, 'cpu').ports.out['joint'] !== undefined) jointInputs.add(modality);
  }
  const outputs = new Map<string, ChainOutput>();
  for (const [name, { decoder, sources, chat }] of Object.entries(bundle.outputs)) {
    const projectors: Partial<Record<Source['type'], Named<ComponentKinds['output-projector']>>> = {};
    for (const type of sourceTypes) {
      const projector = sources[type];
      if (projector === undefined) continue;
      const given = named(components['output-projector'], projector);
      if (given.component.accepts !== type) throw new AnymodalError('bundle_invalid', `outputs.${name}.sources.${type}: ${projector} reads a ${given.component.accepts}, expected one that reads a ${type}`);
      projectors[type] = given;
    }
    outputs.set(name, { decoder: named(components.decoder, decoder), sources: projectors, chat });
  }
  const languageModel = bundle.languageModel === null ? null : named(components['language-model'], bundle.languageModel);
  return { bundle, inputs, outputs, groups: bundle.groups, languageModel, jointInputs };
}

function named<T>(components: ReadonlyMap<string, T>, name: string): Named<T> {
  const component = components.get(name);
  if (component === undefined) throw new AnymodalError('internal', `component "${name}" is not open`);
  return { name, component };
}

/** Disposes everything, whatever fails, then throws the first failure. */
async function disposeAll(components: Components): Promise<void> {
  const open = Object.values(components).flatMap((ofKind: Map<string, Disposable>) => [...ofKind.values()]);
  for (const ofKind of Object.values(components)) ofKind.clear();
  const results = await Promise.allSettled(open.map(async (component) => component.dispose()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function bytesOf({ tokens, joint, tracks }: Encoding): number {
  return tokens.data.byteLength + (joint?.data.byteLength ?? 0) + tracks.reduce((sum, track) => sum + track.bytes.byteLength, 0);
}

/** What the chain can do, as plain data. */
export function describeChain(chain: OpenChain, licence: string, device: Device, deviceNote: string | null): EngineDescription {
  return {
    bundle: chain.bundle.id,
    version: chain.bundle.version,
    licence,
    device,
    deviceNote,
    inputs: [...chain.inputs].map(([modality, { encoder, projector }]) => ({
      modality,
      mediaTypes: encoder.component.mediaTypes,
      signatures: encoder.component.signatures ?? [],
      joint: chain.jointInputs.has(modality),
      chat: projector !== null || chain.languageModel?.component.unseen === true,
    })),
    outputs: [...chain.outputs].map(([name, { decoder, sources }]) => ({
      name,
      modality: decoder.component.modality,
      options: decoder.component.options,
      sources: sourceTypes.filter((type) => sources[type] !== undefined),
      references: decoder.component.references,
      negative: decoder.component.negative,
    })),
    text: chain.languageModel?.component.options ?? null,
  };
}
