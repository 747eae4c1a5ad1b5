// One run of a workflow on a ComfyUI server: queued, followed by its WebSocket, its result fetched; stopped where it is left before its end.
// Knows ComfyUI's routes and messages, and no field of a workflow. Source: https://github.com/Comfy-Org/ComfyUI, server.py and execution.py.

import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { apart, eachApart, withName } from '../server/apart.ts';
import { fieldOf } from '../server/failures.ts';
import type { Server } from '../server/server.ts';
import { openSocket } from '../server/socket.ts';
import type { Workflow } from './workflow.ts';

export type RunEvent =
  | { readonly type: 'progress'; readonly node: string; readonly step: number; readonly steps: number }
  | { readonly type: 'preview'; readonly bytes: Uint8Array }
  | { readonly type: 'files'; readonly files: readonly ComfyFile[] };

/** A file that a node saved. */
export interface ComfyFile {
  readonly node: string;
  readonly filename: string;
  readonly subfolder: string;
  /** `output` or `temp`. */
  readonly folder: string;
}

/** Numbers before the picture in a binary message: its kind, then the picture's format or the length of what is said about it. */
const PREVIEW = 1;
const PREVIEW_WITH_WORDS = 4;
const STOP_MS = 5000;
const LOOK_MS = 250;
const MOST_LOOKS = 40;

/** Runs a workflow within `limitMs`. Throws `bad_input` where it is refused, `unavailable` where it fails, `timeout`; leaving the loop stops it there. */
export async function* runWorkflow(server: Server, workflow: Workflow, limitMs: number, context: Pick<Context, 'signal' | 'elsewhere'>): AsyncGenerator<RunEvent> {
  const client = randomUUID();
  const limit = AbortSignal.timeout(limitMs);
  const signal = AbortSignal.any([context.signal, limit]);
  const socket = await apart(context, async () => openSocket(server, `ws?clientId=${client}`, context.signal));
  let id: string | null = null;
  let runs = false;
  let done = false;
  try {
    const queued = await apart(context, async () => server.json('prompt', { json: { prompt: workflow, client_id: client } }, withName(context.signal)));
    id = textOf(fieldOf(queued, 'prompt_id'));
    if (id === '') throw new AnymodalError('unavailable', `${server.name}: ${server.origin} took the workflow and gave no prompt_id; check that config.url is the address of a ComfyUI server.`);
    for await (const message of eachApart(context, socket.messages(signal))) {
      if (typeof message !== 'string') {
        const bytes = runs ? pictureIn(message) : null;
        if (bytes !== null) yield { type: 'preview', bytes };
        continue;
      }
      const { type, data } = parsed(message);
      if (fieldOf(data, 'prompt_id') !== id) continue;
      if (['execution_start', 'executing', 'progress'].includes(type)) runs = true;
      if (type === 'progress') yield* progressIn(data);
      else if (type === 'execution_error') throw failure(server, data);
      else if (type === 'execution_interrupted') throw new AnymodalError('unavailable', `${server.name}: somebody else interrupted the workflow at ${server.origin}; try again.`);
      else if (type === 'execution_success' || (type === 'executing' && fieldOf(data, 'node') === null)) break;
    }
    const files = await apart(context, async () => filesOf(server, id ?? '', context.signal));
    done = true;
    yield { type: 'files', files };
  } catch (error) {
    context.signal.throwIfAborted();
    if (limit.aborted) throw new AnymodalError('timeout', `${server.name}: the workflow at ${server.origin} was not done within ${limitMs} ms; raise config.timeoutMs, or ask for fewer steps.`);
    throw error;
  } finally {
    socket.close();
    if (id !== null && id !== '' && !done) await stop(server, id, runs);
  }
}

/** Takes it out of the queue, or interrupts it where it runs: an older server interrupts whatever runs, so a run that waits is not interrupted. */
async function stop(server: Server, id: string, runs: boolean): Promise<void> {
  const signal = AbortSignal.timeout(STOP_MS);
  const tell = async (path: string, json: unknown): Promise<unknown> => server.json(path, { json, retries: 0, timeoutMs: STOP_MS }, signal).catch(() => null);
  await tell('queue', { delete: [id] });
  if (runs) await tell('interrupt', { prompt_id: id });
}

/** What its nodes saved, in their order. The history is written a moment after the end is told. */
async function filesOf(server: Server, id: string, signal: AbortSignal): Promise<ComfyFile[]> {
  let history: unknown;
  for (let attempt = 0; attempt < MOST_LOOKS && history === undefined; attempt += 1) {
    if (attempt > 0) await pause(LOOK_MS, undefined, { signal });
    history = fieldOf(await server.json(`history/${encodeURIComponent(id)}`, {}, signal), id);
  }
  if (history === undefined) throw new AnymodalError('unavailable', `${server.name}: ${server.origin} has no record of the workflow that it ran; look into its log.`);
  if (fieldOf(fieldOf(history, 'status'), 'status_str') === 'error') throw new AnymodalError('unavailable', `${server.name}: the workflow failed at ${server.origin}; look into its log.`);
  const outputs = fieldOf(history, 'outputs');
  const files: ComfyFile[] = [];
  for (const [node, saved] of Object.entries(typeof outputs === 'object' && outputs !== null ? outputs : {})) {
    for (const list of Object.values(typeof saved === 'object' && saved !== null ? saved : {})) {
      for (const file of Array.isArray(list) ? list : []) {
        const filename = textOf(fieldOf(file, 'filename'));
        if (filename !== '') files.push({ node, filename, subfolder: textOf(fieldOf(file, 'subfolder')), folder: textOf(fieldOf(file, 'type')) });
      }
    }
  }
  return files;
}

/** The address of a file. */
export function pathOfFile({ filename, subfolder, folder }: ComfyFile): string {
  return `view?${new URLSearchParams({ filename, subfolder, type: folder }).toString()}`;
}

function isStep(number: unknown): number is number {
  return typeof number === 'number' && Number.isInteger(number) && number > 0;
}

function* progressIn(data: unknown): Generator<RunEvent> {
  const [value, max] = [fieldOf(data, 'value'), fieldOf(data, 'max')];
  if (isStep(value) && isStep(max) && value <= max) yield { type: 'progress', node: textOf(fieldOf(data, 'node')), step: value, steps: max };
}

/** The picture in a binary message, or null. */
export function pictureIn(message: Uint8Array): Uint8Array | null {
  if (message.byteLength <= 8) return null;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const kind = view.getUint32(0);
  if (kind === PREVIEW) return message.subarray(8);
  const start = 8 + view.getUint32(4);
  return kind === PREVIEW_WITH_WORDS && start < message.byteLength ? message.subarray(start) : null;
}

function failure(server: Server, data: unknown): AnymodalError {
  // Its message may repeat the words of the prompt; the kind of error and of node do not.
  const word = (name: string): string => {
    const value = textOf(fieldOf(data, name));
    return /^[\w.]{1,80}$/.test(value) ? value : 'unknown';
  };
  return new AnymodalError('unavailable', `${server.name}: the workflow failed at ${server.origin}: ${word('exception_type')} in node ${word('node_id')} (${word('node_type')}); look into its log.`);
}

function parsed(message: string): { readonly type: string; readonly data: unknown } {
  try {
    const value: unknown = JSON.parse(message);
    return { type: textOf(fieldOf(value, 'type')), data: fieldOf(value, 'data') };
  } catch {
    return { type: '', data: null };
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value.length <= 500 ? value : '';
}
