// The bytes of media in Redis itself: for those who name no other store. Knows no owner and no record.
// A medium may be as large as `MOST_BYTES`; it takes that much of Redis's memory, and once more on its way.

import { AnymodalError } from '../../errors.ts';
import type { MediaBytes } from '../contracts.ts';
import type { RedisLink } from './connection.ts';

/** Redis itself takes 512 MiB at most. */
export const MOST_BYTES = 128 * 2 ** 20;
/** Bytes without a record, of a process that ended between the two, go after this. */
const UNKNOWN_SECONDS = 3600;
const PIECE = 256 * 1024;

export class RedisBytes implements MediaBytes {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async write(id: string, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > MOST_BYTES) {
      throw new AnymodalError('too_large', `media: ${bytes.byteLength} bytes, and through Redis go ${MOST_BYTES} at most; ask for less, or give the servers and workers a store for media`);
    }
    // The record takes the limit of time away.
    await this.#link.within(async () => this.#link.client.set(this.#key(id), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 'EX', UNKNOWN_SECONDS, 'NX'));
  }

  async has(id: string): Promise<boolean> {
    return (await this.#link.within(async () => this.#link.client.exists(this.#key(id)))) === 1;
  }

  async read(id: string): Promise<Uint8Array | null> {
    return this.#link.within(async () => this.#link.client.getBuffer(this.#key(id)));
  }

  async stream(id: string, size: number, { start, end } = { start: 0, end: size - 1 }): Promise<ReadableStream<Uint8Array> | null> {
    const { client } = this.#link;
    const key = this.#key(id);
    if (!(await this.has(id))) return null;
    let at = start;
    const link = this.#link;
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (at <= end) {
          const to = Math.min(at + PIECE - 1, end);
          const piece = await link.within(async () => client.getrangeBuffer(key, at, to));
          if (piece.byteLength === 0) throw new AnymodalError('not_found', `medium ${id.slice(0, 12)}: it was removed while it was read`);
          at += piece.byteLength;
          controller.enqueue(piece);
        }
        if (at > end) controller.close();
      },
    });
  }

  async remove(id: string): Promise<void> {
    await this.#link.within(async () => this.#link.client.unlink(this.#key(id)));
  }

  #key(id: string): string {
    return this.#link.key('B', id);
  }
}
