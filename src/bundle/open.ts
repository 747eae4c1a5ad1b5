// Opens a bundle: reads bundle.json, checks it whole, and hands out what factories need to open components.
// Opens no graph and knows no factory by name; reports every fault at once.

import { resolve } from 'node:path';
import type { AnyFactory, ComponentSource, Device } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { checkSchema } from '../schema.ts';
import { assemble, invalidBundle } from './assemble.ts';
import { faultsOfEdges, type Wired } from './edges.ts';
import { faultOfFile, type VerifiedFiles } from './files.ts';
import type { Bundle } from './format.ts';

/** A bundle whose files, configs and wiring are right. */
export interface OpenedBundle {
  /** Absolute. */
  readonly folder: string;
  readonly bundle: Bundle;
  /** What cannot be done with it, a sentence each. */
  readonly notes: readonly string[];
  /** The factory of a component of this bundle, its ports, and what it opens the component from. */
  component(name: string, device: Device): Wired & { readonly source: ComponentSource };
}

/**
 * Checks a bundle against the factories that there are. Files that a bundle.json declares are read and compared; those of a folder in
 * another layout are taken as they are.
 * Throws `unknown_model` where there is no bundle, and `bundle_invalid` with one line for each fault.
 *
 * @param model folder of a bundle, or a text that puts the outputs of others in the place of its own (`textOfModel`)
 * @param verified files hashed before, kept by the caller; pass the same map to skip files that have not changed
 */
export async function openBundle(model: string, factories: readonly AnyFactory[], verified: VerifiedFiles = new Map()): Promise<OpenedBundle> {
  const { folder: root, bundle, origins, notes } = await assemble(model);
  const faults: string[] = [];

  const wired = new Map<string, Wired>();
  const configs = new Map<string, Readonly<Record<string, unknown>>>();
  for (const [name, component] of Object.entries(bundle.components)) {
    const where = `components.${name}`;
    const ofKind = factories.filter((factory) => factory.kind === component.kind);
    const factory = ofKind.find((candidate) => candidate.name === component.uses);
    if (factory === undefined) {
      faults.push(`${where}.uses: no ${component.kind} factory "${component.uses}"; there are ${ofKind.map((known) => known.name).join(', ') || 'none'}`);
      continue;
    }
    const config = checkSchema<Readonly<Record<string, unknown>>>(factory.config, component.config, `${where}.config`);
    faults.push(...config.faults);
    if (config.value === null) continue;
    configs.set(name, config.value);
    try {
      wired.set(name, { factory, ports: factory.ports(config.value) });
    } catch (error) {
      faults.push(`${where}.config: ${error instanceof Error ? error.message : 'the factory refuses it'}`);
    }
  }
  faults.push(...faultsOfEdges(bundle, wired));

  for (const [name, { folder, declared }] of origins) {
    for (const [key, file] of Object.entries(declared ?? {})) {
      const fault = await faultOfFile(folder, file, verified);
      if (fault !== null) faults.push(`components.${name}.files.${key}: ${fault}`);
    }
  }
  if (faults.length > 0) throw invalidBundle(root, faults);

  return {
    folder: root,
    bundle,
    notes,
    component(name, device) {
      const files = bundle.components[name]?.files ?? {};
      const known = wired.get(name);
      if (known === undefined) throw new AnymodalError('internal', `bundle ${bundle.id} has no component "${name}"`);
      const path = (key: string): string => {
        const file = files[key];
        if (file === undefined) throw new AnymodalError('bundle_invalid', `components.${name}.files: "${key}" is missing; ${known.factory.name} reads it, and there are ${Object.keys(files).join(', ') || 'none'}`);
        return resolve(root, file.path);
      };
      return { ...known, source: { name, config: configs.get(name) ?? {}, path, device } };
    },
  };
}

/** What the bundle of a model's text says, by its schema alone: no files, no factories. Throws as `openBundle` does. */
export async function readBundle(model: string): Promise<Bundle> {
  return (await assemble(model)).bundle;
}
