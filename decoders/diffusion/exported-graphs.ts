// Opens graphs with the ports that Optimum gives the parts of diffusers' pipelines, and reads numbers that lie beside them.
// Knows files and ports; nothing of what a graph computes.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ComponentSource } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { inputPort } from '../../src/runtime/float16.ts';
import { openSession } from '../../src/runtime/sessions.ts';
import type { Session } from '../../src/runtime/sessions.ts';

export interface ExportedGraphs {
  /** Opens a file with exactly these inputs and one of these outputs. Throws `bundle_invalid` where its ports differ. */
  open(file: string, inputs: readonly string[], outputs: readonly string[]): Promise<Session>;
  /** The float32 numbers of a file. */
  floats(file: string): Promise<Float32Array>;
  /** Gives back what was opened. */
  release(): Promise<void>;
}

/** The files of one component. */
export function exportedGraphs(source: ComponentSource): ExportedGraphs {
  const sessions: Session[] = [];
  return {
    async open(file, inputs, outputs) {
      const path = source.path(file);
      const session = await openSession(path, { device: source.device });
      sessions.push(session);
      for (const name of inputs) inputPort(session, basename(path), name);
      const known = session.outputs.map((output) => output.name);
      if (outputs.every((name) => !known.includes(name))) throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} has no output ${outputs.join(' or ')}; it has ${known.join(', ')}. Export the graph again.`);
      const extra = session.inputs.filter(({ name }) => !inputs.includes(name)).map(({ name }) => name);
      if (extra.length > 0) throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} wants ${extra.join(', ')}, which this decoder does not give; it gives ${inputs.join(', ')}.`);
      return session;
    },
    async floats(file) {
      const bytes = await readFile(source.path(file));
      return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength - (bytes.byteLength % 4)));
    },
    async release() {
      await Promise.all(sessions.map(async (session) => session.release()));
    },
  };
}
