// Media of one server whose records lie in its data folder and whose bytes lie elsewhere: `MediaBytes` in the place of files.
// Knows no owner and no record.

import { createHash } from 'node:crypto';
import { AnymodalError } from '../../errors.ts';
import type { MediaAnswer } from '../contracts.ts';
import type { MediaFileStore } from '../media-files.ts';
import { Turns } from '../turns-by-name.ts';
import type { ObjectBytes } from './media-bytes.ts';

export class ObjectFiles implements MediaFileStore {
  readonly #bytes: ObjectBytes;
  readonly #turns = new Turns();

  constructor(bytes: ObjectBytes) {
    this.#bytes = bytes;
  }

  async open(): Promise<void> {}

  async alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.alone(id, work);
  }

  async write(id: string, bytes: Uint8Array): Promise<void> {
    if (createHash('sha256').update(bytes).digest('hex') !== id) throw new AnymodalError('bad_media', 'a medium whose id is not the SHA-256 of its bytes');
    await this.#bytes.write(id, bytes);
  }

  async read(id: string): Promise<Uint8Array> {
    const bytes = isId(id) ? await this.#bytes.read(id) : null;
    if (bytes === null) throw missing(id);
    return bytes;
  }

  async stream(id: string, size: number, range: { readonly start: number; readonly end: number } | undefined): Promise<ReadableStream<Uint8Array>> {
    const stream = isId(id) ? await this.#bytes.stream(id, size, range) : null;
    if (stream === null) throw missing(id);
    return stream;
  }

  async address(id: string, mediaType: string, answer: MediaAnswer): Promise<string> {
    return this.#bytes.address(id, mediaType, answer);
  }

  async remove(id: string): Promise<void> {
    await this.#bytes.remove(id);
  }

  /** A copy of the folder keeps pointing at the store, which has copies of its own if it is told to. */
  async copy(): Promise<boolean> {
    return true;
  }

  ids(before: number): AsyncGenerator<string> {
    return this.#bytes.ids(before);
  }
}

function isId(id: string): boolean {
  return /^[0-9a-f]{64}$/.test(id);
}

function missing(id: string): AnymodalError {
  return new AnymodalError('not_found', isId(id) ? `medium ${id.slice(0, 12)}: it is not kept any more` : 'no medium has such an id');
}
