// What kind of server answers at an address, and which models it has for what. Asks a few routes once each; starts no work.
// Knows how servers tell themselves apart; writes no bundle.

import { AnymodalError } from '../../src/errors.ts';
import { fieldOf } from '../server/failures.ts';
import { Server, type Call } from '../server/server.ts';

/** What a model is for. */
export type Use = 'language-model' | 'embeddings' | 'image' | 'speech' | 'audio' | 'video';

export interface FoundModel {
  readonly id: string;
  readonly use: Use;
  /** Whether its template has a place for tools; null where the server does not say. */
  readonly tools: boolean | null;
  /** Modalities that it reads beside text. */
  readonly reads: readonly string[];
}

export type ServerKind = 'anymodal' | 'comfyui' | 'ollama' | 'llama.cpp' | 'openai';

export interface Survey {
  readonly kind: ServerKind;
  /** As the server tells it; empty where it does not. */
  readonly version: string;
  /** Without `/v1` at its end. */
  readonly url: string;
  readonly models: readonly FoundModel[];
  /** What a server of anymodal says of its default model, or of the one asked for. */
  readonly whole: unknown;
}

const PROBE_MS = 10_000;
/** Milliseconds for a server to load its model. */
const LOAD_MS = 900_000;
const kinds: readonly (readonly [Use, RegExp])[] = [
  ['embeddings', /embed|bge-|gte-|e5-|minilm/i],
  ['speech', /tts|kokoro|piper|speech|bark|orpheus|parler|xtts/i],
  ['video', /video|sora|wan[-_.\d]|ltx|hunyuan|cogvideo|zeroscope/i],
  ['image', /image|flux|stable-?diffusion|sdxl|sd[-_]?(turbo|\d)|dall|dreamshaper|pixart|kandinsky|midjourney/i],
  ['audio', /audio|music|sound|riffusion/i],
];

/** Asks the server at `url`. Throws `unavailable`, `access_denied`, and `unsupported` for one of no known kind. */
export async function survey(url: string, keyVariable: string | null, model: string | null, signal: AbortSignal): Promise<Survey> {
  const base = url.replace(/\/+$/, '').replace(/\/v1$/, '');
  if (!/^https?:\/\/[^\s@?#]+$/.test(base) || !URL.canParse(base)) throw new AnymodalError('bad_input', `connect: got an address that cannot be used, expected one such as http://127.0.0.1:11434, without name, password and query.`);
  const server = new Server({ name: 'connect' }, { url: base, keyVariable, concurrency: 8, timeoutMs: PROBE_MS, retries: 0 });
  let refused: AnymodalError | null = null;
  const ask = async (path: string, call: Call = {}): Promise<unknown> => {
    try {
      return await server.json(path, call, signal);
    } catch (error) {
      if (!(error instanceof AnymodalError)) throw error;
      if (error.code === 'access_denied' || !/\(404\)|no JSON|refuses the request/.test(error.message)) refused ??= error;
      return undefined;
    }
  };
  const [list, stats, version, props] = [await ask('v1/models'), await ask('system_stats'), await ask('api/version'), await ask('props')];
  const found = { url: base, whole: null };
  const comfy = fieldOf(fieldOf(stats, 'system'), 'comfyui_version');
  if (typeof comfy === 'string') return { ...found, kind: 'comfyui', version: comfy.slice(0, 40), models: [] };
  const ids = listed(list);
  if (ids.some((each) => fieldOf(each, 'owned_by') === 'anymodal')) {
    const id = model ?? textOf(fieldOf(ids[0], 'id'));
    const whole = await ask(`v1/models/${encodeURIComponent(id)}`, { timeoutMs: LOAD_MS });
    if (!Array.isArray(fieldOf(whole, 'outputs'))) throw refused ?? new AnymodalError('unknown_model', `connect: the server at ${server.origin} has no model "${id}"; it has ${ids.map((each) => textOf(fieldOf(each, 'id'))).join(', ')}.`);
    return { ...found, kind: 'anymodal', version: textOf(fieldOf(whole, 'version')), models: [], whole };
  }
  if (typeof fieldOf(version, 'version') === 'string') {
    const tags = fieldOf(await ask('api/tags'), 'models');
    const names = (Array.isArray(tags) ? tags : ids).map((each) => textOf(fieldOf(each, 'name') ?? fieldOf(each, 'id'))).filter((name) => name !== '');
    const models: FoundModel[] = [];
    for (const name of names.slice(0, 64)) models.push(ofOllama(name, await ask('api/show', { json: { model: name } })));
    return { ...found, kind: 'ollama', version: textOf(fieldOf(version, 'version')), models };
  }
  if (fieldOf(props, 'default_generation_settings') !== undefined) {
    const { tools, reads } = ofLlama(props);
    return { ...found, kind: 'llama.cpp', version: textOf(fieldOf(props, 'build_info')), models: ids.map((each) => ({ ...guessed(textOf(fieldOf(each, 'id'))), tools, reads })) };
  }
  if (ids.length > 0 || list !== undefined) return { ...found, kind: 'openai', version: '', models: ids.map((each) => guessed(textOf(fieldOf(each, 'id')))) };
  throw refused ?? new AnymodalError('unsupported', `connect: the server at ${server.origin} is of no known kind: it has neither /v1/models nor /system_stats. Known are anymodal, ComfyUI, llama.cpp, Ollama and servers with OpenAI's routes.`);
}

function listed(list: unknown): readonly unknown[] {
  const data = fieldOf(list, 'data');
  return Array.isArray(data) ? data.slice(0, 1000) : [];
}

/** What its name says that a model is for. */
function guessed(id: string): FoundModel {
  return { id, use: kinds.find(([, pattern]) => pattern.test(id))?.[0] ?? 'language-model', tools: null, reads: [] };
}

function ofOllama(name: string, shown: unknown): FoundModel {
  const can = fieldOf(shown, 'capabilities');
  if (!Array.isArray(can)) return guessed(name);
  const use = can.includes('completion') ? 'language-model' : can.includes('embedding') ? 'embeddings' : can.includes('image') ? 'image' : guessed(name).use;
  return { id: name, use, tools: can.includes('tools'), reads: can.includes('vision') ? ['image'] : [] };
}

function ofLlama(props: unknown): Pick<FoundModel, 'tools' | 'reads'> {
  const modalities = fieldOf(props, 'modalities');
  const caps = fieldOf(fieldOf(props, 'chat_template_caps'), 'supports_tools');
  const template = fieldOf(props, 'chat_template');
  const tools = typeof caps === 'boolean' ? caps : typeof template === 'string' ? /\btools\b/.test(template) : null;
  return { tools, reads: [...(fieldOf(modalities, 'vision') === true ? ['image'] : []), ...(fieldOf(modalities, 'audio') === true ? ['audio'] : [])] };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 200) : '';
}
