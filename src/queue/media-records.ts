// The rows of the media store: who has which medium, which jobs brought it, who holds its file. Synchronous; inside transactions.
// Knows no file: it says which may go.

import { AnymodalError } from '../errors.ts';
import type { MediaRecord, MediaStore, Page } from './contracts.ts';
import { integer, text, textOrNull, type Database, type Row, type Value } from './database.ts';

const steps = [
  `CREATE TABLE files (id TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE media (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL REFERENCES files (id), owner TEXT NOT NULL, modality TEXT NOT NULL, media_type TEXT NOT NULL,
    size INTEGER NOT NULL, name TEXT, created_at INTEGER NOT NULL, origin TEXT NOT NULL CHECK (origin IN ('upload', 'input', 'made', 'preview')),
    job TEXT, title TEXT, words TEXT NOT NULL, stays INTEGER NOT NULL, UNIQUE (owner, id)
  ) STRICT;
  CREATE INDEX media_of_file ON media (id);
  CREATE TABLE media_of_jobs (job TEXT NOT NULL, owner TEXT NOT NULL, media TEXT NOT NULL, origin TEXT NOT NULL, PRIMARY KEY (job, owner, media)) STRICT, WITHOUT ROWID;
  CREATE INDEX jobs_of_media ON media_of_jobs (owner, media);
  CREATE TABLE holds (holder TEXT NOT NULL, media TEXT NOT NULL REFERENCES files (id), PRIMARY KEY (holder, media)) STRICT, WITHOUT ROWID;
  CREATE INDEX holds_of_media ON holds (media);
  CREATE TABLE embeddings (media TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE, space TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (media, space)) STRICT, WITHOUT ROWID`,
];

/** An origin later in this list says more of a medium than one before it. */
const origins = ['preview', 'input', 'made', 'upload'] as const;

/** Holders that are jobs; others, such as conversations, keep the record too. */
const JOB_HOLDER = 'job/';

export class MediaRecords {
  readonly #database: Database;

  /** Throws what `Database.migrate` throws. */
  constructor(database: Database) {
    this.#database = database;
    database.migrate('media', steps);
  }

  find(owner: string, id: string): MediaRecord | null {
    const row = this.#database.get('SELECT * FROM media WHERE owner = ? AND id = ?', owner, id);
    return row === undefined ? null : recordOf(row);
  }

  /** Adds a record, or what it adds to the one that is there. */
  put(record: MediaRecord): MediaRecord {
    const { owner, id, origin, job, title } = record;
    this.#database.run('INSERT INTO files (id, size) VALUES (?, ?) ON CONFLICT DO NOTHING', id, record.size);
    const known = this.find(owner, id);
    const words = wordsOf(record);
    if (known === null) {
      this.#database.run(
        'INSERT INTO media (id, owner, modality, media_type, size, name, created_at, origin, job, title, words, stays) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        id, owner, record.modality, record.mediaType, record.size, record.name ?? null, record.createdAt, origin, job, title, words, Number(job === null),
      );
    } else {
      if (origins.indexOf(origin) > origins.indexOf(known.origin)) {
        this.#database.run('UPDATE media SET origin = ?, job = ?, title = ?, words = ? WHERE owner = ? AND id = ?', origin, job, title ?? known.title, title === null ? wordsOf(known) : words, owner, id);
      }
      if (job === null) this.#database.run('UPDATE media SET stays = 1 WHERE owner = ? AND id = ?', owner, id);
    }
    if (job !== null) {
      const before = this.#database.get('SELECT origin FROM media_of_jobs WHERE job = ? AND owner = ? AND media = ?', job, owner, id);
      if (before === undefined || text(before, 'origin') === 'preview') this.#database.run('INSERT OR REPLACE INTO media_of_jobs (job, owner, media, origin) VALUES (?, ?, ?, ?)', job, owner, id, origin);
    }
    return this.find(owner, id) ?? record;
  }

  list(filter: Parameters<MediaStore['list']>[0], page: Page): MediaRecord[] {
    const conditions = ['owner = ?'];
    const values: Value[] = [filter.owner];
    const add = (condition: string, ...of: Value[]): void => {
      conditions.push(condition);
      values.push(...of);
    };
    if (filter.modality !== undefined) add('modality = ?', filter.modality);
    if (filter.job !== undefined) add('id IN (SELECT media FROM media_of_jobs WHERE job = ? AND owner = ?)', filter.job, filter.owner);
    if (filter.origins !== undefined) add(`origin IN (${filter.origins.map(() => '?').join(', ')})`, ...filter.origins);
    for (const word of fold(filter.text ?? '').split(/\s+/)) if (word !== '') add('instr(words, ?) > 0', word);
    const ascending = page.order === 'asc';
    if (page.after !== undefined) add(`seq ${ascending ? '>' : '<'} (SELECT seq FROM media WHERE owner = ? AND id = ?)`, filter.owner, page.after);
    return this.#database.all(`SELECT * FROM media WHERE ${conditions.join(' AND ')} ORDER BY seq ${ascending ? 'ASC' : 'DESC'} LIMIT ?`, ...values, page.limit).map(recordOf);
  }

  /** Removes an owner's record. False where there was none. */
  remove(owner: string, id: string): boolean {
    this.#database.run('DELETE FROM media_of_jobs WHERE owner = ? AND media = ?', owner, id);
    return this.#database.run('DELETE FROM media WHERE owner = ? AND id = ?', owner, id) > 0;
  }

  /** Removes what came with a job and nothing else uses; returns the ids of the media that it was about. */
  removeOfJob(job: string, of: readonly MediaRecord['origin'][]): string[] {
    const rows = this.#database.all(`SELECT owner, media FROM media_of_jobs WHERE job = ? AND origin IN (${of.map(() => '?').join(', ')})`, job, ...of);
    for (const row of rows) {
      const [owner, id] = [text(row, 'owner'), text(row, 'media')];
      this.#database.run('DELETE FROM media_of_jobs WHERE job = ? AND owner = ? AND media = ?', job, owner, id);
      const other = this.#database.get('SELECT job FROM media_of_jobs WHERE owner = ? AND media = ? LIMIT 1', owner, id);
      const next = other === undefined ? null : text(other, 'job');
      this.#database.run('UPDATE media SET job = ? WHERE owner = ? AND id = ? AND job = ?', next, owner, id, job);
      if (next !== null) continue;
      // A conversation that holds it shows it still; it goes when nothing does.
      if (this.#heldByOthers(id)) this.#database.run('UPDATE media SET stays = 1 WHERE owner = ? AND id = ?', owner, id);
      this.#database.run('DELETE FROM media WHERE owner = ? AND id = ? AND stays = 0', owner, id);
    }
    return rows.map((row) => text(row, 'media'));
  }

  /** Records without a job and a holder that are older than `before`, the oldest first; uploads are not among them. */
  loose(before: number, limit: number): MediaRecord[] {
    return this.#database.all(
      `SELECT * FROM media WHERE origin <> 'upload' AND created_at < ? AND NOT EXISTS (SELECT 1 FROM media_of_jobs WHERE owner = media.owner AND media = media.id)
      AND NOT EXISTS (SELECT 1 FROM holds WHERE media = media.id) ORDER BY seq LIMIT ?`, before, limit,
    ).map(recordOf);
  }

  hold(holder: string, ids: readonly string[]): void {
    for (const id of ids) {
      if (!this.hasFile(id)) throw new AnymodalError('not_found', `medium ${id.slice(0, 12)}: it is not kept`);
      this.#database.run('INSERT OR IGNORE INTO holds (holder, media) VALUES (?, ?)', holder, id);
    }
  }

  /** Returns the ids of what was held. */
  release(holder: string): string[] {
    const ids = this.#database.all('SELECT media FROM holds WHERE holder = ?', holder).map((row) => text(row, 'media'));
    this.#database.run('DELETE FROM holds WHERE holder = ?', holder);
    return ids;
  }

  /** Of these media, the files that nobody has or holds any more; their rows are gone, and the bytes that they took are returned. */
  dropUnused(ids: readonly string[]): { readonly ids: string[]; readonly bytes: number } {
    const dropped: string[] = [];
    let bytes = 0;
    for (const id of new Set(ids)) {
      const row = this.#database.get('SELECT size FROM files WHERE id = ? AND NOT EXISTS (SELECT 1 FROM media WHERE media.id = files.id) AND NOT EXISTS (SELECT 1 FROM holds WHERE media = files.id)', id);
      if (row === undefined) continue;
      this.#database.run('DELETE FROM files WHERE id = ?', id);
      dropped.push(id);
      bytes += integer(row, 'size');
    }
    return { ids: dropped, bytes };
  }

  hasFile(id: string): boolean {
    return this.#database.get('SELECT 1 FROM files WHERE id = ?', id) !== undefined;
  }

  /** Jobs that brought media or hold some. */
  jobs(): { readonly id: string; readonly holds: boolean }[] {
    const rows = this.#database.all(
      'SELECT job, max(holds) AS holds FROM (SELECT DISTINCT job, 0 AS holds FROM media_of_jobs UNION ALL SELECT DISTINCT substr(holder, ?1 + 1), 1 FROM holds WHERE substr(holder, 1, ?1) = ?2) GROUP BY job', JOB_HOLDER.length, JOB_HOLDER,
    );
    return rows.map((row) => ({ id: text(row, 'job'), holds: integer(row, 'holds') === 1 }));
  }

  /** Jobs that have previews; after a restart none of them is shown any more. */
  jobsWithPreviews(): string[] {
    return this.#database.all("SELECT DISTINCT job FROM media_of_jobs WHERE origin = 'preview'").map((row) => text(row, 'job'));
  }

  fileIds(): string[] {
    return this.#database.all('SELECT id FROM files').map((row) => text(row, 'id'));
  }

  size(): number {
    const row = this.#database.get('SELECT coalesce(sum(size), 0) AS size FROM files');
    return row === undefined ? 0 : integer(row, 'size');
  }

  setEmbedding(id: string, space: string, vector: Uint8Array): void {
    if (this.hasFile(id)) this.#database.run('INSERT OR REPLACE INTO embeddings (media, space, vector) VALUES (?, ?, ?)', id, space, vector);
  }

  embedding(id: string, space: string): Uint8Array | null {
    const vector = this.#database.get('SELECT vector FROM embeddings WHERE media = ? AND space = ?', id, space)?.['vector'];
    return vector instanceof Uint8Array ? vector : null;
  }

  /** The embeddings of an owner's media in a space. */
  embeddings(owner: string, space: string): { readonly id: string; readonly vector: Uint8Array }[] {
    const rows = this.#database.all("SELECT media.id AS id, vector FROM media JOIN embeddings ON embeddings.media = media.id WHERE owner = ? AND space = ? AND origin <> 'preview'", owner, space);
    return rows.flatMap((row) => (row['vector'] instanceof Uint8Array ? [{ id: text(row, 'id'), vector: row['vector'] }] : []));
  }

  #heldByOthers(id: string): boolean {
    return this.#database.get('SELECT 1 FROM holds WHERE media = ? AND substr(holder, 1, ?) <> ?', id, JOB_HOLDER.length, JOB_HOLDER) !== undefined;
  }
}

function recordOf(row: Row): MediaRecord {
  const name = textOrNull(row, 'name');
  const origin = origins.find((known) => known === row['origin']);
  if (origin === undefined) throw new AnymodalError('internal', 'a medium has an unknown origin');
  return {
    id: text(row, 'id'), modality: text(row, 'modality'), mediaType: text(row, 'media_type'), size: integer(row, 'size'), ...(name !== null && { name }),
    owner: text(row, 'owner'), createdAt: integer(row, 'created_at'), origin, job: textOrNull(row, 'job'), title: textOrNull(row, 'title'),
  };
}

/** What a search by words looks in. */
function wordsOf({ title, name }: Pick<MediaRecord, 'title' | 'name'>): string {
  return fold(`${title ?? ''} ${name ?? ''}`);
}

function fold(words: string): string {
  return words.normalize('NFKC').toLowerCase();
}
