// Opens the graph of a component and compares its ports with what the component's config says.
// Knows shapes and names; nothing of what flows through.

import { basename } from 'node:path';
import type { ComponentSource } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { openSession, requirePorts } from './sessions.ts';
import type { PortInfo, Session } from './sessions.ts';

/** Element type and axes of a port; null is an axis that may have any length. */
export interface GraphPort {
  readonly type: 'float32' | 'int64';
  readonly shape: readonly (number | null)[];
}

export interface GraphPorts {
  readonly inputs: Readonly<Record<string, GraphPort>>;
  readonly outputs: Readonly<Record<string, GraphPort>>;
}

/**
 * Opens the file `file` of a component; the caller releases the session. An axis that the graph leaves open fits any length.
 * @throws AnymodalError `bundle_invalid` where the file is no graph or its ports differ, naming every difference, `device_unavailable`.
 */
export async function openGraph(source: ComponentSource, file: string, ports: GraphPorts): Promise<Session> {
  const path = source.path(file);
  const session = await openSession(path, { device: source.device });
  try {
    requirePorts(session, path, { inputs: types(ports.inputs), outputs: types(ports.outputs) });
    const faults = [...shapeFaults('input', session.inputs, ports.inputs), ...shapeFaults('output', session.outputs, ports.outputs)];
    if (faults.length > 0) {
      throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} and the component's config disagree: ${faults.join('; ')}. Correct the config or export the graph again.`);
    }
    return session;
  } catch (error) {
    await session.release();
    throw error;
  }
}

function types(ports: Readonly<Record<string, GraphPort>>): Record<string, string> {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, port.type]));
}

function shapeFaults(side: string, found: readonly PortInfo[], expected: Readonly<Record<string, GraphPort>>): string[] {
  return found.flatMap(({ name, shape }) => {
    const wanted = expected[name]?.shape;
    if (wanted === undefined) return [];
    const fits = wanted.length === shape.length && wanted.every((length, axis) => length === null || typeof shape[axis] !== 'number' || shape[axis] === length);
    return fits ? [] : [`${side} ${name} is [${shape.join(', ')}], expected [${wanted.map((length) => length ?? 'any').join(', ')}]`];
  });
}
