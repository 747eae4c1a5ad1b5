// A sound in another format, files and bare streams: wav, mp3, ogg, flac, aac and samples without a header.
// Decoding is in the limited process behind `decode-audio`. What the file says of its making goes along where the format has a place for it.
import type { Media } from '../src/contracts.ts';
import { encodeSoundPackets } from './audio-packets.ts';
import { loadCodecs } from './codecs.ts';
import { decodeAudio, inspectAudio } from './decode-audio.ts';
import { encodeAudio } from './encode-audio.ts';
import type { AudioFormat } from './encode-audio.ts';
import { isMarkedGenerated, readProvenance } from './provenance.ts';
import { toInt16 } from './samples.ts';

/** `opus` is Opus in Ogg, as `ogg` is; `aac` is AAC in ADTS frames; `pcm` is 16-bit little-endian mono at 24 kHz without a header. */
export type SoundFormat = AudioFormat | 'opus' | 'aac' | 'pcm';

const PCM_RATE_HZ = 24_000;
/** AAC and mp3 know these and no rate between them. */
const aacRates = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const LONGEST_SECONDS = 3600;

/**
 * The sound as asked for, mono; its own bytes where it has that format already.
 * @throws AnymodalError `bad_media` for what cannot be read, `unsupported` where the codecs of a format are not installed, `aborted`.
 */
export async function convertAudio(media: Media, format: SoundFormat, signal?: AbortSignal): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array }> {
  const file: AudioFormat | null = format === 'opus' ? 'ogg' : format === 'aac' || format === 'pcm' ? null : format;
  const own = file === null ? null : { wav: 'audio/wav', mp3: 'audio/mpeg', ogg: 'audio/ogg', flac: 'audio/flac' }[file];
  if (own !== null && media.mediaType === own) return { mediaType: own, bytes: media.bytes };
  const header = await inspectAudio(media, signal);
  const rate = file === null ? (format === 'pcm' ? PCM_RATE_HZ : (aacRates.find((candidate) => candidate >= header.sampleRateHz) ?? 48_000)) : Math.min(header.sampleRateHz, 48_000);
  const sound = await decodeAudio(media, { sampleRateHz: rate, maxSeconds: LONGEST_SECONDS }, signal);
  if (file !== null) return encodeAudio(sound, { format: file, provenance: readProvenance(media), mark: isMarkedGenerated(media) });
  const samples = toInt16(sound.samples);
  return format === 'pcm' ? { mediaType: `audio/pcm;rate=${PCM_RATE_HZ};channels=1`, bytes: littleEndian(samples) } : { mediaType: 'audio/aac', bytes: await adts(samples, rate) };
}

function littleEndian(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  for (const [at, sample] of samples.entries()) view.setInt16(at * 2, sample, true);
  return bytes;
}

/** AAC in ADTS frames, which have no place for a mark. */
async function adts(samples: Int16Array, rate: number): Promise<Uint8Array> {
  const purpose = 'An aac sound';
  const { packets, config } = await encodeSoundPackets('aac', purpose, samples, rate, rate > 24_000 ? 96_000 : 64_000);
  const { AdtsOutputFormat, BufferTarget, EncodedAudioPacketSource, EncodedPacket, Output } = await loadCodecs(purpose);
  const target = new BufferTarget();
  const output = new Output({ format: new AdtsOutputFormat(), target });
  const source = new EncodedAudioPacketSource('aac');
  output.addAudioTrack(source);
  await output.start();
  // A stream of frames has no clock: the encoder's delay, which lies before time 0 elsewhere, comes along.
  for (const [index, packet] of packets.entries()) await source.add(new EncodedPacket(packet.data, 'key', (index * 1024) / rate, 1024 / rate), { decoderConfig: config });
  await output.finalize();
  return new Uint8Array(target.buffer!);
}
