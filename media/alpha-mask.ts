// A mask as transparency: white, which may change, becomes transparent, as servers with OpenAI's routes read masks.
// Decoding is in the limited process behind `decode-image`; writes the one kind of png that this takes.
import { createHash } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import type { Media } from '../src/contracts.ts';
import { decodeImage } from './decode-image.ts';

/**
 * A png of `size` with alpha: 0 where the mask is white, 255 where it is black.
 * @throws AnymodalError `bad_media` for what cannot be read, `aborted`.
 */
export async function alphaOfMask(mask: Media, size: { readonly width: number; readonly height: number }, signal?: AbortSignal): Promise<Media> {
  const { width, height } = size;
  const { pixels } = await decodeImage(mask, { width, height, fit: 'fill', background: [0, 0, 0] }, signal);
  // Each row begins with its filter, 0: none.
  const rows = new Uint8Array(height * (1 + 4 * width));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = 3 * (y * width + x);
      const value = Math.round(((pixels[from] ?? 0) + (pixels[from + 1] ?? 0) + (pixels[from + 2] ?? 0)) / 3);
      rows.set([value, value, value, 255 - value], y * (1 + 4 * width) + 1 + 4 * x);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits, red green blue alpha, and the only compression, filter and order that there is.
  header.set([8, 6, 0, 0, 0], 8);
  const bytes = new Uint8Array(Buffer.concat([Buffer.from('\u0089PNG\r\n\u001a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]));
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'image', mediaType: 'image/png', bytes };
}

function chunk(name: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
