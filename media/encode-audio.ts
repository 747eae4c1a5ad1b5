// Samples to wav, mp3, ogg (Opus) or flac with the mark of generated media and, if wanted, prompt and settings.
// Knows formats and metadata; knows nothing of how the samples were made.
import { createHash } from 'node:crypto';
import type { Media, Provenance } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { encodeSoundPackets, opusDelay } from './audio-packets.ts';
import { loadCodecs } from './codecs.ts';
import { verbatimFrame, withStreamInformation } from './flac-file.ts';
import { mp3File } from './mp3-file.ts';
import { withSerialNumber } from './ogg-file.ts';
import { fileTags } from './provenance.ts';
import type { FileTags } from './provenance.ts';
import { resampleAudio } from './resample-audio.ts';
import { toInt16 } from './samples.ts';

export type AudioFormat = 'wav' | 'mp3' | 'ogg' | 'flac';

export interface AudioEncoding {
  readonly format: AudioFormat;
  /** Written into the file as JSON; null writes none. */
  readonly provenance: Provenance | null;
  /** Whether the file says that a trained model made it. */
  readonly mark: boolean;
  /** A few words in ASCII on what the sound is, written with the mark, such as `Synthetic speech`. */
  readonly description?: string;
}

export interface Sound {
  /** [n], mono, -1..1; what lies beyond is limited. */
  readonly samples: Float32Array;
  readonly sampleRateHz: number;
}

const mediaTypes: Readonly<Record<AudioFormat, string>> = { wav: 'audio/wav', mp3: 'audio/mpeg', ogg: 'audio/ogg', flac: 'audio/flac' };
/** Rates that mp3 has; others are raised to the next, or lowered to the highest. */
const mp3Rates = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
/** Samples that a decoded mp3 has before the first one: 576 of LAME and 529 of the decoder. */
const mp3Delay = 1105;
/** Opus runs at this rate whatever goes in. */
const opusRateHz = 48_000;

/**
 * An encoded sound, mono, 16 bits where the format has bits; equal samples and options give equal bytes.
 * Exactly as long as the samples: wav and flac by count, mp3 and ogg by what their headers tell a player to leave out.
 * @throws AnymodalError `internal` without samples or for a rate or a sample that is no number, `unsupported` where the codecs of
 * mp3, ogg and flac are not installed.
 */
export async function encodeAudio(sound: Sound, options: AudioEncoding): Promise<Media> {
  const { samples, sampleRateHz } = sound;
  if (samples.length === 0 || !Number.isInteger(sampleRateHz) || sampleRateHz < 1000 || sampleRateHz > 192_000) {
    throw new AnymodalError('internal', `encodeAudio got ${samples.length} samples at ${sampleRateHz} Hz; expected at least one, at 1000 to 192000 Hz.`);
  }
  if (!samples.every(Number.isFinite)) throw new AnymodalError('internal', 'encodeAudio got samples that are no finite numbers; expected -1 to 1.');
  const tags = fileTags(options.provenance, options.mark, options.description);
  const bytes = await encoders[options.format](sound, tags);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'audio', mediaType: mediaTypes[options.format], bytes };
}

const encoders: Readonly<Record<AudioFormat, (sound: Sound, tags: FileTags) => Promise<Uint8Array>>> = { wav: encodeWav, mp3: encodeMp3, ogg: encodeOgg, flac: encodeFlac };

async function encodeWav({ samples, sampleRateHz }: Sound, tags: FileTags): Promise<Uint8Array> {
  const { default: wavefile } = await import('wavefile');
  const file = new wavefile.WaveFile();
  file.fromScratch(1, sampleRateHz, '16', toInt16(samples));
  if (tags.description !== null) file.setTag('ISBJ', tags.description);
  if (tags.settings !== null) file.setTag('ICMT', tags.settings);
  if (tags.xmp !== null) file.set_PMX(tags.xmp);
  return file.toBuffer();
}

async function encodeMp3({ samples, sampleRateHz }: Sound, tags: FileTags): Promise<Uint8Array> {
  const rate = mp3Rates.find((candidate) => candidate >= sampleRateHz) ?? 48_000;
  const input = resampleAudio(samples, sampleRateHz, rate);
  const { packets } = await encodeSoundPackets('mp3', 'An mp3 sound', toInt16(input), rate, rate > 24_000 ? 128_000 : 64_000);
  return mp3File(packets.map(({ data }) => data), input.length, mp3Delay, tags);
}

async function encodeOgg({ samples, sampleRateHz }: Sound, tags: FileTags): Promise<Uint8Array> {
  const input = resampleAudio(samples, sampleRateHz, opusRateHz);
  const { packets, config } = await encodeSoundPackets('opus', 'An ogg sound', toInt16(input), opusRateHz, 96_000);
  const { Output, OggOutputFormat, BufferTarget, EncodedAudioPacketSource, EncodedPacket } = await loadCodecs('An ogg sound');
  const target = new BufferTarget();
  const output = new Output({ format: new OggOutputFormat(), target });
  const source = new EncodedAudioPacketSource('opus');
  output.addAudioTrack(source);
  output.setMetadataTags(commentsOf(tags));
  await output.start();
  // What the decoder leaves out at the start is part of the stream's length.
  let left = input.length + opusDelay(config);
  for (const packet of packets) {
    const duration = Math.min(left, Math.round(packet.duration * opusRateHz), 960);
    if (left <= 0) break;
    await source.add(new EncodedPacket(packet.data, 'key', packet.timestamp, duration / opusRateHz), { decoderConfig: config });
    left -= 960;
  }
  await output.finalize();
  return withSerialNumber(new Uint8Array(target.buffer!), 1);
}

async function encodeFlac({ samples, sampleRateHz }: Sound, tags: FileTags): Promise<Uint8Array> {
  const input = toInt16(samples);
  const { packets, config } = await encodeSoundPackets('flac', 'A flac sound', input, sampleRateHz, 0);
  const { Output, FlacOutputFormat, BufferTarget, EncodedAudioPacketSource, EncodedPacket } = await loadCodecs('A flac sound');
  const target = new BufferTarget();
  const output = new Output({ format: new FlacOutputFormat(), target });
  const source = new EncodedAudioPacketSource('flac');
  output.addAudioTrack(source);
  output.setMetadataTags(commentsOf(tags));
  await output.start();
  let at = 0;
  for (const [index, packet] of packets.entries()) {
    const count = Math.round(packet.duration * sampleRateHz);
    const rest = input.subarray(at);
    // The encoder fills its last frame with silence, which the file would then hold.
    const data = count > rest.length ? verbatimFrame(rest, index, packet.data) : packet.data;
    await source.add(new EncodedPacket(data, 'key', at / sampleRateHz, Math.min(count, rest.length) / sampleRateHz), { decoderConfig: config });
    at += count;
  }
  await output.finalize();
  return withStreamInformation(new Uint8Array(target.buffer!), input, Math.round(packets[0]!.duration * sampleRateHz));
}

/** Vorbis comments: there is no place for XMP in them, so the mark stands alone. */
function commentsOf(tags: FileTags): { description?: string; comment?: string; raw: Record<string, string> } {
  return {
    ...(tags.description !== null && { description: tags.description }),
    ...(tags.settings !== null && { comment: tags.settings }),
    raw: tags.sourceType === null ? {} : { DIGITALSOURCETYPE: tags.sourceType },
  };
}
