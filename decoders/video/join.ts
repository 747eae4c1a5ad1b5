// Puts the sound that was made with a video into its file. Knows files alone; nothing of how either was made.

import { addSound, decodeAudio, encodeAudio, inspectAudio } from '../../media/index.ts';
import type { Context, Media } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';

/** The video with its one sound, of any format. Throws `bad_input` for a video format without sound, and for anything but one sound. */
export async function joinSound(media: Media, followers: readonly Media[], context: Context): Promise<Media> {
  const [sound, ...others] = followers;
  if (sound?.modality !== 'audio' || others.length > 0) {
    throw new AnymodalError('bad_input', `join: got ${followers.map(({ modality }) => modality).join(', ') || 'nothing'} for a video, expected one sound.`);
  }
  return addSound(media, sound.mediaType === 'audio/wav' ? sound : await asWav(sound, context.signal));
}

async function asWav(sound: Media, signal: AbortSignal): Promise<Media> {
  const { sampleRateHz, seconds } = await inspectAudio(sound, signal);
  const { samples } = await decodeAudio(sound, { sampleRateHz, maxSeconds: seconds }, signal);
  return encodeAudio({ samples, sampleRateHz }, { format: 'wav', provenance: null, mark: false });
}
