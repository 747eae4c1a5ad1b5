// Conversations in PostgreSQL, for several servers: the same as in SQLite, by the same contract and the same conformance test.
// Each change can be done twice without harm, for a connection may be lost after it was done and before that was told.

import type { Message } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Json, Page, Stored } from '../../queue/contracts.ts';
import type { Conversation, ConversationStore, KeptMessage } from '../contracts.ts';
import { newId } from '../run-job.ts';
import { PostgresLink, type PostgresOptions, type PostgresValue } from './postgres-link.ts';
import { noConversation, type ConversationOptions } from './store.ts';
import { folded, wordsOf } from './words.ts';

/** Never change a step that was released; add another. Ids are compared by their bytes, as in SQLite. */
const steps = [
  `CREATE TABLE conversations (id text COLLATE "C" PRIMARY KEY, owner text NOT NULL, title text, words text NOT NULL, metadata text NOT NULL, created_at double precision NOT NULL, updated_at double precision NOT NULL);
   CREATE INDEX conversations_of_owner ON conversations (owner, updated_at, id);
   CREATE TABLE conversation_messages (
     conversation text COLLATE "C" NOT NULL REFERENCES conversations (id) ON DELETE CASCADE, position integer NOT NULL, id text COLLATE "C" NOT NULL UNIQUE, job text,
     message text NOT NULL, view text NOT NULL, words text NOT NULL, created_at double precision NOT NULL, PRIMARY KEY (conversation, position));
   CREATE TABLE memories (owner text NOT NULL, key text NOT NULL, value text NOT NULL, kept_at double precision NOT NULL, PRIMARY KEY (owner, key));
   CREATE INDEX memories_by_age ON memories (kept_at);`,
];

const DAY_MS = 86_400_000;

interface ConversationRow {
  readonly id: string;
  readonly owner: string;
  readonly title: string | null;
  readonly metadata: string;
  readonly created_at: number;
  readonly updated_at: number;
}
interface MessageRow {
  readonly id: string;
  readonly job: string | null;
  readonly message: string;
  readonly view: string;
  readonly created_at: number;
}

/** Connects, and makes the tables where they are not there. The caller closes it. Throws `unavailable`, `unauthorized`, `not_found`, `conflict`. */
export async function openPostgresConversations(options: PostgresOptions & ConversationOptions): Promise<ConversationStore> {
  const link = new PostgresLink(options);
  try {
    await link.migrate('conversations', steps);
    return new PostgresConversations(link, options.now ?? Date.now, options.memoryMs ?? 90 * DAY_MS);
  } catch (error) {
    await link.close();
    throw error;
  }
}

class PostgresConversations implements ConversationStore {
  readonly #link: PostgresLink;
  readonly #now: () => number;
  readonly #memoryMs: number;
  #prunedAt = 0;

  constructor(link: PostgresLink, now: () => number, memoryMs: number) {
    this.#link = link;
    this.#now = now;
    this.#memoryMs = memoryMs;
  }

  async create(owner: string, title: string | null, metadata: Conversation['metadata'] = {}): Promise<Conversation> {
    const at = this.#now();
    const made = { id: newId('conv'), owner, title, metadata, createdAt: at, updatedAt: at };
    await this.#run('INSERT INTO conversations (id, owner, title, words, metadata, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (id) DO NOTHING', made.id, owner, plain(title), plain(folded(title ?? '')), JSON.stringify(metadata), at);
    return made;
  }

  async get(owner: string, id: string): Promise<Conversation | null> {
    const [row] = await this.#link.within(async ({ all }) => all<ConversationRow>('SELECT * FROM conversations WHERE id = $1 AND owner = $2', plain(id), owner));
    return row === undefined ? null : conversationOf(row);
  }

  async list(owner: string, { after, limit, order = 'desc' }: Page, words = ''): Promise<readonly Conversation[]> {
    const values: PostgresValue[] = [owner];
    const place = (value: PostgresValue): string => `$${values.push(value)}`;
    const conditions = ['owner = $1'];
    if (after !== undefined) {
      const last = await this.get(owner, after);
      if (last === null) throw new AnymodalError('not_found', 'after: there is no such conversation; start again without it.', { field: 'after' });
      conditions.push(`(updated_at, id) ${order === 'desc' ? '<' : '>'} (${place(last.updatedAt)}, ${place(last.id)})`);
    }
    for (const word of folded(words).split(' ').filter((each) => each !== '')) {
      const sought = place(plain(word));
      conditions.push(`(strpos(words, ${sought}) > 0 OR EXISTS (SELECT 1 FROM conversation_messages WHERE conversation = conversations.id AND strpos(conversation_messages.words, ${sought}) > 0))`);
    }
    const direction = order === 'desc' ? 'DESC' : 'ASC';
    const sql = `SELECT * FROM conversations WHERE ${conditions.join(' AND ')} ORDER BY updated_at ${direction}, id ${direction} LIMIT ${place(limit)}`;
    return (await this.#link.within(async ({ all }) => all<ConversationRow>(sql, ...values))).map(conversationOf);
  }

  async rename(owner: string, id: string, title: string): Promise<Conversation | null> {
    await this.#run('UPDATE conversations SET title = $3, words = $4, updated_at = $5 WHERE id = $1 AND owner = $2', plain(id), owner, plain(title), plain(folded(title)), this.#now());
    return this.get(owner, id);
  }

  async annotate(owner: string, id: string, metadata: Conversation['metadata']): Promise<Conversation | null> {
    await this.#run('UPDATE conversations SET metadata = $3 WHERE id = $1 AND owner = $2', plain(id), owner, JSON.stringify(metadata));
    return this.get(owner, id);
  }

  async remove(owner: string, id: string): Promise<boolean> {
    return this.#removed('DELETE FROM conversations WHERE id = $1 AND owner = $2', plain(id), owner);
  }

  async messages(owner: string, id: string): Promise<readonly KeptMessage[]> {
    const rows = await this.#link.within(async ({ all }) =>
      all<MessageRow>('SELECT m.* FROM conversation_messages m JOIN conversations c ON c.id = m.conversation WHERE c.id = $1 AND c.owner = $2 ORDER BY m.position', plain(id), owner),
    );
    return rows.map(messageOf);
  }

  async append(owner: string, id: string, messages: readonly Omit<KeptMessage, 'id' | 'createdAt'>[]): Promise<readonly KeptMessage[]> {
    const at = this.#now();
    const kept = messages.map((message): KeptMessage => ({ ...message, id: newId('msg'), createdAt: at }));
    return this.#link.transaction(async ({ all, run }) => {
      // Who else appends waits here, so that places are given once and in order.
      const [known] = await all('SELECT id FROM conversations WHERE id = $1 AND owner = $2 FOR UPDATE', plain(id), owner);
      if (known === undefined) throw noConversation();
      const [place] = await all<{ readonly next: number; readonly done: boolean }>('SELECT coalesce(max(position) + 1, 0) AS next, coalesce(bool_or(id = $2), false) AS done FROM conversation_messages WHERE conversation = $1', id, kept[0]?.id ?? '');
      if (place === undefined || place.done) return kept;
      for (const { job } of kept) {
        if (job !== null && (await all('SELECT 1 FROM conversation_messages WHERE conversation = $1 AND job = $2', id, job)).length > 0) return [];
      }
      for (const [index, { id: message, job, message: content, view }] of kept.entries()) {
        await run(
          'INSERT INTO conversation_messages (conversation, position, id, job, message, view, words, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
          id, place.next + index, message, job, JSON.stringify(content), JSON.stringify(view), plain(wordsOf(content)), at,
        );
      }
      await run('UPDATE conversations SET updated_at = $2 WHERE id = $1', id, at);
      return kept;
    });
  }

  async withdraw(owner: string, id: string, message: string): Promise<boolean> {
    return this.#removed('DELETE FROM conversation_messages WHERE id = $1 AND conversation = (SELECT id FROM conversations WHERE id = $2 AND owner = $3)', plain(message), plain(id), owner);
  }

  async fill(owner: string, id: string, message: string, answer: Stored<Message>): Promise<boolean> {
    return this.#link.transaction(async ({ run }) => {
      const changed = await run(
        'UPDATE conversation_messages SET message = $1, words = $2 WHERE id = $3 AND conversation = (SELECT id FROM conversations WHERE id = $4 AND owner = $5)',
        JSON.stringify(answer), plain(wordsOf(answer)), plain(message), plain(id), owner,
      );
      if (changed > 0) await run('UPDATE conversations SET updated_at = $2 WHERE id = $1', plain(id), this.#now());
      return changed > 0;
    });
  }

  async recall(owner: string, key: string): Promise<Json | null> {
    const [row] = await this.#link.within(async ({ all }) => all<{ readonly value: string }>('SELECT value FROM memories WHERE owner = $1 AND key = $2', owner, plain(key)));
    return row === undefined ? null : jsonOf(row.value);
  }

  async remember(owner: string, key: string, value: Json): Promise<void> {
    const at = this.#now();
    await this.#run('INSERT INTO memories (owner, key, value, kept_at) VALUES ($1, $2, $3, $4) ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value, kept_at = excluded.kept_at', owner, plain(key), JSON.stringify(value), at);
    if (at - this.#prunedAt < DAY_MS / 24) return;
    this.#prunedAt = at;
    await this.#run('DELETE FROM memories WHERE kept_at < $1', at - this.#memoryMs);
  }

  async replace(owner: string, key: string, value: Json): Promise<boolean> {
    return this.#link.within(async ({ run }) => (await run('UPDATE memories SET value = $3, kept_at = $4 WHERE owner = $1 AND key = $2', owner, plain(key), JSON.stringify(value), this.#now())) > 0);
  }

  async forget(owner: string, key: string): Promise<boolean> {
    return this.#removed('DELETE FROM memories WHERE owner = $1 AND key = $2', owner, plain(key));
  }

  async check(): Promise<void> {
    await this.#link.ping();
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  async #run(sql: string, ...values: readonly PostgresValue[]): Promise<number> {
    return this.#link.within(async ({ run }) => run(sql, ...values));
  }

  /** Whether it was there; what was removed by an attempt whose answer was lost was there too. */
  async #removed(sql: string, ...values: readonly PostgresValue[]): Promise<boolean> {
    let attempts = 0;
    return this.#link.within(async ({ run }) => {
      attempts += 1;
      return (await run(sql, ...values)) > 0 || attempts > 1;
    });
  }
}

function conversationOf({ id, owner, title, metadata, created_at, updated_at }: ConversationRow): Conversation {
  const annotated: Conversation['metadata'] = JSON.parse(metadata);
  return { id, owner, title, metadata: annotated, createdAt: created_at, updatedAt: updated_at };
}

function messageOf({ id, job, message, view, created_at }: MessageRow): KeptMessage {
  const content: Stored<Message> = JSON.parse(message);
  return { id, job, message: content, view: jsonOf(view), createdAt: created_at };
}

function jsonOf(json: string): Json {
  return JSON.parse(json);
}

/** Text that PostgreSQL takes: it knows no zero character. In JSON it is written otherwise. */
function plain<T extends string | null>(text: T): T extends string ? string : string | null;
function plain(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '\uFFFD');
}
