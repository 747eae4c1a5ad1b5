// Media like words or like another medium: by their places in the joint space of the default model, made when they are first looked for.
// Knows no HTTP.

import type { Part } from '../../contracts.ts';
import { AnymodalError, isCallerFault } from '../../errors.ts';
import type { MediaRecord, Warning } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { newId } from '../run-job.ts';

/** Media without a place that one search gives one. */
const MOST_EMBEDDED = 64;
/** Media of one owner, the newest first, that one search looks through for such without a place. */
const MOST_LISTED = 2000;
const PAGE = 100;

export interface Likeness {
  readonly found: readonly { readonly media: MediaRecord; readonly similarity: number }[];
  readonly warnings: readonly Warning[];
}

type Parts = Pick<ServerParts, 'media' | 'queue' | 'engines' | 'logger'>;

/** The owner's media nearest to `like`, best first; `modality` keeps one kind. Throws `unsupported` where the model has no joint space. */
export async function searchMedia(parts: Parts, owner: string, like: Part, { limit, modality }: { readonly limit: number; readonly modality?: string | undefined }, signal: AbortSignal): Promise<Likeness> {
  const model = parts.engines.resolve(null);
  const description = await parts.engines.describe(model, signal);
  const placed = description.inputs.filter(({ joint }) => joint).map((input) => input.modality);
  const own = like.type === 'text' ? 'text' : like.media.modality;
  if (!placed.includes(own)) throw new AnymodalError('unsupported', `model ${model} cannot place ${own} in a joint space; it can place ${placed.join(', ') || 'nothing'}.`);
  const space = `${description.bundle}@${description.version}`;

  const known = like.type === 'media' ? await parts.media.embedding(like.media.id, space) : null;
  const embedding = known ?? (await embeddingOf(parts, model, like, signal));
  const isComplete = await placeNew(parts, owner, model, space, placed, signal);
  // A search for one kind may have to pass over many of the others.
  const found = await parts.media.nearest(owner, space, embedding, modality === undefined ? limit : limit * 10);
  const kept = found.filter(({ media }) => (modality === undefined || media.modality === modality) && media.origin !== 'preview');
  const warnings = isComplete ? [] : [{ code: 'search_incomplete', message: `more than ${MOST_EMBEDDED} media had no place in the joint space yet; search again to look at the rest` }];
  return { found: kept.slice(0, limit), warnings };
}

/** Gives a place to media that have none; false where some are left without. */
async function placeNew({ media, queue, logger }: Parts, owner: string, model: string, space: string, placed: readonly string[], signal: AbortSignal): Promise<boolean> {
  let embedded = 0;
  let after: string | undefined;
  for (let listed = 0; listed < MOST_LISTED; listed += PAGE) {
    const page = await media.list({ owner, origins: ['upload', 'input', 'made'] }, { after, limit: PAGE });
    for (const record of page) {
      if (!placed.includes(record.modality) || (await media.embedding(record.id, space)) !== null) continue;
      if (embedded === MOST_EMBEDDED) return false;
      embedded += 1;
      try {
        const embedding = await embeddingOf({ queue }, model, { type: 'media', media: await media.read(record) }, signal);
        await media.setEmbedding(record.id, space, embedding);
      } catch (error) {
        signal.throwIfAborted();
        // One that cannot be read, or was deleted meanwhile, hides no other.
        if (!(error instanceof AnymodalError) || !isCallerFault(error.code)) throw error;
        logger.debug({ code: error.code, medium: record.id }, 'a medium has no place in the joint space');
      }
    }
    if (page.length < PAGE) break;
    after = page.at(-1)?.id;
  }
  return true;
}

async function embeddingOf({ queue }: Pick<Parts, 'queue'>, model: string, part: Part, signal: AbortSignal): Promise<readonly number[]> {
  const { embeddings } = await queue.embed(model, { id: newId('embed'), inputs: [part] }, signal);
  const [embedding] = embeddings;
  if (embedding === undefined) throw new AnymodalError('internal', 'the engine gave no embedding');
  return embedding;
}
