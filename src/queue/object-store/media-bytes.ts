// The bytes of media on an S3-compatible store: one object a medium, named by the SHA-256 of its content. Knows no owner and no record.
// What is written twice is the same, so that whoever is cut off writes again.

import type { MediaAnswer, MediaBytes } from '../contracts.ts';
import { drained, type Bucket } from './connection.ts';

/** Times that a stream which breaks off is taken up again. */
const MOST_BREAKS = 5;

export class ObjectBytes implements MediaBytes {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** Asks the store once whether it answers. Throws where it does not. */
  async check(): Promise<void> {
    await this.#bucket.check(0);
  }

  async write(id: string, bytes: Uint8Array): Promise<void> {
    // The id is what the signature has to state of the content, and the store compares the two.
    await this.#bucket.request('PUT', keyOf(id), { body: new Uint8Array(bytes), headers: { 'content-type': 'application/octet-stream', 'x-amz-content-sha256': id }, accept: [200, 201, 204] }).then(drained);
  }

  async has(id: string): Promise<boolean> {
    const response = await this.#bucket.request('HEAD', keyOf(id), { accept: [200, 404] });
    await drained(response);
    return response.status === 200;
  }

  async read(id: string): Promise<Uint8Array | null> {
    const stream = await this.#open(id, null);
    return stream === null ? null : new Uint8Array(await new Response(this.#whole(id, stream, 0, null)).arrayBuffer());
  }

  async stream(id: string, size: number, range?: { readonly start: number; readonly end: number }): Promise<ReadableStream<Uint8Array> | null> {
    const { start, end } = range ?? { start: 0, end: size - 1 };
    const stream = await this.#open(id, range === undefined ? null : { start, end });
    return stream === null ? null : this.#whole(id, stream, start, end);
  }

  async remove(id: string): Promise<void> {
    await this.#bucket.request('DELETE', keyOf(id), { accept: [200, 204, 404] }).then(drained);
  }

  async address(id: string, mediaType: string, { seconds, disposition }: MediaAnswer): Promise<string> {
    return this.#bucket.address(keyOf(id), seconds, { 'response-content-type': mediaType, 'response-content-disposition': disposition, 'response-cache-control': 'private, max-age=3600, immutable' });
  }

  /** Ids of what was there before `before` (milliseconds since 1970). */
  async *ids(before: number): AsyncGenerator<string> {
    for await (const { key, at } of this.#bucket.keys()) {
      const id = key.split('/').at(-1) ?? '';
      if (/^[0-9a-f]{64}$/.test(id) && at < before) yield id;
    }
  }

  async #open(id: string, range: { readonly start: number; readonly end: number | null } | null): Promise<ReadableStream<Uint8Array> | null> {
    const response = await this.#bucket.request('GET', keyOf(id), { accept: [200, 206, 404], ...(range !== null && { headers: { range: `bytes=${range.start}-${range.end ?? ''}` } }) });
    if (response.status !== 404) return response.body ?? new Response('').body;
    await drained(response);
    return null;
  }

  /** The stream, taken up again from where it was where the store breaks off. */
  #whole(id: string, first: ReadableStream<Uint8Array>, start: number, end: number | null): ReadableStream<Uint8Array> {
    let reader = first.getReader();
    let at = start;
    let breaks = 0;
    const open = async (): Promise<ReadableStream<Uint8Array> | null> => this.#open(id, { start: at, end });
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        for (;;) {
          try {
            const { done, value } = await reader.read();
            if (done) controller.close();
            else {
              at += value.byteLength;
              controller.enqueue(value);
            }
            return;
          } catch (error) {
            breaks += 1;
            if (breaks > MOST_BREAKS) throw error;
            const again = await open();
            if (again === null) throw error;
            reader = again.getReader();
          }
        }
      },
      async cancel(reason) {
        await reader.cancel(reason);
      },
    });
  }
}

/** Stores share their work by the beginnings of keys. */
function keyOf(id: string): string {
  return `${id.slice(0, 2)}/${id}`;
}
