// From what a server has to the components of a bundle: one for each thing that it is to do. Writes nothing and asks nobody.

import { AnymodalError } from '../../src/errors.ts';
import type { FoundModel, Survey, Use } from './survey.ts';

/** A component as bundle.json has it. */
export interface PartComponent {
  readonly kind: 'encoder' | 'language-model' | 'output-projector' | 'decoder' | 'engine';
  readonly uses: string;
  readonly files: Readonly<Record<string, { readonly path: string; readonly sha256: string; readonly bytes: number }>>;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface Parts {
  readonly components: Readonly<Record<string, PartComponent>>;
  readonly inputs: Readonly<Record<string, { readonly encoder: string; readonly projector: null }>>;
  readonly languageModel?: string;
  readonly outputs: Readonly<Record<string, { readonly decoder: string; readonly sources: { readonly prompt: string }; readonly chat: 'caption' }>>;
  /** Does everything; alone. */
  readonly engine?: string;
  /** What cannot be done, a sentence each. */
  readonly limits: readonly string[];
}

export interface Settings {
  readonly keyVariable: string | null;
  readonly concurrency: number | null;
  readonly timeoutMs: number | null;
}

export const noParts: Parts = { components: {}, inputs: {}, outputs: {}, limits: [] };

/** The config that every component of a server has; what is not said has the default. */
export function serverFields({ url }: Pick<Survey, 'url'>, { keyVariable, concurrency, timeoutMs }: Settings): Record<string, unknown> {
  return { url, ...(keyVariable !== null && { keyVariable }), ...(concurrency !== null && { concurrency }), ...(timeoutMs !== null && { timeoutMs }) };
}

export function joined(parts: readonly Parts[]): Parts {
  const all: Parts = parts.reduce((sum, part) => ({ ...sum, ...part, components: { ...sum.components, ...part.components }, inputs: { ...sum.inputs, ...part.inputs }, outputs: { ...sum.outputs, ...part.outputs }, limits: [...new Set([...sum.limits, ...part.limits])] }), noParts);
  return all;
}

/**
 * The model that is to do `use`: the one of that name, else the first of its kind.
 * Throws `unknown_model` naming those that there are.
 */
export function modelFor({ models, url }: Survey, use: Use, name: string | null): FoundModel {
  if (name !== null) return models.find(({ id }) => id === name || id === `${name}:latest`) ?? { id: name, use, tools: null, reads: [] };
  const found = models.find((model) => model.use === use);
  if (found !== undefined) return found;
  throw new AnymodalError('unknown_model', `connect: ${new URL(url).origin} lists no model for ${use}; it lists ${models.slice(0, 12).map(({ id }) => id).join(', ') || 'none'}. Name the model with --name.`);
}

/** The component names that a prompt reaches a decoder by. */
export const words: { readonly [name: string]: PartComponent } = { words: { kind: 'output-projector', uses: 'text-characters', files: {}, config: {} } };

/** An output with its decoder, made from words. */
export function outputPart(output: string, uses: string, config: Readonly<Record<string, unknown>>, reads: readonly string[], limits: readonly string[]): Parts {
  const decoder = `remote-${output}`;
  return {
    components: { ...words, ...readers(reads).components, [decoder]: { kind: 'decoder', uses, files: {}, config } },
    inputs: readers(reads).inputs,
    outputs: { [output]: { decoder, sources: { prompt: 'words' }, chat: 'caption' } },
    limits,
  };
}

/** Inputs for media that are read elsewhere. */
export function readers(modalities: readonly string[]): Pick<Parts, 'components' | 'inputs'> {
  return {
    components: Object.fromEntries(modalities.map((modality) => [`${modality}-reader`, { kind: 'encoder', uses: 'whole-media', files: {}, config: { modality } }])),
    inputs: Object.fromEntries(modalities.map((modality) => [modality, { encoder: `${modality}-reader`, projector: null }])),
  };
}

/**
 * The parts for one use of a server with OpenAI's routes.
 *
 * @param outputs those that a language model can ask for
 * @param width of embeddings
 */
export function openaiPart(found: Survey, use: Use, name: string | null, settings: Settings, outputs: readonly string[], width: number): Parts {
  const model = modelFor(found, use, name);
  const config = { ...serverFields(found, settings), model: model.id };
  const { origin } = new URL(found.url);
  const goesOn = (what: string): string => `A ${what} that is cancelled may be finished by ${origin}, which is told so only by the end of the connection.`;
  if (use === 'language-model') {
    const requests = model.tools === false ? 'text' : 'tools';
    const more = found.kind === 'openai' && /(^|\.)(openai\.com|azure\.com)$/.test(new URL(found.url).hostname) ? { moreSampling: false, limitField: 'max_completion_tokens' } : {};
    return {
      components: { ...readers(model.reads).components, 'language-model': { kind: 'language-model', uses: 'openai-language-model', files: {}, config: { ...config, outputs, requests, ...(model.reads.length > 0 && { reads: model.reads }), ...more } } },
      inputs: readers(model.reads).inputs,
      languageModel: 'language-model',
      outputs: {},
      limits: [`Its language model is ${model.id} at ${origin}; what is said to it goes there.`],
    };
  }
  if (use === 'embeddings') {
    return {
      components: { 'text-encoder': { kind: 'encoder', uses: 'openai-embeddings', files: {}, config: { ...config, width, joint: true } } },
      inputs: { text: { encoder: 'text-encoder', projector: null } },
      outputs: {},
      limits: [`Texts that are compared or searched for are sent to ${origin}.`],
    };
  }
  if (use === 'image') return outputPart('image', 'openai-image', { ...config, parameters: parametersOf(found) }, ['image'], [goesOn('picture')]);
  if (use === 'video') return outputPart('video', 'openai-video', config, ['image'], [goesOn('video')]);
  if (use === 'speech') return outputPart('speech', 'openai-audio', { ...config, route: 'speech' }, [], [goesOn('speech')]);
  return outputPart('audio', 'openai-audio', { ...config, route: 'sound-generation' }, [], [goesOn('sound')]);
}

/** Fields beyond OpenAI's that a server is known to take; without a known kind none, since OpenAI refuses what it does not know. */
function parametersOf({ kind, url }: Survey): Readonly<Record<string, string>> {
  const isOpenai = /(^|\.)(openai\.com|azure\.com)$/.test(new URL(url).hostname);
  return kind === 'openai' && isOpenai ? {} : { seed: 'seed', negative: 'negative_prompt' };
}
