// The factory `instructed-q-former`: what learned queries read of a picture's tokens and of the question beside it, as embeddings of the language model (InstructBLIP).
// Source: Dai et al. 2023 (arXiv 2305.06500), section 2.3. Exported by training/export/instructblip.py. Knows no modality.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import type { ComponentSource, Factory, InputProjector, JsonSchema } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { openGraph } from '../src/runtime/graphs.ts';
import { floatTensor, int64Tensor } from '../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../src/schema.ts';

interface InstructedConfig {
  /** Count and width of the encoder's tokens. */
  readonly in: readonly [number, number];
  /** Count and width of the embeddings. */
  readonly out: readonly [number, number];
  /** Most ids of a question, its start and end included; of a longer one the last are read, as by the model's own processor. */
  readonly maxTokens: number;
}

const pair = (description: string): object => ({ type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 2, maxItems: 2, description });
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['in', 'out'],
  properties: {
    in: pair("Count and width of the encoder's tokens."),
    out: pair('Count and width of the embeddings.'),
    maxTokens: { type: 'integer', minimum: 3, default: 512, description: 'Most ids of a question, its start and end included.' },
  },
};

const readConfig = (given: Readonly<Record<string, unknown>>): InstructedConfig => requireConfig('instructed-q-former', checkSchema<InstructedConfig>(config, given, 'config'));

/**
 * Files: `model`, a graph `tokens` [n, d_enc] and `input_ids` [1, t] to `embeds` [m, d_model]; `tokenizer` and `tokenizerConfig` of the q-former.
 * What is read of a medium depends on the words beside it; without any it is read for no question.
 */
export const instructedQFormer: Factory<'input-projector'> = {
  kind: 'input-projector',
  name: 'instructed-q-former',
  config,
  ports: (given) => ({ in: { tokens: readConfig(given).in }, out: { embeds: readConfig(given).out } }),
  async open(source): Promise<InputProjector> {
    const { in: [count, width], out, maxTokens } = readConfig(source.config);
    const encode = await openTokenizer(source, maxTokens);
    const session = await openGraph(source, 'model', {
      inputs: { tokens: { type: 'float32', shape: [count, width] }, input_ids: { type: 'int64', shape: [1, null] } },
      outputs: { embeds: { type: 'float32', shape: out } },
    });
    return {
      async project(tokens, context, about = '') {
        if (tokens.shape.length !== 2 || tokens.shape[0] !== count || tokens.shape[1] !== width) throw new AnymodalError('internal', `${source.name} got tokens [${tokens.shape.join(', ')}]; expected [${count}, ${width}].`);
        const { ids, cut } = encode(about);
        if (cut > 0) context.warn('prompt_truncated', `${source.name}: the question beside a medium is longer than the ${maxTokens} tokens that are read there; its first ${cut} were left out.`);
        return floatTensor((await session.run({ tokens, input_ids: int64Tensor([1, ids.length], ids) })).embeds, 'embeds');
      },
      dispose: async () => session.release(),
    };
  },
};

/** Ids of a text between the tokenizer's start and end, and how many were left out. */
async function openTokenizer(source: ComponentSource, most: number): Promise<(text: string) => { ids: number[]; cut: number }> {
  const [definition, settings] = await Promise.all(['tokenizer', 'tokenizerConfig'].map(async (file) => readJson(source, file)));
  let tokenizer: Tokenizer;
  try {
    // Without added tokens what a person writes stays text, also where it spells [SEP].
    tokenizer = new Tokenizer({ ...definition, added_tokens: [] }, { ...settings });
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(source.path('tokenizer'))} is no tokenizer that can be read. Export the model again.`, { cause: error });
  }
  const [start, end, ...others] = tokenizer.encode('').ids;
  if (start === undefined || end === undefined || others.length > 0) throw new AnymodalError('bundle_invalid', `${source.name}: its tokenizer puts no start and end token around a text, as BERT's does. Export the model again.`);
  return (text) => {
    const whole = tokenizer.encode(text, { add_special_tokens: false }).ids;
    const cut = Math.max(0, whole.length - (most - 2));
    return { ids: [start, ...whole.slice(cut), end], cut };
  };
}

async function readJson(source: ComponentSource, file: string): Promise<object> {
  const path = source.path(file);
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} cannot be read as JSON. Export the model again.`, { cause: error });
  }
  if (typeof parsed === 'object' && parsed !== null) return parsed;
  throw new AnymodalError('bundle_invalid', `${source.name}: ${basename(path)} holds no JSON object. Export the model again.`);
}
