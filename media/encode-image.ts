// Pixels to png, jpeg or webp with the mark of generated media and, if wanted, prompt and settings.
// Knows formats and metadata; knows nothing of how the pixels were made.
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Media, Provenance } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { provenanceJson, provenancePacket } from './provenance.ts';

export type ImageFormat = 'png' | 'jpeg' | 'webp';

export interface ImageEncoding {
  readonly format: ImageFormat;
  /** 1 to 100, of jpeg and webp; 90 if not given. png loses nothing. */
  readonly quality?: number;
  /** Written into the EXIF UserComment as JSON; null writes none. */
  readonly provenance: Provenance | null;
  /** Whether the file says that a trained model made it. */
  readonly mark: boolean;
}

/**
 * An encoded picture; equal pixels and options give equal bytes.
 * @param image pixels [height, width, 3] uint8, sRGB.
 * @throws AnymodalError `bad_option` for a quality outside 1 to 100, `internal` where pixels and size disagree.
 */
export async function encodeImage(
  image: { readonly width: number; readonly height: number; readonly pixels: Uint8Array | Uint8ClampedArray },
  options: ImageEncoding,
): Promise<Media> {
  const { width, height, pixels } = image;
  const quality = options.quality ?? 90;
  if (pixels.length !== width * height * 3) {
    throw new AnymodalError('internal', `encodeImage got ${pixels.length} values for ${width}x${height} RGB; expected ${width * height * 3}.`);
  }
  if (!Number.isInteger(quality) || quality < 1 || quality > 100) {
    throw new AnymodalError('bad_option', `The quality of a ${options.format} was ${quality}; expected an integer from 1 to 100.`);
  }
  // Loaded when first needed: a process that makes no picture pays for no codec.
  const { default: sharp } = await import('sharp');
  const picture = sharp(pixels, { raw: { width, height, channels: 3 } });
  const packet = options.mark || options.provenance !== null ? provenancePacket(options.provenance, options.mark) : null;
  // libvips puts the packet of a png into a zTXt chunk, where the XMP specification (part 3, section 1.1.5) and most readers want iTXt.
  if (packet !== null && options.format !== 'png') picture.withXmp(packet);
  if (options.provenance !== null) picture.withExif({ IFD2: { UserComment: provenanceJson(options.provenance) } });
  if (options.format === 'png') picture.png({ compressionLevel: 9 });
  // Full colour resolution: made pictures have saturated edges.
  else if (options.format === 'jpeg') picture.jpeg({ quality, chromaSubsampling: '4:4:4' });
  else picture.webp({ quality, smartSubsample: true });
  const encoded = await picture.toBuffer();
  const bytes = packet !== null && options.format === 'png' ? withPngXmp(encoded, packet) : new Uint8Array(encoded);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'image', mediaType: `image/${options.format}`, bytes };
}

/** Inserts an uncompressed iTXt chunk with the packet behind the header chunk, which is always 33 bytes into the file. */
function withPngXmp(png: Uint8Array, packet: string): Uint8Array {
  const body = Buffer.concat([Buffer.from('iTXtXML:com.adobe.xmp\0\0\0\0\0', 'latin1'), Buffer.from(packet)]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(body.length - 4);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return new Uint8Array(Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]));
}
