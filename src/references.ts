// Which media an output edits, masks or follows, on either route, and what is written about a made file.
// Knows no modality by name; compares modalities and asks the decoder what it takes.

import type { Context, Decoder, JobRequest, JsonSchema, Media, Provenance, Reference, ReferenceRole } from './contracts.ts';

/** References of one output, with their ordinals (from 1) among the media they were chosen from. */
export interface Chosen {
  readonly references: readonly Reference[];
  readonly ordinals: readonly number[];
}

type Warnings = Pick<Context, 'warn'>;

/**
 * What the language model pointed at: a medium of the output's own modality is edited, another is followed. With a mask
 * and nothing to edit, a decoder that takes masks edits the latest medium of its modality, since a mask is of no use otherwise.
 *
 * @param media all media of the conversation by ordinal
 */
export function chosenByModel(decoder: Decoder, output: string, ordinals: readonly number[], media: readonly Media[], mask: Media | null, warnings: Warnings): Chosen {
  const points = ordinals.filter((ordinal) => media[ordinal - 1] !== undefined);
  if (mask !== null && decoder.references.includes('mask') && !points.some((ordinal) => media[ordinal - 1]?.modality === decoder.modality)) {
    const latest = media.findLastIndex((medium) => medium.modality === decoder.modality);
    if (latest >= 0) points.push(latest + 1);
  }
  return choose(decoder, output, points, media, mask, warnings);
}

/**
 * What a request on the direct route means: the first medium of the output's own modality is edited, others are followed.
 *
 * @param sources the media that serve as the source of the output, which are of use even where they cannot be followed
 */
export function chosenByRequest(decoder: Decoder, output: string, media: readonly Media[], sources: readonly Media[], mask: Media | null, warnings: Warnings): Chosen {
  const edited = media.findIndex((medium) => medium.modality === decoder.modality);
  const points = media.flatMap((medium, index) => {
    if (index === edited) return [index + 1];
    const used = sources.includes(medium) && !takes(decoder, 'follow', medium);
    return used ? [] : [index + 1];
  });
  return choose(decoder, output, points, media, mask, warnings, edited + 1);
}

/** The references of an output that the request alone settles; none where the language model has a choice. */
export function chosenBeforehand(decoder: Decoder, output: string, job: JobRequest): readonly Reference[] {
  // Whoever chooses for good gives the warnings.
  const silent: Warnings = { warn: () => undefined };
  const messages = job.route === 'direct' ? job.messages.slice(-1) : job.messages;
  const media = messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'media' ? [part.media] : [])));
  if (job.route === 'direct') return chosenByRequest(decoder, output, media, [], job.mask, silent).references;
  // With a mask the model says which medium is edited, not whether one is.
  if (job.mask === null || !decoder.references.includes('mask') || media.filter((medium) => medium.modality === decoder.modality).length !== 1) return [];
  return chosenByModel(decoder, output, [], media, job.mask, silent).references;
}

function choose(decoder: Decoder, output: string, points: readonly number[], media: readonly Media[], mask: Media | null, warnings: Warnings, edited: number | null = null): Chosen {
  const references: Reference[] = [];
  const ordinals: number[] = [];
  for (const ordinal of points) {
    const medium = media[ordinal - 1];
    if (medium === undefined) continue;
    const role = medium.modality === decoder.modality && (edited === null || ordinal === edited) ? 'edit' : 'follow';
    if (!takes(decoder, role, medium)) {
      const roles = decoder.references.map((each) => (each === 'follow' && decoder.follows !== undefined ? `follow (${decoder.follows.join(', ')})` : each));
      warnings.warn('reference_ignored', `${output}: medium ${ordinal} (${medium.modality}) is not used; this decoder takes ${roles.join(', ') || 'no references'}`);
      continue;
    }
    references.push({ role, media: medium });
    ordinals.push(ordinal);
  }
  if (mask !== null) {
    if (references.some((reference) => reference.role === 'edit') && decoder.references.includes('mask')) references.push({ role: 'mask', media: mask });
    else warnings.warn('mask_ignored', `${output}: there is nothing to edit that the mask could apply to`);
  }
  return { references, ordinals };
}

function takes({ references, follows }: Decoder, role: ReferenceRole, medium: Media): boolean {
  return references.includes(role) && (role !== 'follow' || follows === undefined || follows.includes(medium.modality));
}

/** What determines one medium: never the time, the count or the other outputs, but for the one that it follows. Media are named by their SHA-256, a leader by that of its own file. */
export function provenanceOf(
  bundle: { readonly id: string; readonly version: string },
  job: JobRequest,
  decoder: Decoder,
  medium: { readonly output: string; readonly index: number; readonly seed: number; readonly prompt: string; readonly references: readonly Reference[]; readonly leader: { readonly output: string; readonly media: Media } | null },
): Provenance {
  return {
    prompt: medium.prompt,
    ...(job.negativePrompt !== null && decoder.negative && { negativePrompt: job.negativePrompt }),
    seed: medium.seed,
    ...(medium.index > 0 && { index: medium.index }),
    bundle: bundle.id,
    bundleVersion: bundle.version,
    route: job.route,
    ...Object.fromEntries(medium.references.map(({ role, media }, index) => [`reference${index + 1}`, `${role} ${media.id}`])),
    ...(medium.leader !== null && { madeWith: `${medium.leader.output} ${medium.leader.media.id}` }),
    ...settings(job.options[medium.output] ?? {}, decoder.options, ''),
    ...(job.route === 'chat' && settings(job.options['text'] ?? {}, {}, 'text.')),
  };
}

/** Options with plain values that the schema does not keep out of metadata. */
function settings(options: Readonly<Record<string, unknown>>, schema: JsonSchema, prefix: string): Provenance {
  const properties: Readonly<Record<string, { readonly metadata?: boolean }>> = { ...(typeof schema['properties'] === 'object' ? schema['properties'] : null) };
  const entries = Object.entries(options).flatMap(([key, value]): [string, string | number | boolean][] => {
    const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return plain && properties[key]?.metadata !== false ? [[`${prefix}${key}`, value]] : [];
  });
  return Object.fromEntries(entries);
}
