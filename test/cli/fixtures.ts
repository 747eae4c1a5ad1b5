// Small files that tests of the command line lay down.
// Knows no command.
import { crc32, deflateSync } from 'node:zlib';

export const onePixelPng = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

export const bundleJson = JSON.stringify({
  format: 1, id: 'nano', version: '0.1.0', title: 'A bundle of nothing', licence: 'Apache-2.0', source: 'here', joint: 2,
  components: { decoder: { kind: 'decoder', uses: 'none', files: { model: { path: 'model.onnx', sha256: '0'.repeat(64), bytes: 5 } }, config: {} } },
  inputs: { text: { encoder: 'text', projector: null }, image: { encoder: 'image', projector: null } },
  languageModel: 'language-model',
  outputs: { image: { decoder: 'decoder', sources: { prompt: 'text' }, chat: 'signal' } },
});

/** A png of `width` x `height` black pixels, one bit each: small on disk, large in memory. */
export function hugePng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * height));
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', new Uint8Array())]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
