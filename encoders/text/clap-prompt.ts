// The factory `clap-prompt`: a prompt to the one vector that an AudioLDM decoder is told, by CLAP's text tower with its projection.
// A decoder's own text encoder; knows no decoder. Source: Wu et al. 2023 (arXiv 2211.06687); diffusers AudioLDMPipeline._encode_prompt.

import type { Conditioning, Factory, JsonSchema } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { l2Normalise } from '../../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { openTextTower } from './text-tower.ts';

interface ClapPromptConfig {
  readonly width: number;
  readonly maxTokens: number;
  readonly output: string;
}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['width'],
  properties: {
    width: { type: 'integer', minimum: 1, description: 'Width of the projected vector.' },
    maxTokens: { type: 'integer', minimum: 3, default: 512, description: 'Longest text in tokens, start and end token included.' },
    output: { type: 'string', minLength: 1, default: 'text_embeds', description: 'Output with one vector a text.' },
  },
};

/** Files: `model`, `tokenizer`. `tokens` [1, width] and, of no prompt, `emptyTokens` [1, width], of length 1. */
export const clapPrompt: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 'clap-prompt',
  config,
  ports(given) {
    const { width } = readConfig(given);
    return { in: {}, out: { tokens: [1, width], emptyTokens: [1, width] } };
  },
  async open(source) {
    const { width, maxTokens, output } = readConfig(source.config);
    const tower = await openTextTower(source, { output, width, maxTokens, pad: null });
    let empty: Promise<Float32Array> | null = null;
    const none = async (): Promise<Float32Array> => l2Normalise((await tower.read('')).data);
    return {
      accepts: 'prompt',
      async project(given, context): Promise<Conditioning> {
        if (given.type !== 'prompt') throw new AnymodalError('internal', `clap-prompt got a ${given.type}; expected a prompt.`);
        context.signal.throwIfAborted();
        const { data, pieces, read } = await tower.read(given.text);
        if (read < pieces) context.warn('prompt_truncated', `The prompt has ${pieces} word pieces; the text encoder reads the first ${read}.`);
        return {
          tokens: { shape: [1, width], data: l2Normalise(data) },
          emptyTokens: { shape: [1, width], data: (await (empty ??= none())).slice() },
        };
      },
      dispose: async () => tower.dispose(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ClapPromptConfig {
  return requireConfig('clap-prompt', checkSchema<ClapPromptConfig>(config, given, 'config'));
}
