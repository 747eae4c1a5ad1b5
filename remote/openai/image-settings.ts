// The configuration and the options of pictures made by a server with OpenAI's routes, as JSON Schema and as types.
// Knows what can be set; nothing of how it is sent.

import type { JsonSchema } from '../../src/contracts.ts';
import { serverSchema, type ServerConfig } from '../server/settings.ts';

/** Ours that OpenAI's own server lacks and others have under some name. */
export type Parameter = 'seed' | 'negative' | 'steps' | 'guidanceScale' | 'strength';

export interface ImageConfig extends ServerConfig {
  readonly model: string;
  readonly width: number;
  readonly height: number;
  /** Whether a picture can be edited, and whether others can be shown beside it. */
  readonly edits: 'none' | 'one' | 'many';
  /** Whether the server streams pictures of the unfinished one. */
  readonly previews: boolean;
  /** Whether it is told to send the bytes; OpenAI's newer models send nothing else and refuse to be told. */
  readonly responseFormat: boolean;
  /** Names of fields beyond OpenAI's; what is not named is not sent and cannot be set. */
  readonly parameters: Readonly<Partial<Record<Parameter, string>>>;
  /** Fields that go into every request as they are. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ImageOptions {
  readonly width: number;
  readonly height: number;
  readonly steps?: number | null;
  readonly guidanceScale?: number | null;
  readonly strength?: number | null;
  readonly previews?: boolean;
  readonly format: 'png' | 'jpeg' | 'webp';
  readonly quality: number;
}

const field: JsonSchema = { type: 'string', pattern: '^\\w+$' };
const side = (usual: number, description: string): JsonSchema => ({ type: 'integer', minimum: 16, maximum: 4096, default: usual, description });

export const imageSchema: JsonSchema = serverSchema(
  {
    model: { type: 'string', minLength: 1, description: 'Name of the model at the server.' },
    width: side(512, 'Default of the option.'),
    height: side(512, 'Default of the option.'),
    edits: { enum: ['none', 'one', 'many'], default: 'one', description: 'Pictures that an edit takes.' },
    previews: { type: 'boolean', default: false, description: 'Whether the server streams partial images.' },
    responseFormat: { type: 'boolean', default: true, description: 'Whether response_format is sent.' },
    parameters: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: { seed: field, negative: field, steps: field, guidanceScale: field, strength: field },
      description: 'Names of fields beyond OpenAI\'s that the server takes.',
    },
    body: { type: 'object', default: {}, description: 'Fields that go into every request as they are.' },
  },
  ['model'],
);

/** Options of the decoder: what the server can honour, no more. */
export function imageOptions({ width, height, previews, parameters, edits }: ImageConfig): JsonSchema {
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      width: side(width, 'Pixels; servers have sizes of their own and say so.'),
      height: side(height, 'Pixels; servers have sizes of their own and say so.'),
      ...(parameters.steps !== undefined && { steps: { type: ['integer', 'null'], minimum: 1, maximum: 500, default: null, description: 'Denoising steps; null leaves it to the server.' } }),
      ...(parameters.guidanceScale !== undefined && { guidanceScale: { type: ['number', 'null'], minimum: 0, maximum: 50, default: null, description: 'How closely the prompt is followed; null leaves it to the server.' } }),
      ...(parameters.strength !== undefined && edits !== 'none' && { strength: { type: ['number', 'null'], minimum: 0, maximum: 1, default: null, description: 'How far an edited picture may move from its source; null leaves it to the server.' } }),
      ...(previews && { previews: { type: 'boolean', default: true, metadata: false, description: 'Whether unfinished pictures are shown.' } }),
      format: { type: 'string', enum: ['png', 'jpeg', 'webp'], default: 'png', description: 'File format.' },
      quality: { type: 'integer', minimum: 1, maximum: 100, default: 90, description: 'Quality of jpeg and webp.' },
    },
  };
}
