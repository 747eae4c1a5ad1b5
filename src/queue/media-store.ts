// The media store of one machine: files by content, records by owner in SQLite, search by words and by likeness.
// A record is there only while its file is; a file goes with the last that uses it.

import type { Media } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { LimitedMediaStore, MediaAnswer, MediaLimit, MediaRecord, MediaStore, Page, StoredMedia } from './contracts.ts';
import type { Database } from './database.ts';
import type { MediaFileStore } from './media-files.ts';
import { MediaRecords } from './media-records.ts';
import { storedMedia } from './stored.ts';

const partsOfJob = { previews: ['preview'], output: ['preview', 'made'], all: ['preview', 'made', 'input', 'upload'] } as const;

export class SqliteMediaStore implements LimitedMediaStore {
  readonly #database: Database;
  readonly #files: MediaFileStore;
  readonly #records: MediaRecords;
  readonly #clock: Clock;
  #size: number;
  #limit: MediaLimit | null = null;
  /** Files that go when the backups under way are done. */
  #backups = 0;
  #late: string[] = [];

  /** Throws what `Database.migrate` throws. The files are open; database and files are borrowed. */
  constructor(database: Database, files: MediaFileStore, clock: Clock) {
    this.#database = database;
    this.#files = files;
    this.#records = new MediaRecords(database);
    this.#clock = clock;
    this.#size = this.#records.size();
  }

  /** Whether no medium was ever kept and not removed. */
  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /** Sets how many bytes all files may take. */
  limit(limit: MediaLimit | null): void {
    this.#limit = limit;
  }

  async put(media: Media, { owner, origin, job, title }: Pick<MediaRecord, 'owner' | 'origin' | 'job' | 'title'>): Promise<MediaRecord> {
    await this.#room(media);
    // A preview is worth nothing after the process, so that it need not survive a loss of power.
    const durable = origin !== 'preview';
    return this.#files.alone(media.id, async () => {
      await this.#files.write(media.id, media.bytes, durable);
      const { record, added } = await this.#database.soon(() => {
        const known = this.#records.hasFile(media.id);
        return { record: this.#records.put({ ...storedMedia(media), owner, origin, job, title, createdAt: this.#clock.now() }), added: known ? 0 : media.bytes.byteLength };
      }, durable);
      this.#size += added;
      return record;
    });
  }

  async find(owner: string, id: string): Promise<MediaRecord | null> {
    return this.#records.find(owner, id);
  }

  async read({ id, modality, mediaType, size, name }: StoredMedia): Promise<Media> {
    const bytes = await this.#files.read(id);
    if (bytes.byteLength !== size) throw new AnymodalError('internal', `medium ${id.slice(0, 12)}: its file has ${bytes.byteLength} bytes, expected ${size}`);
    return { id, modality, mediaType, bytes, ...(name !== undefined && { name }) };
  }

  async stream(media: StoredMedia, range?: { readonly start: number; readonly end: number }): Promise<ReadableStream<Uint8Array>> {
    return this.#files.stream(media.id, media.size, range);
  }

  async address({ id, mediaType }: StoredMedia, answer: MediaAnswer): Promise<string | null> {
    return (await this.#files.address?.(id, mediaType, answer)) ?? null;
  }

  async list(filter: Parameters<MediaStore['list']>[0], page: Page): Promise<readonly MediaRecord[]> {
    return this.#records.list(filter, page);
  }

  async remove(owner: string, id: string): Promise<boolean> {
    const { removed, ...dropped } = await this.#database.soon(() => ({ removed: this.#records.remove(owner, id), ...this.#records.dropUnused([id]) }));
    await this.#drop(dropped);
    return removed;
  }

  async hold(holder: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#database.soon(() => this.#records.hold(holder, ids));
  }

  async release(holder: string): Promise<void> {
    await this.#drop(await this.#database.soon(() => this.#records.dropUnused(this.#records.release(holder)), false));
  }

  async removeOfJob(job: string, what: 'previews' | 'output' | 'all'): Promise<void> {
    await this.#drop(await this.#database.soon(() => this.#records.dropUnused(this.#records.removeOfJob(job, partsOfJob[what])), what !== 'previews'));
  }

  async jobs(): ReturnType<MediaStore['jobs']> {
    return this.#records.jobs();
  }

  async setEmbedding(id: string, space: string, embedding: readonly number[]): Promise<void> {
    const vector = normalised(embedding);
    await this.#database.soon(() => this.#records.setEmbedding(id, space, new Uint8Array(vector.buffer)), false);
  }

  async embedding(id: string, space: string): Promise<readonly number[] | null> {
    const vector = this.#records.embedding(id, space);
    return vector === null ? null : [...floats(vector)];
  }

  async nearest(owner: string, space: string, embedding: readonly number[], limit: number): ReturnType<MediaStore['nearest']> {
    const query = normalised(embedding);
    const scored = this.#records.embeddings(owner, space).flatMap(({ id, vector }) => {
      const other = floats(vector);
      return other.length === query.length ? [{ id, similarity: dot(query, other) }] : [];
    });
    const best = scored.toSorted((a, b) => b.similarity - a.similarity || (a.id < b.id ? -1 : 1)).slice(0, limit);
    return best.flatMap(({ id, similarity }) => {
      const media = this.#records.find(owner, id);
      return media === null ? [] : [{ media, similarity }];
    });
  }

  async size(): Promise<number> {
    return this.#size;
  }

  /** Removes records without a job and a holder from before `before`; uploads stay. Returns how many. */
  async removeLoose(before: number, limit: number): Promise<number> {
    const loose = this.#records.loose(before, limit);
    for (const { owner, id } of loose) await this.remove(owner, id);
    return loose.length;
  }

  /** Removes the previews that an earlier process left: nobody is shown them any more. */
  async sweepPreviews(): Promise<void> {
    await Promise.all(this.#records.jobsWithPreviews().map(async (job) => this.removeOfJob(job, 'previews')));
  }

  /** Removes files without a record that an earlier process left, those younger than `before` aside, until `stop` says so. */
  async sweepFiles(before: number, stop: () => boolean): Promise<void> {
    for await (const id of this.#files.ids(before)) {
      if (stop()) return;
      if (!this.#records.hasFile(id)) await this.#drop({ ids: [id], bytes: 0 });
    }
  }

  /** Copies the database by `copy`, then every file that it tells of into `folder`; no file goes meanwhile. */
  async backup(folder: string, copy: () => Promise<void>): Promise<void> {
    this.#backups += 1;
    try {
      // Files first known after the copy are copied too and swept when it is opened; none that it tells of is missing.
      await copy();
      for (const id of this.#records.fileIds()) await this.#files.copy(id, folder);
      for (const id of this.#late) await this.#files.copy(id, folder);
    } finally {
      this.#backups -= 1;
      if (this.#backups === 0) await this.#drop({ ids: this.#late.splice(0), bytes: 0 });
    }
  }

  /** Removes files whose rows are gone, but for those that came back meanwhile. */
  async #drop({ ids, bytes }: { readonly ids: readonly string[]; readonly bytes: number }): Promise<void> {
    this.#size -= bytes;
    if (this.#backups > 0) {
      this.#late.push(...ids);
      return;
    }
    for (const id of ids) {
      await this.#files.alone(id, async () => {
        if (!this.#records.hasFile(id)) await this.#files.remove(id);
      });
    }
  }

  async #room({ id, bytes }: Media): Promise<void> {
    const limit = this.#limit;
    const fits = (): boolean => limit === null || this.#size + bytes.byteLength <= limit.bytes || this.#records.hasFile(id);
    if (limit === null || fits()) return;
    await limit.makeRoom(bytes.byteLength);
    if (!fits()) throw new AnymodalError('disk_full', `media: the budget of ${limit.bytes} bytes is taken by uploads, conversations and jobs under way; delete some, or raise it in the configuration`);
  }
}

function normalised(embedding: readonly number[]): Float32Array<ArrayBuffer> {
  const norm = Math.hypot(...embedding);
  return Float32Array.from(embedding, (value) => (norm === 0 ? 0 : value / norm));
}

/** A blob of SQLite need not begin where a float may. */
function floats(blob: Uint8Array): Float32Array {
  return new Float32Array(blob.slice().buffer);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}
