// The factory `text-joint-tower`: a text to the joint space of CLIP, SigLIP, CLAP and their like, by the tokenizer beside their tower.
// Sources: Radford et al. 2021 (arXiv 2103.00020), Zhai et al. 2023 (arXiv 2303.15343), Wu et al. 2023 (arXiv 2211.06687). Knows no decoder.

import type { Factory, JsonSchema, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { l2Normalise } from '../../src/runtime/tensors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts, nameOf } from '../joint-graph.ts';
import { towerProperties } from '../tower-joint.ts';
import { openTextTower } from './text-tower.ts';

interface TextJointTowerConfig {
  readonly joint: number;
  readonly output: string;
  readonly maxTokens: number;
  readonly pad: string | null;
}

const { joint, output } = towerProperties('input_ids', 'text_embeds');
const config: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['joint', 'maxTokens'],
  properties: {
    joint,
    output,
    maxTokens: { type: 'integer', minimum: 3, description: 'Longest text in tokens, those around it included.' },
    pad: { type: ['string', 'null'], minLength: 1, default: null, description: 'Token that fills every text up to maxTokens; null for towers that need no filling.' },
  },
};

/** Files: `model`, `tokenizer`. */
export const textJointTower: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'text-joint-tower',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const tower = await openTextTower(source, { ...read, width: read.joint });
    return {
      mediaTypes: ['text/plain'],
      async encode(media, context) {
        const { data, pieces, read: count } = await tower.read(textOf(media));
        if (count < pieces) context.warn('text_truncated', `The text has ${pieces} word pieces; the text encoder reads the first ${count}.`);
        const vector = l2Normalise(data.slice(0, read.joint));
        return { tokens: { shape: [1, read.joint], data: vector }, joint: { shape: [read.joint], data: vector.slice() }, tracks: [] };
      },
      dispose: async () => tower.dispose(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): TextJointTowerConfig {
  return requireConfig('text-joint-tower', checkSchema<TextJointTowerConfig>(config, given, 'config'));
}

function textOf(media: Media): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(media.bytes);
  } catch (error) {
    throw new AnymodalError('bad_media', `${nameOf(media)} is not UTF-8; save it as UTF-8.`, { cause: error });
  }
}
