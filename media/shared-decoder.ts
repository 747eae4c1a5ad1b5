// The one decoding process that all callers of this room share, and the errors that they see when it gives no result.
// Knows why a file was refused; the decoding itself is in the process behind `decoder`.
import type { Media } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { createDecoder, defaultDecoderLimits } from './decoder.ts';
import type { Decoder, DecoderLimits, DecoderOutcome } from './decoder.ts';
import { readingsOf } from './sniff.ts';

// It starts with the first medium and ends with `closeMedia`.
let shared: Decoder | null = null;

/** What decodes, and within which limits. */
export interface Decoding {
  readonly decoder: Decoder;
  readonly limits: DecoderLimits;
}

export function sharedDecoding(): Decoding {
  shared ??= createDecoder();
  return { decoder: shared, limits: defaultDecoderLimits };
}

/** Ends the decoding process; the next medium starts another. Safe to call twice. */
export async function closeMedia(): Promise<void> {
  const decoder = shared;
  shared = null;
  await decoder?.close();
}

export type Kind = 'picture' | 'sound' | 'video';
const modalities: Readonly<Record<Kind, string>> = { picture: 'image', sound: 'audio', video: 'video' };

/** What to do with a file that is damaged, and with one that is too large. */
const advice: Readonly<Record<Kind, { readonly mend: string; readonly shrink: string }>> = {
  picture: { mend: 'Open it in a picture editor and save it as png.', shrink: 'Scale it down first.' },
  sound: { mend: 'Open it in a sound editor and save it as wav.', shrink: 'Shorten it first.' },
  video: { mend: 'Convert it to mp4 (H.264) anew.', shrink: 'Shorten it or scale it down first.' },
};

/** How a medium is called in a message. */
function subjectOf(media: Media): string {
  return media.name === undefined ? `The ${media.mediaType} medium ${media.id.slice(0, 8)}` : `"${media.name}"`;
}

/** @throws AnymodalError `bad_media` where the bytes cannot be taken, by their content, for any of the media types. */
export function requireReadable(media: Media, kind: Kind, mediaTypes: readonly string[]): void {
  const readings = readingsOf(media.bytes);
  if (readings.some(({ modality, mediaType }) => modality === modalities[kind] && mediaTypes.includes(mediaType))) return;
  const got = media.bytes.length === 0 ? 'is empty (0 bytes)' : `is ${readings[0]?.mediaType ?? 'of no known format'} by its content`;
  throw new AnymodalError('bad_media', `${subjectOf(media)} ${got}; expected a ${kind}: ${mediaTypes.join(', ')}.`);
}

/** The error that stands for an outcome without a result. */
export function failureOf(media: Media, kind: Kind, outcome: DecoderOutcome, limits: DecoderLimits): AnymodalError {
  const subject = subjectOf(media);
  const { mend, shrink } = advice[kind];
  switch (outcome.type) {
    case 'too-many-pixels':
      return new AnymodalError('bad_media', `${subject} is ${outcome.width}x${outcome.height}, ${megapixels(outcome.width * outcome.height)}; at most ${megapixels(limits.maxPixels)} are read. Scale it down first.`);
    case 'damaged':
      return new AnymodalError('bad_media', outcome.reason === 'truncated'
        ? `${subject} ends before its ${kind} does; expected a complete file. Copy or download it again.`
        : `${subject} is damaged or uses a variant of ${media.mediaType} that is not read. ${mend}`, { cause: new Error(outcome.detail) });
    case 'refused':
      return new AnymodalError('bad_media', `${subject} ${outcome.because}`);
    case 'unsupported':
      return new AnymodalError('unsupported', `${subject}: ${outcome.message}`);
    case 'timeout':
      return new AnymodalError('bad_media', `${subject} took longer than ${limits.timeoutMs / 1000} s to decode and was given up. ${shrink}`);
    case 'memory':
      return new AnymodalError('bad_media', `${subject} needs more memory than the ${Math.round(limits.maxResidentBytes / 2 ** 20)} MiB a ${kind} may take. ${shrink}`);
    case 'crash':
      return new AnymodalError('bad_media', `${subject} ended the decoding process; it is damaged or hostile. ${mend}`);
    default:
      return new AnymodalError('internal', `The decoding process answered "${outcome.type}" for ${subject}.`);
  }
}

function megapixels(count: number): string {
  return `${Math.round(count / 100_000) / 10} megapixels`;
}
