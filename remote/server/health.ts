// Whether a server is there when a bundle is opened: what can be mended by its operator is a note, since the rest of the bundle may work without it.
// Knows no protocol beyond OpenAI's list of models.

import type { ComponentSource } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { fieldOf } from './failures.ts';
import type { Server } from './server.ts';

const PROBE_MS = 5000;

/**
 * Asks a route of the server; says with `source.note` where it does not answer or `judge` finds something to say.
 * Throws `access_denied` where the key is refused: nothing would work.
 */
export async function probe(source: ComponentSource, server: Server, path: string, judge: (answer: unknown) => string | null): Promise<void> {
  let note: string | null;
  try {
    note = judge(await server.json(path, { timeoutMs: PROBE_MS, retries: 0 }, new AbortController().signal));
  } catch (error) {
    if (!(error instanceof AnymodalError) || error.code === 'access_denied') throw error;
    note = `${error.code === 'timeout' ? `${source.name}: ${server.origin} does not answer.` : error.message} What it is needed for fails until then.`;
  }
  if (note !== null) source.note?.(note);
}

/** What a list of models in OpenAI's shape has to say of `model`. A server that lists none, or other names, may serve it all the same. */
export function judgeModels(source: ComponentSource, server: Server, model: string | null): (answer: unknown) => string | null {
  return (answer) => {
    const data = fieldOf(answer, 'data');
    if (model === null || !Array.isArray(data)) return null;
    const names = data.flatMap((each: unknown) => [fieldOf(each, 'id'), ...aliasesOf(each)]).filter((id) => typeof id === 'string');
    // Ollama lists `name:latest` for `name`.
    if (names.length === 0 || names.some((name) => name === model || name === `${model}:latest`)) return null;
    return `${source.name}: ${server.origin} lists no model "${model}"; it lists ${names.slice(0, 8).map((name) => JSON.stringify(name.slice(0, 80))).join(', ')}.`;
  };
}

function aliasesOf(model: unknown): readonly unknown[] {
  const aliases = fieldOf(model, 'aliases');
  return Array.isArray(aliases) ? aliases : [];
}
