// The factory `clip-joint-text`: a text to the joint space by a text tower of CLIP's kind: begin, pieces, end, and zeros up to a fixed length.
// A text that is too long loses its last pieces and keeps its end (ImageBind models/multimodal_preprocessors.py). Knows no decoder.

import type { Factory, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { jointPorts, jointSchema, nameOf, openJointGraph } from '../joint-graph.ts';
import { openClipTokenizer } from './clip-tokenizer.ts';

interface ClipTextConfig {
  readonly joint: number;
  readonly length: number;
  readonly begin: string;
  readonly end: string;
}

const config = jointSchema(
  { length: { type: 'integer', minimum: 3, description: 'Tokens in a row, begin and end included.' } },
  { begin: { type: 'string', minLength: 1, default: '<|startoftext|>' }, end: { type: 'string', minLength: 1, default: '<|endoftext|>' } },
);

/** Files: `model`, a graph `input_ids` [batch, length] to `joint` [batch, joint], and CLIP's `vocabulary` and `merges`. */
export const clipJointText: Factory<'encoder'> = {
  kind: 'encoder',
  name: 'clip-joint-text',
  config,
  ports: (given) => jointPorts(readConfig(given).joint),
  async open(source) {
    const read = readConfig(source.config);
    const tokenizer = await openClipTokenizer(source, { vocabulary: 'vocabulary', merges: 'merges' }, { begin: read.begin, end: read.end, pad: read.end });
    const graph = await openJointGraph(source, 'input_ids', [read.length], read.joint, 'int64');
    return {
      mediaTypes: ['text/plain'],
      async encode(media, context) {
        const pieces = tokenizer.pieces(textOf(media));
        if (pieces.length > read.length - 2) context.warn('text_truncated', `The text has ${pieces.length} word pieces; the text encoder reads the first ${read.length - 2}.`);
        const ids = new Float32Array(read.length);
        ids.set([tokenizer.begin, ...pieces.slice(0, read.length - 2), tokenizer.end]);
        return graph.embed([ids], context.signal);
      },
      dispose: async () => graph.release(),
    };
  },
};

function readConfig(given: Readonly<Record<string, unknown>>): ClipTextConfig {
  return requireConfig('clip-joint-text', checkSchema<ClipTextConfig>(config, given, 'config'));
}

function textOf(media: Media): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(media.bytes);
  } catch (error) {
    throw new AnymodalError('bad_media', `${nameOf(media)} is not UTF-8; save it as UTF-8.`, { cause: error });
  }
}
