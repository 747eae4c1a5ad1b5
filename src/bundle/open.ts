// Opens a bundle: reads bundle.json, checks it whole, and hands out what factories need to open components.
// Opens no graph and knows no factory by name; reports every fault at once.

import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { AnyFactory, ComponentSource, Device } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { checkSchema } from '../schema.ts';
import schema from './bundle.schema.json' with { type: 'json' };
import { faultsOfEdges, type Wired } from './edges.ts';
import { faultOfFile, type VerifiedFiles } from './files.ts';
import type { Bundle } from './format.ts';

/** A bundle whose files, configs and wiring are right. */
export interface OpenedBundle {
  /** Absolute. */
  readonly folder: string;
  readonly bundle: Bundle;
  /** The factory of a component of this bundle, its ports, and what it opens the component from. */
  component(name: string, device: Device): Wired & { readonly source: ComponentSource };
}

/**
 * Checks a bundle's folder against the factories that there are.
 * Throws `unknown_model` where there is no bundle.json, and `bundle_invalid` with one line for each fault.
 *
 * @param verified files hashed before, kept by the caller; pass the same map to skip files that have not changed
 */
export async function openBundle(folder: string, factories: readonly AnyFactory[], verified: VerifiedFiles = new Map()): Promise<OpenedBundle> {
  const root = resolve(folder);
  const bundle = await readBundle(root);
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

  for (const [name, component] of Object.entries(bundle.components)) {
    for (const [key, file] of Object.entries(component.files)) {
      const fault = await faultOfFile(root, file, verified);
      if (fault !== null) faults.push(`components.${name}.files.${key}: ${fault}`);
    }
  }
  if (faults.length > 0) throw invalid(root, faults);

  return {
    folder: root,
    bundle,
    component(name, device) {
      const files = bundle.components[name]?.files ?? {};
      const known = wired.get(name);
      if (known === undefined) throw new AnymodalError('internal', `bundle ${bundle.id} has no component "${name}"`);
      const path = (key: string): string => {
        const file = files[key];
        if (file === undefined) throw new AnymodalError('bundle_invalid', `components.${name}.files: "${key}" is missing; ${known.factory.name} reads it, and there are ${Object.keys(files).join(', ') || 'none'}`);
        return join(root, file.path);
      };
      return { ...known, source: { name, config: configs.get(name) ?? {}, path, device } };
    },
  };
}

/** What the bundle.json in a folder says, by its schema alone: no files, no factories. Throws as `openBundle` does. */
export async function readBundle(folder: string): Promise<Bundle> {
  const root = resolve(folder);
  return parse(root, await read(root));
}

/** The one error of a bundle with faults: a first line, then one line for each. */
function invalid(root: string, faults: readonly string[]): AnymodalError {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return new AnymodalError('bundle_invalid', [`bundle ${root}: ${count}`, ...faults.map((fault) => `  ${fault}`)].join('\n'));
}

async function read(root: string): Promise<string> {
  const path = join(root, 'bundle.json');
  const found = await stat(path).catch(() => null);
  if (found?.isFile() !== true) throw new AnymodalError('unknown_model', `no bundle.json in ${root}; give a bundle id or a folder with a bundle.json`);
  return readFile(path, 'utf8');
}

function parse(root: string, text: string): Bundle {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(root, [`bundle.json is no JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const newer = checkSchema<{ format: number }>({ type: 'object', required: ['format'], properties: { format: { type: 'integer', minimum: 2 } } }, value, 'bundle').value;
  if (newer !== null) throw invalid(root, [`format: got ${newer.format}, expected 1; use a newer anymodal`]);
  const checked = checkSchema<Bundle>(schema, value, 'bundle');
  if (checked.value === null) throw invalid(root, checked.faults);
  return checked.value;
}
