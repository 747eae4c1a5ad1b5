// The factory `t5-prompt`: a prompt to the hidden states of a T5 or Flan-T5 encoder, a row a token, as conditioning of a decoder.
// A decoder's own text encoder; knows no decoder. Source: Raffel et al. 2020 (arXiv 1910.10683).

import type { Conditioning, Factory, JsonSchema } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { openTextTower } from './text-tower.ts';

interface T5PromptConfig {
  readonly width: number;
  readonly maxTokens: number;
  readonly output: string;
  readonly fill: boolean;
}

const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['width'],
  properties: {
    width: { type: 'integer', minimum: 1, description: 'Width of the hidden states.' },
    maxTokens: { type: 'integer', minimum: 2, default: 512, description: 'Longest text in tokens, the end included.' },
    output: { type: 'string', minLength: 1, default: 'last_hidden_state', description: 'Output with the hidden states.' },
    fill: { type: 'boolean', default: false, description: 'Whether every prompt is filled up to maxTokens, whose states the decoder was trained with.' },
  },
};

/** Files: `model`, `tokenizer`. `tokens` [n, width] and, of no prompt, `emptyTokens` [m, width]: with `fill` both of `maxTokens` rows. */
export const t5Prompt: Factory<'output-projector'> = {
  kind: 'output-projector',
  name: 't5-prompt',
  config,
  ports(given) {
    const { width, maxTokens, fill } = readConfig(given);
    const rows = [fill ? maxTokens : null, width];
    return { in: {}, out: { tokens: rows, emptyTokens: rows } };
  },
  async open(source) {
    const { width, maxTokens, output, fill } = readConfig(source.config);
    const tower = await openTextTower(source, { output, width, maxTokens, pad: fill ? '<pad>' : null });
    let empty: Promise<Float32Array> | null = null;
    const none = async (): Promise<Float32Array> => (await tower.read('')).data;
    return {
      accepts: 'prompt',
      async project(given, context): Promise<Conditioning> {
        if (given.type !== 'prompt') throw new AnymodalError('internal', `t5-prompt got a ${given.type}; expected a prompt.`);
        context.signal.throwIfAborted();
        const { data, rows, pieces, read } = await tower.read(given.text);
        if (read < pieces) context.warn('prompt_truncated', `The prompt has ${pieces} word pieces; the text encoder reads the first ${read}.`);
        const without = await (empty ??= none());
        return { tokens: { shape: [rows, width], data }, emptyTokens: { shape: [without.length / width, width], data: without.slice() } };
      },
      dispose: async () => tower.dispose(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): T5PromptConfig {
  return requireConfig('t5-prompt', checkSchema<T5PromptConfig>(config, given, 'config'));
}
