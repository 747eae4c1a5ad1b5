// What a command is given of the world: streams, folder, environment, Ctrl-C, and the way to start an engine.
// Types, plus the small ways of writing to the streams; tests pass their own.
import type { Readable, Writable } from 'node:stream';
import type { DeviceChoice, Engine } from '../contracts.ts';
import type { Environment } from './environment.ts';
import type { Interruption } from './interruption.ts';

export type Input = Readable & { readonly isTTY?: boolean };
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface Shell {
  readonly stdin: Input;
  /** Results and events; nothing else is written here. */
  readonly stdout: Output;
  /** Progress, warnings and errors. */
  readonly stderr: Output;
  /** Folder that relative paths begin from. */
  readonly folder: string;
  readonly environment: Environment;
  readonly interruption: Interruption;
  /** Opens the bundle in `folder`; throws `bundle_invalid`, `device_unavailable`, or `aborted` where `signal` ends it meanwhile. The caller closes it. */
  startEngine(folder: string, device: DeviceChoice, signal?: AbortSignal): Promise<Engine>;
}

/** Exit codes of every command. */
export const exitCode = { good: 0, failed: 1, badInput: 2, cancelled: 130 } as const;

/** Whether progress may be redrawn in place on `stream`. */
export function canRedraw(stream: Output, environment: Environment): boolean {
  return stream.isTTY === true && !environment.dumb;
}

/** `text` dimmed where `stream` shows colours and the user wants them. */
export function dim(text: string, stream: Output, environment: Environment): string {
  return canRedraw(stream, environment) && environment.colour ? `\u001b[2m${text}\u001b[22m` : text;
}

/** Resolves when `stream` has taken everything that was written to it. */
export async function flush(stream: Output): Promise<void> {
  if (stream.destroyed || !stream.writable) return;
  await new Promise<void>((resolve) => {
    stream.write('', () => {
      resolve();
    });
  });
}
