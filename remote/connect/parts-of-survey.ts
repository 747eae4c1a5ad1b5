// What of a server goes into a bundle, by what was asked for and what it is.
// Knows the kinds of servers; each kind's components are in a file of their own.

import { readFile } from 'node:fs/promises';
import { AnymodalError } from '../../src/errors.ts';
import { Server } from '../server/server.ts';
import { enginePart, outputParts } from './anymodal-part.ts';
import { comfyPart } from './comfyui-part.ts';
import { joined, modelFor, noParts, openaiPart, type Parts, type Settings } from './parts.ts';
import { embeddingOf } from '../openai/embeddings.ts';
import type { Survey, Use } from './survey.ts';

export const uses: readonly Use[] = ['language-model', 'embeddings', 'image', 'speech', 'audio', 'video'];

const usualOutputs = ['image', 'audio', 'speech', 'video'];

export interface Wish extends Settings {
  /** Empty: what the server is for. */
  readonly uses: readonly Use[];
  readonly model: string | null;
  /** Outputs to take or to name; empty: all, or by what they are. */
  readonly outputs: readonly string[];
  /** Path of a ComfyUI workflow. */
  readonly workflow: string | null;
  /** `FIELD=NODE.INPUT`. */
  readonly fields: readonly string[];
  /** Whether it becomes a bundle of its own. */
  readonly isWhole: boolean;
  /** Outputs of the bundle that it goes into. */
  readonly baseOutputs: readonly string[];
}

export interface FoundParts extends Parts {
  /** Where files of components lie, by component and key. */
  readonly files: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** What whoever asked should know. */
  readonly notes: readonly string[];
}

/** Throws `bad_input` and `unknown_model` where what was asked for is not there. */
export async function partsOf(found: Survey, wish: Wish, signal: AbortSignal): Promise<FoundParts> {
  const none = { files: new Map<string, Readonly<Record<string, string>>>(), notes: [] };
  if (found.kind === 'comfyui') {
    if (wish.workflow === null) throw new AnymodalError('bad_input', 'connect: ComfyUI needs a workflow; in ComfyUI choose Workflow, Export (API), and give the file with --workflow.');
    const { part, file, note } = comfyPart(found, wish.workflow, await readNamed(wish.workflow), wish.fields, wish.outputs[0] ?? null, wish);
    return { ...part, files: new Map([[file, { workflow: wish.workflow }]]), notes: [note] };
  }
  if (wish.workflow !== null) throw new AnymodalError('bad_input', `connect: --workflow is for ComfyUI, and the server at ${new URL(found.url).origin} is ${found.kind}.`);
  if (found.kind === 'anymodal') return { ...(wish.isWhole && wish.outputs.length === 0 ? enginePart(found, wish.model, wish) : outputParts(found, wish.model, wish.outputs, wish)), ...none };
  const wanted = wish.uses.length > 0 ? wish.uses : [usual(found, wish)];
  const decoders = wanted.filter((use) => use !== 'language-model' && use !== 'embeddings');
  // A language model alone may be put over another bundle later (`--use language-model=FOLDER`); what that one lacks is not offered.
  const outputs = [...new Set([...(wish.isWhole ? usualOutputs : wish.baseOutputs), ...decoders])];
  const parts: Parts[] = [];
  for (const use of wanted) parts.push(openaiPart(found, use, wish.model, wish, outputs, use === 'embeddings' ? await widthOf(found, wish, signal) : 0));
  return { ...noParts, ...joined(parts), ...none };
}

function usual({ models }: Survey, { model }: Wish): Use {
  const named = models.find(({ id }) => id === model || id === `${model}:latest`);
  return named?.use ?? (models.some(({ use }) => use === 'language-model') ? 'language-model' : (models[0]?.use ?? 'language-model'));
}

/** How wide the embeddings of a model are: what it gives for a word. */
async function widthOf(found: Survey, wish: Wish, signal: AbortSignal): Promise<number> {
  const server = new Server({ name: 'connect' }, { url: found.url, keyVariable: wish.keyVariable, concurrency: 1, timeoutMs: 120_000, retries: 0 });
  return (await embeddingOf(server, modelFor(found, 'embeddings', wish.model).id, 'word', signal)).length;
}

/** A file that the user named. Throws `bad_input`. */
async function readNamed(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new AnymodalError('bad_input', `connect: "${path}" cannot be read.`);
  }
}
