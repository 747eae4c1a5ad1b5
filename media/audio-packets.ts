// Samples to the packets of a codec of sound, all at once. Knows codecs; knows no container and no metadata.
import type { AudioCodec, EncodedPacket } from 'mediabunny';
import { AnymodalError } from '../src/errors.ts';
import { loadCodecs } from './codecs.ts';

export interface SoundPackets {
  /** In order from time 0 on; the encoder's delay is in them, at the start. */
  readonly packets: readonly EncodedPacket[];
  readonly config: AudioDecoderConfig;
}

/**
 * @param purpose what is being made, for the message, such as `An mp3 sound`.
 * @param samples mono, 16 bits.
 * @param bitrate bits a second; of no account where nothing is lost.
 */
export async function encodeSoundPackets(codec: AudioCodec, purpose: string, samples: Int16Array, sampleRateHz: number, bitrate: number): Promise<SoundPackets> {
  const { AudioSample, AudioSampleSource, MkvOutputFormat, NullTarget, Output, Quality } = await loadCodecs(purpose);
  const packets: EncodedPacket[] = [];
  let config: AudioDecoderConfig | undefined;
  const source = new AudioSampleSource({
    codec,
    ...(bitrate > 0 && { quality: new Quality({ bitrate }) }),
    onEncodedPacket: (packet, metadata) => {
      packets.push(packet);
      config ??= metadata?.decoderConfig;
    },
  });
  // The packets are what is wanted; a container that takes every codec is only asked to let them through.
  const output = new Output({ format: new MkvOutputFormat(), target: new NullTarget() });
  output.addAudioTrack(source);
  await output.start();
  // A second at a time: the encoder works on a thread of its own, and this one stays free between the pieces.
  for (let at = 0; at < samples.length; at += sampleRateHz) {
    const sample = new AudioSample({ data: samples.slice(at, at + sampleRateHz), format: 's16', numberOfChannels: 1, sampleRate: sampleRateHz, timestamp: at / sampleRateHz });
    await source.add(sample);
    sample.close();
  }
  source.close();
  await output.finalize();
  if (config === undefined) throw new AnymodalError('internal', `${purpose} has no packets: the encoder of ${codec} gave none.`);
  return { packets, config };
}

/** Samples at 48 kHz that a decoder of Opus leaves out at the start (RFC 7845, section 5.1). */
export function opusDelay(config: AudioDecoderConfig): number {
  const { description } = config;
  if (!(description instanceof Uint8Array)) throw new AnymodalError('internal', 'Packets of Opus came without their header.');
  return description[10]! | (description[11]! << 8);
}
