// An engine that answers at once, so that what is measured is all the rest. For measurements alone.
// Has no model: a reply is the same words every time, a picture the same bytes but for the seed.

import { createHash } from 'node:crypto';
import type { EmbedRequest, Engine, EngineDescription, JobEvent, JobEventBody, JobRequest, Media } from '../src/contracts.ts';

export interface Instant {
  /** Pieces of text of a reply. */
  readonly deltas: number;
  /** Steps of a picture, each with its progress. */
  readonly steps: number;
}

const description: EngineDescription = {
  bundle: 'instant',
  version: '1.0.0',
  licence: 'Apache-2.0',
  device: 'cpu',
  deviceNote: null,
  inputs: [{ modality: 'text', mediaTypes: ['text/plain'], signatures: [], joint: true, chat: true }],
  outputs: [{ name: 'image', modality: 'image', options: { type: 'object', additionalProperties: false, properties: {} }, sources: ['prompt'], references: [], negative: false }],
  text: { type: 'object', additionalProperties: false, properties: { maxTokens: { type: 'integer', default: 256 } } },
};

/** A white point; what follows its end is read by nobody and makes the bytes another's. */
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==', 'base64');

export function createInstantEngine({ deltas, steps }: Instant): Engine {
  function* work({ outputs, seed, count }: JobRequest): Generator<JobEventBody> {
    yield { type: 'job-start', bundle: 'instant', device: 'cpu', seed, count };
    for (let variant = 0; variant < count; variant += 1) {
      for (const [part, output] of (outputs ?? ['text']).entries()) {
        if (output === 'text') {
          for (let index = 0; index < deltas; index += 1) yield { type: 'text-delta', text: `word ${index} `, variant, part };
          continue;
        }
        yield { type: 'media-start', output, modality: 'image', seed: seed + variant, references: [], variant, part };
        for (let step = 1; step <= steps; step += 1) yield { type: 'media-progress', step, steps, variant, part };
        yield { type: 'media-end', output, modality: 'image', mediaType: 'image/png', seed: seed + variant, media: picture(seed + variant), variant, part };
      }
    }
    yield { type: 'job-end', usage: { inputTokens: 1, outputTokens: deltas } };
  }
  return {
    describe: async () => description,
    check: async () => undefined,
    run: (job) => events(job.id, work(job)),
    embed: (request: EmbedRequest) =>
      events(request.id, [
        ...request.inputs.map((_, input): JobEventBody => ({ type: 'embedding', input, modality: 'text', embedding: [1, 0] })),
        { type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 } },
      ]),
    close: async () => undefined,
  };
}

async function* events(id: string, bodies: Iterable<JobEventBody>): AsyncGenerator<JobEvent> {
  for (const body of bodies) yield { ...body, job: id, attempt: 1 };
}

function picture(seed: number): Media {
  const bytes = new Uint8Array(Buffer.concat([png, Buffer.from(String(seed))]));
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'image', mediaType: 'image/png', bytes };
}
