// Pictures in a row to the packets of H.264 or VP9, all at once. Knows codecs; knows no container and no metadata.
// Speaks to FFmpeg's encoders itself: the library of containers lets x264 take as many threads as there are processors, and bytes depend on their number.
import type { EncodedPacket } from 'mediabunny';
import type { CodecContext } from 'node-av';
import { AnymodalError } from '../src/errors.ts';
import { loadCodecs, loadEncoders } from './codecs.ts';
import type { Planes } from './yuv.ts';

export interface PicturePackets {
  /** In the order of decoding, H.264 with start codes. */
  readonly packets: readonly EncodedPacket[];
  readonly config: VideoDecoderConfig;
}

/** Quality at which flat colours and their edges show no loss at twice the size, and effort. */
const settings = {
  avc: { encoder: 'FF_ENCODER_LIBX264', options: { crf: '16', preset: 'medium' } },
  vp9: { encoder: 'FF_ENCODER_LIBVPX_VP9', options: { crf: '16', deadline: 'good', 'cpu-used': '2' } },
} as const;

/**
 * @param purpose what is being made, for the message, such as `An mp4 video`.
 * @param frames of one even size; each is taken when the one before it is encoded.
 */
export async function encodePicturePackets(codec: 'avc' | 'vp9', purpose: string, frames: Iterable<Planes>, size: { readonly width: number; readonly height: number }, fps: number): Promise<PicturePackets> {
  const [{ EncodedPacket: Packet }, av] = [await loadCodecs(purpose), await loadEncoders(purpose)];
  const { options, ...names } = settings[codec];
  const encoder = av[names.encoder];
  const found = av.Codec.findEncoderByName(encoder);
  if (found === null) throw new AnymodalError('unsupported', `${purpose} needs the encoder ${encoder}, which the installed node-av was built without; install node-av@6.1.1.`);
  const context = new av.CodecContext();
  const frame = new av.Frame();
  const packet = new av.Packet();
  const packets: EncodedPacket[] = [];
  const check = (result: number): void => {
    av.FFmpegError.throwIfError(result, encoder);
  };
  /** Gives a frame, or the end, and takes what is ready. */
  const send = async (sent: typeof frame | null): Promise<void> => {
    check(await context.sendFrame(sent));
    for (;;) {
      const result = await context.receivePacket(packet);
      if (result === av.AVERROR_EAGAIN || result === av.AVERROR_EOF) return;
      check(result);
      packets.push(new Packet(Uint8Array.from(packet.data ?? []), packet.isKeyframe ? 'key' : 'delta', Number(packet.pts) / fps, 1 / fps));
    }
  };
  try {
    context.allocContext3(found);
    frame.alloc();
    packet.alloc();
    const rate = Math.round(fps * 1000);
    Object.assign(context, {
      ...size,
      pixelFormat: av.AV_PIX_FMT_YUV420P,
      timeBase: new av.Rational(1000, rate),
      framerate: new av.Rational(rate, 1000),
      gopSize: Math.max(1, Math.round(fps * 2)),
      bitRate: 0n,
      threadCount: 1,
      colorPrimaries: av.AVCOL_PRI_BT709,
      colorTrc: av.AVCOL_TRC_BT709,
      colorSpace: av.AVCOL_SPC_SMPTE170M,
      colorRange: av.AVCOL_RANGE_MPEG,
    } satisfies Partial<CodecContext>);
    for (const [name, value] of Object.entries(options)) check(context.setOption(name, value));
    check(await context.open2(found, null));
    let index = 0n;
    for (const { data } of frames) {
      // The encoder may still read the picture before it.
      frame.unref();
      Object.assign(frame, { format: av.AV_PIX_FMT_YUV420P, ...size });
      check(frame.fromBuffer(Buffer.from(data.buffer, data.byteOffset, data.byteLength)));
      frame.pts = index;
      await send(frame);
      index += 1n;
    }
    await send(null);
  } catch (error) {
    throw new AnymodalError('internal', `${purpose} could not be encoded: ${error instanceof Error ? error.message : 'unknown'}.`, { cause: error });
  } finally {
    context.freeContext();
    frame.free();
    packet.free();
  }
  const first = packets[0];
  if (first === undefined) throw new AnymodalError('internal', `${purpose} has no packets: ${encoder} gave none.`);
  return { packets, config: { codec: codec === 'avc' ? avcName(first.data) : 'vp09.00.10.08', codedWidth: size.width, codedHeight: size.height } };
}

/** The codec's name with profile and level, which stand behind the first parameter set's type (7). */
function avcName(bytes: Uint8Array): string {
  const at = bytes.findIndex((_, i) => bytes[i] === 0 && bytes[i + 1] === 0 && bytes[i + 2] === 1 && (bytes[i + 3]! & 31) === 7);
  return `avc1.${Buffer.from(bytes.subarray(at + 4, at + 7)).toString('hex')}`;
}
