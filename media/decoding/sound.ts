// Sounds of any format to mono samples of one rate: wav by our own reader, all others by the container library.
// Part of the limited process; decodes no more than was asked for.
import type { AudioSample, Input, InputAudioTrack } from 'mediabunny';
import type { Codecs } from '../codecs.ts';
import { resampleAudio } from '../resample-audio.ts';
import { sniffMedia } from '../sniff.ts';
import { requireCodec, rounded, soundTrack, withContainer } from './container.ts';
import { addedSamples } from './lame.ts';
import { Nothing, Refusal } from './refusal.ts';
import { requireSound } from './sound-limits.ts';
import { openWav } from './wav.ts';

export interface SoundHeader {
  readonly seconds: number;
  readonly sampleRateHz: number;
  readonly channels: number;
}

export interface SoundRange {
  readonly sampleRateHz: number | null;
  readonly startSeconds: number;
  readonly maxSeconds: number;
}

/** A part of a sound at its own rate, and how long the whole is. */
interface Piece {
  readonly samples: Float32Array;
  readonly sampleRateHz: number;
  readonly seconds: number;
}

const codecsRead = 'AAC, MP3, Opus, Vorbis, FLAC or PCM';
const noSound = 'holds no sound (0 samples); expected at least one sample.';
/** The rate that is given where none was asked for and the sound's own is higher. */
const usualRateHz = 48_000;
/** Decoded before the start and left out: codecs need the packets before to give one rightly. */
const leadSeconds = 0.1;

export async function inspectSound(bytes: Buffer): Promise<SoundHeader> {
  if (isWav(bytes)) {
    const { frames, sampleRateHz, channels } = openWav(bytes);
    if (frames === 0) throw new Nothing(noSound);
    return { seconds: rounded(frames / sampleRateHz), sampleRateHz, channels };
  }
  return withContainer(bytes, 'sound', async (input) => {
    const { track, end, origin } = await openSound(input, bytes);
    return { seconds: rounded(end - origin), sampleRateHz: await track.getSampleRate(), channels: await track.getNumberOfChannels() };
  });
}

/** [n] mono samples of the range, at its rate. */
export async function decodeSound(bytes: Buffer, range: SoundRange): Promise<{ samples: Float32Array; sampleRateHz: number; seconds: number }> {
  const { samples, sampleRateHz, seconds } = isWav(bytes) ? readWav(bytes, range) : await withContainer(bytes, 'sound', async (input, codecs) => readTrack(codecs, input, bytes, range));
  const wanted = range.sampleRateHz ?? Math.min(sampleRateHz, usualRateHz);
  const resampled = resampleAudio(samples, sampleRateHz, wanted);
  // Some codecs and the resampler exceed full scale a little.
  for (let i = 0; i < resampled.length; i += 1) resampled[i] = Math.min(1, Math.max(-1, resampled[i]!));
  return { samples: resampled, sampleRateHz: wanted, seconds };
}

function isWav(bytes: Uint8Array): boolean {
  return sniffMedia(bytes)?.mediaType === 'audio/wav';
}

function readWav(bytes: Uint8Array, { startSeconds, maxSeconds }: SoundRange): Piece {
  const wav = openWav(bytes);
  if (wav.frames === 0) throw new Nothing(noSound);
  const start = Math.round(startSeconds * wav.sampleRateHz);
  const samples = wav.read(start, start + Math.round(maxSeconds * wav.sampleRateHz));
  return { samples, sampleRateHz: wav.sampleRateHz, seconds: rounded(wav.frames / wav.sampleRateHz) };
}

/** The track that is heard, and between which of its times. */
async function openSound(input: Input, bytes: Uint8Array): Promise<{ track: InputAudioTrack; origin: number; end: number }> {
  const track = await soundTrack(input);
  if (track === null) throw new Nothing(noSound);
  await requireCodec(track, 'sound', codecsRead);
  const rate = await track.getSampleRate();
  requireSound(rate, await track.getNumberOfChannels());
  const length = await track.computeDuration();
  const added = (await track.getCodec()) === 'mp3' ? addedSamples(bytes) : null;
  const [origin, end] = added === null ? [0, length] : [added.before / rate, length + (added.before - added.all) / rate];
  if (!(end > origin)) throw new Nothing(noSound);
  return { track, origin, end };
}

async function readTrack(codecs: Codecs, input: Input, bytes: Uint8Array, { startSeconds, maxSeconds }: SoundRange): Promise<Piece> {
  const { track, origin, end } = await openSound(input, bytes);
  const start = origin + startSeconds;
  const stop = Math.min(end, start + maxSeconds);
  const seconds = rounded(end - origin);
  let [sampleRateHz, samples] = [await track.getSampleRate(), new Float32Array(0)];
  if (start >= stop) return { samples, sampleRateHz, seconds };
  const begin = Math.max(start - leadSeconds, await track.getFirstTimestamp());
  const late = await opusDelay(codecs, input, track, begin);
  let heard = 0;
  for await (const sample of new codecs.AudioSampleSink(track).samples(begin, stop)) {
    try {
      if (heard === 0) {
        // The decoder knows better than the container: AAC can have twice the rate that is written there.
        sampleRateHz = sample.sampleRate;
        requireSound(sampleRateHz, sample.numberOfChannels);
        samples = new Float32Array(Math.max(1, Math.round((stop - start) * sampleRateHz)));
      } else if (sample.sampleRate !== sampleRateHz) {
        throw new Refusal(`changes its rate from ${sampleRateHz} to ${sample.sampleRate} Hz; expected one. Convert it first.`);
      }
      heard += sample.numberOfFrames;
      mixInto(samples, Math.round((sample.timestamp + late - start) * sampleRateHz), sample);
    } finally {
      sample.close();
    }
  }
  if (heard === 0) throw new Error('no packet could be decoded');
  return { samples, sampleRateHz, seconds };
}

/**
 * How much later than it is said a sound of Opus is that is decoded from `begin` on, in seconds: wherever a decoder starts, it leaves out what only the first
 * packet has too much (RFC 7845, section 4.2), and the library counts on from there. Times in Matroska are later by just that (RFC 9559, CodecDelay).
 */
async function opusDelay({ EncodedPacketSink, MATROSKA, WEBM }: Codecs, input: Input, track: InputAudioTrack, begin: number): Promise<number> {
  const format = await input.getFormat();
  if ((await track.getCodec()) !== 'opus' || format === MATROSKA || format === WEBM) return 0;
  const packet = await new EncodedPacketSink(track).getKeyPacket(begin);
  // A first packet at 0 is already counted without it, one in front of 0 is not.
  const first = await track.getFirstTimestamp();
  if (first >= 0 && (packet === null || packet.timestamp <= first)) return 0;
  const description = (await track.getDecoderConfig())?.description;
  if (description === undefined) return 0;
  const header = ArrayBuffer.isView(description) ? Buffer.from(description.buffer, description.byteOffset, description.byteLength) : Buffer.from(description);
  return header.length >= 12 ? header.readUInt16LE(10) / 48_000 : 0;
}

/** Writes the mean of the channels from place `at` on, as far as there is place. */
function mixInto(samples: Float32Array, at: number, sample: AudioSample): void {
  const { numberOfChannels, numberOfFrames } = sample;
  const first = Math.max(0, -at);
  const last = Math.min(numberOfFrames, samples.length - at);
  if (first >= last) return;
  const plane = new Float32Array(numberOfFrames);
  samples.fill(0, at + first, at + last);
  for (let channel = 0; channel < numberOfChannels; channel += 1) {
    sample.copyTo(plane, { planeIndex: channel, format: 'f32-planar' });
    for (let i = first; i < last; i += 1) {
      const value = plane[i]!;
      if (Number.isFinite(value)) samples[at + i]! += value / numberOfChannels;
    }
  }
}
