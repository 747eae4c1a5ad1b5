// The media store that several servers and workers share: records in Redis, bytes there or wherever `MediaBytes` puts them.
// A file goes with the last that uses it; the same rules as on one machine, each change a script.

import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Media } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Clock } from '../clock.ts';
import type { LimitedMediaStore, MediaAnswer, MediaBytes, MediaLimit, MediaRecord, MediaStore, Page, StoredMedia } from '../contracts.ts';
import { storedMedia } from '../stored.ts';
import { listOf, textOf, type RedisLink, type Reply } from './connection.ts';
import { holdMedia, putMedia, releaseMedia, removeMedia, removeMediaOfJob, setEmbedding } from './media-scripts.ts';

const partsOfJob = { previews: ['preview'], output: ['preview', 'made'], all: ['preview', 'made', 'input', 'upload'] } as const;
const origins = ['preview', 'input', 'made', 'upload'] as const;
/** Records that are looked through at once. */
const CHUNK = 200;
/** How long bytes on their way out are waited for, and how long until another process may finish what one began. */
const GOING_MS = 20;
const GOING_TIMES = 500;
export const GONE_MS = 60_000;

export class RedisMediaStore implements LimitedMediaStore {
  readonly #link: RedisLink;
  readonly #bytes: MediaBytes;
  readonly #clock: Clock;
  #limit: MediaLimit | null = null;

  constructor(link: RedisLink, bytes: MediaBytes, clock: Clock) {
    this.#link = link;
    this.#bytes = bytes;
    this.#clock = clock;
  }

  limit(limit: MediaLimit | null): void {
    this.#limit = limit;
  }

  async put(media: Media, { owner, origin, job, title }: Pick<MediaRecord, 'owner' | 'origin' | 'job' | 'title'>): Promise<MediaRecord> {
    const { id, modality, mediaType, bytes, name } = media;
    if (createHash('sha256').update(bytes).digest('hex') !== id) throw new AnymodalError('bad_media', 'a medium whose id is not the SHA-256 of its bytes');
    await this.#room(media);
    for (let times = 0; times < GOING_TIMES; times += 1) {
      await this.#bytes.write(id, bytes);
      const state = await this.#link.run(putMedia, id, owner, this.#clock.now(), origin, job ?? '', bytes.byteLength, title === null ? 0 : 1, modality, mediaType, name === undefined ? 0 : 1, name ?? '', title ?? '', fold(`${title ?? ''} ${name ?? ''}`));
      if (state === 'kept') {
        // They may have been removed between the two; from now on nobody does that.
        if (!(await this.#bytes.has(id))) continue;
        const record = await this.find(owner, id);
        return record ?? { ...storedMedia(media), owner, origin, job, title, createdAt: this.#clock.now() };
      }
      // Its bytes are being removed: written again when that is over.
      await setTimeout(GOING_MS);
    }
    throw new AnymodalError('unavailable', `medium ${id.slice(0, 12)}: its earlier bytes are still being removed; try again`, { retryAfterMs: 5000 });
  }

  async find(owner: string, id: string): Promise<MediaRecord | null> {
    return isId(id) ? ((await this.#records(owner, [id]))[0] ?? null) : null;
  }

  async read({ id, modality, mediaType, size, name }: StoredMedia): Promise<Media> {
    const bytes = isId(id) ? await this.#bytes.read(id) : null;
    if (bytes === null) throw missing(id);
    if (bytes.byteLength !== size) throw new AnymodalError('internal', `medium ${id.slice(0, 12)}: its file has ${bytes.byteLength} bytes, expected ${size}`);
    return { id, modality, mediaType, bytes, ...(name !== undefined && { name }) };
  }

  async stream({ id, size }: StoredMedia, range?: { readonly start: number; readonly end: number }): Promise<ReadableStream<Uint8Array>> {
    const stream = isId(id) ? await this.#bytes.stream(id, size, range) : null;
    if (stream === null) throw missing(id);
    return stream;
  }

  async address({ id, mediaType }: StoredMedia, answer: MediaAnswer): Promise<string | null> {
    return (await this.#bytes.address?.(id, mediaType, answer)) ?? null;
  }

  async list(filter: Parameters<MediaStore['list']>[0], page: Page): Promise<readonly MediaRecord[]> {
    const { owner, modality, job } = filter;
    const words = fold(filter.text ?? '').split(/\s+/).filter((word) => word !== '');
    const ofJob = job === undefined ? null : new Set((await this.#link.within(async () => this.#link.client.hkeys(this.#link.key('MJ', job)))));
    const fits = (record: MediaRecord & { readonly words: string }): boolean =>
      (modality === undefined || record.modality === modality) && (filter.origins === undefined || filter.origins.includes(record.origin)) && (ofJob === null || ofJob.has(`${record.id} ${owner}`)) && words.every((word) => record.words.includes(word));
    const found: MediaRecord[] = [];
    const { after } = page;
    let from: string | null = null;
    if (after !== undefined) {
      from = await this.#link.within(async () => this.#link.client.zscore(this.#link.key('MO', owner), after));
      if (from === null) return [];
    }
    for await (const ids of this.#pages(this.#link.key('MO', owner), page.order === 'asc', from)) {
      for (const record of await this.#records(owner, ids)) {
        if (record === null || !fits(record)) continue;
        const { words: _words, ...plain } = record;
        found.push(plain);
        if (found.length >= page.limit) return found;
      }
    }
    return found;
  }

  async remove(owner: string, id: string): Promise<boolean> {
    const [found, ...dropped] = listOf(await this.#link.run(removeMedia, id, owner, this.#clock.now()));
    await this.#drop(dropped);
    return found === 1;
  }

  async hold(holder: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#link.run(holdMedia, holder, this.#clock.now(), ...ids);
  }

  async release(holder: string): Promise<void> {
    await this.#drop(listOf(await this.#link.run(releaseMedia, holder, this.#clock.now())));
  }

  async removeOfJob(job: string, what: 'previews' | 'output' | 'all'): Promise<void> {
    await this.#drop(listOf(await this.#link.run(removeMediaOfJob, job, this.#clock.now(), ...partsOfJob[what])));
  }

  async jobs(): ReturnType<MediaStore['jobs']> {
    const { client } = this.#link;
    const [brought, held] = await this.#link.within(async () => Promise.all([client.zrange(this.#link.key('MJS'), '0', '-1'), client.zrange(this.#link.key('HJ'), '0', '-1')]));
    return [...new Set([...brought, ...held])].map((id) => ({ id, holds: held.includes(id) }));
  }

  async setEmbedding(id: string, space: string, embedding: readonly number[]): Promise<void> {
    await this.#link.run(setEmbedding, id, space, new Uint8Array(normalised(embedding).buffer));
  }

  async embedding(id: string, space: string): Promise<readonly number[] | null> {
    const vector = await this.#vector(id, space);
    return vector === null ? null : [...vector];
  }

  async nearest(owner: string, space: string, embedding: readonly number[], limit: number): ReturnType<MediaStore['nearest']> {
    const query = normalised(embedding);
    const scored: { readonly id: string; readonly similarity: number }[] = [];
    for await (const ids of this.#pages(this.#link.key('MO', owner), true, null)) {
      const vectors = await Promise.all(ids.map(async (id) => ({ id, vector: await this.#vector(id, space) })));
      scored.push(...vectors.flatMap(({ id, vector }) => (vector?.length === query.length ? [{ id, similarity: dot(query, vector) }] : [])));
    }
    const found: { readonly media: MediaRecord; readonly similarity: number }[] = [];
    for (const { id, similarity } of scored.toSorted((a, b) => b.similarity - a.similarity || (a.id < b.id ? -1 : 1))) {
      if (found.length >= limit) break;
      const media = await this.find(owner, id);
      if (media !== null && media.origin !== 'preview') found.push({ media, similarity });
    }
    return found;
  }

  async size(): Promise<number> {
    return Number((await this.#link.within(async () => this.#link.client.get(this.#link.key('size')))) ?? 0);
  }

  async removeLoose(before: number, limit: number): Promise<number> {
    let removed = 0;
    for await (const members of this.#pages(this.#link.key('MA'), true, null)) {
      for (const member of members) {
        const [id, owner] = [member.slice(0, 64), member.slice(65)];
        const record = await this.find(owner, id);
        if (record === null || record.origin === 'upload' || record.createdAt >= before) continue;
        const used = await this.#link.within(async () => this.#link.client.exists(this.#link.key('JM', id, owner), this.#link.key('FH', id)));
        if (used > 0) continue;
        await this.remove(owner, id);
        removed += 1;
        if (removed >= limit) return removed;
      }
    }
    return removed;
  }

  /** Removes bytes that a process which ended was to remove. */
  async sweep(): Promise<void> {
    await this.#drop(await this.#link.within(async () => this.#link.client.zrange(this.#link.key('G'), '-inf', String(this.#clock.now() - GONE_MS), 'BYSCORE')));
  }

  /** Jobs that brought media before `before`, and those of them that have previews. */
  async jobsBefore(before: number): Promise<{ readonly brought: readonly string[]; readonly held: readonly string[]; readonly previews: readonly string[] }> {
    const old = async (name: string): Promise<string[]> => this.#link.client.zrange(this.#link.key(name), '-inf', String(before), 'BYSCORE');
    const [brought, held, previews] = await this.#link.within(async () => Promise.all([old('MJS'), old('HJ'), old('MP')]));
    return { brought, held, previews };
  }

  /** Removes the bytes of media whose rows are gone; until then nobody keeps them anew. */
  async #drop(ids: readonly Reply[]): Promise<void> {
    for (const each of ids) {
      const id = textOf(each) ?? '';
      await this.#bytes.remove(id);
      await this.#link.within(async () => this.#link.client.zrem(this.#link.key('G'), id));
    }
  }

  /** Members of a sorted set, some at a time, from after the score `from`. */
  async *#pages(key: string, ascending: boolean, from: string | null): AsyncGenerator<readonly string[]> {
    const { client } = this.#link;
    for (;;) {
      const bound = from === null ? null : `(${from}`;
      const entries = await this.#link.within(async () => (ascending ? client.zrange(key, bound ?? '-inf', '+inf', 'BYSCORE', 'LIMIT', 0, CHUNK, 'WITHSCORES') : client.zrange(key, bound ?? '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, CHUNK, 'WITHSCORES')));
      if (entries.length === 0) return;
      yield entries.filter((_, index) => index % 2 === 0);
      from = entries.at(-1) ?? null;
    }
  }

  async #records(owner: string, ids: readonly string[]): Promise<readonly ((MediaRecord & { readonly words: string }) | null)[]> {
    return this.#link.within(async () => Promise.all(ids.map(async (id) => {
      const fields = await this.#link.client.hgetall(this.#link.key('M', id, owner));
      return fields['origin'] === undefined ? null : recordOf(owner, id, fields);
    })));
  }

  async #vector(id: string, space: string): Promise<Float32Array | null> {
    const blob = await this.#link.within(async () => this.#link.client.hgetBuffer(this.#link.key('V', id), space));
    // A blob need not begin where a float may.
    return blob === null ? null : new Float32Array(new Uint8Array(blob).buffer);
  }

  async #room({ id, bytes }: Media): Promise<void> {
    const limit = this.#limit;
    if (limit === null) return;
    const fits = async (): Promise<boolean> => (await this.size()) + bytes.byteLength <= limit.bytes || (await this.#link.client.exists(this.#link.key('F', id))) === 1;
    if (await fits()) return;
    await limit.makeRoom(bytes.byteLength);
    if (!(await fits())) throw new AnymodalError('disk_full', `media: the budget of ${limit.bytes} bytes is taken by uploads, conversations and jobs under way; delete some, or raise it in the configuration`);
  }
}

function recordOf(owner: string, id: string, fields: Readonly<Record<string, string>>): MediaRecord & { readonly words: string } {
  const value = (name: string): string => fields[name] ?? '';
  const origin = origins.find((known) => known === fields['origin']);
  if (origin === undefined) throw new AnymodalError('internal', 'a medium has an unknown origin');
  const { name } = fields;
  return {
    id, modality: value('modality'), mediaType: value('mediaType'), size: Number(value('size')), ...(name !== undefined && { name }), owner, createdAt: Number(value('createdAt')), origin,
    job: value('job') === '' ? null : value('job'), title: value('titled') === '1' ? value('title') : null, words: value('words'),
  };
}

function isId(id: string): boolean {
  return /^[0-9a-f]{64}$/.test(id);
}

function missing(id: string): AnymodalError {
  return new AnymodalError('not_found', isId(id) ? `medium ${id.slice(0, 12)}: it is not kept any more` : 'no medium has such an id');
}

function fold(words: string): string {
  return words.normalize('NFKC').toLowerCase();
}

function normalised(embedding: readonly number[]): Float32Array<ArrayBuffer> {
  const norm = Math.hypot(...embedding);
  return Float32Array.from(embedding, (value) => (norm === 0 ? 0 : value / norm));
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}
