// Opens files of sound and moving pictures by the container library. Part of the limited process; decodes nothing.
import type { Input, InputAudioTrack, InputTrack } from 'mediabunny';
import { loadCodecs } from '../codecs.ts';
import type { Codecs } from '../codecs.ts';
import { Refusal } from './refusal.ts';

/** What needs the codecs, for the message where they are missing. */
export const purposes = { sound: 'A sound that is no wav', video: 'A video that is no gif, webp or apng' } as const;

/**
 * Calls `use` with the opened file and closes it afterwards.
 * @throws AnymodalError `unsupported` where the codecs are missing.
 */
export async function withContainer<T>(bytes: Uint8Array, kind: keyof typeof purposes, use: (input: Input, codecs: Codecs) => Promise<T>): Promise<T> {
  const codecs = await loadCodecs(purposes[kind]);
  const { MATROSKA, MP3, MP4, OGG, FLAC, QTFF, WEBM } = codecs;
  // No playlists: they name files elsewhere.
  const input = new codecs.Input({ formats: [MP4, QTFF, WEBM, MATROSKA, MP3, OGG, FLAC], source: new codecs.BufferSource(bytes) });
  try {
    return await use(input, codecs);
  } finally {
    input.dispose();
  }
}

/** The sound that a player plays, null where there is none. */
export async function soundTrack(input: Input): Promise<InputAudioTrack | null> {
  const track = await input.getPrimaryAudioTrack();
  return track === null || (await isEmpty(track)) ? null : track;
}

/** Whether a track has no packet at all. */
export async function isEmpty(track: InputTrack): Promise<boolean> {
  return (await track.computePacketStats(1)).packetCount === 0;
}

/** @throws Refusal for a codec that cannot be decoded, naming it. */
export async function requireCodec(track: InputTrack, what: string, expected: string): Promise<void> {
  if ((await track.getCodec()) !== null && (await track.canDecode())) return;
  const inside = (await track.getCodec()) ?? (await track.getInternalCodecId());
  // What a file calls its codec is repeated only as far as it is a short plain word.
  const name = typeof inside === 'string' && /^[\w ./-]{1,24}$/.test(inside) ? ` ("${inside.trim()}")` : '';
  throw new Refusal(`has ${what} in a codec${name} that is not read; expected ${expected}. Convert it first.`);
}

/** To the microsecond, so that 16 frames of an eighth of a second are 2 seconds. */
export function rounded(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
