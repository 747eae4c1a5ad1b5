// Conversations in SQLite: their messages in order, with media by reference, and what compatible routes want to find again.
// Knows no route and no file; who deletes a medium leaves its reference here.

import type { Page, Json, Stored } from '../../queue/contracts.ts';
import { integer, text, textOrNull, type Database, type Row, type Value } from '../../queue/database.ts';
import type { Message } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { Conversation, ConversationStore, KeptMessage } from '../contracts.ts';
import { newId } from '../run-job.ts';
import { folded, wordsOf } from './words.ts';

/** Never change a step that was released; add another. */
const steps = [
  `CREATE TABLE conversations (id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT, words TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;
   CREATE INDEX conversations_of_owner ON conversations (owner, updated_at, id);
   CREATE TABLE conversation_messages (
     conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE, position INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, job TEXT,
     message TEXT NOT NULL, view TEXT NOT NULL, words TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (conversation, position)) STRICT;
   CREATE TABLE memories (owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, kept_at INTEGER NOT NULL, PRIMARY KEY (owner, key)) STRICT, WITHOUT ROWID;
   CREATE INDEX memories_by_age ON memories (kept_at);`,
  "ALTER TABLE conversations ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}'",
];

const DAY_MS = 86_400_000;

export interface ConversationOptions {
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** How long `remember` keeps what is not remembered again. */
  readonly memoryMs?: number;
}

/** The store on a database that is borrowed; closing the store leaves it open. Throws what migrating throws. */
export function createConversationStore(database: Database, options: ConversationOptions = {}): ConversationStore {
  database.migrate('conversations', steps);
  return new SqliteConversations(database, options.now ?? Date.now, options.memoryMs ?? 90 * DAY_MS);
}

class SqliteConversations implements ConversationStore {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #memoryMs: number;
  #prunedAt = 0;

  constructor(database: Database, now: () => number, memoryMs: number) {
    this.#database = database;
    this.#now = now;
    this.#memoryMs = memoryMs;
  }

  async create(owner: string, title: string | null, metadata: Conversation['metadata'] = {}): Promise<Conversation> {
    const at = this.#now();
    const made = { id: newId('conv'), owner, title, metadata, createdAt: at, updatedAt: at };
    await this.#database.soon(() =>
      this.#database.run('INSERT INTO conversations (id, owner, title, words, metadata, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)', made.id, owner, title, folded(title ?? ''), JSON.stringify(metadata), at, at),
    );
    return made;
  }

  async get(owner: string, id: string): Promise<Conversation | null> {
    const row = this.#database.get('SELECT * FROM conversations WHERE id = ? AND owner = ?', id, owner);
    return row === undefined ? null : conversationOf(row);
  }

  async list(owner: string, { after, limit, order = 'desc' }: Page, words = ''): Promise<readonly Conversation[]> {
    const conditions = ['owner = ?'];
    const values: Value[] = [owner];
    if (after !== undefined) {
      const last = await this.get(owner, after);
      if (last === null) throw new AnymodalError('not_found', 'after: there is no such conversation; start again without it.', { field: 'after' });
      conditions.push(`(updated_at, id) ${order === 'desc' ? '<' : '>'} (?, ?)`);
      values.push(last.updatedAt, last.id);
    }
    for (const word of folded(words).split(' ').filter((each) => each !== '')) {
      conditions.push('(instr(words, ?) > 0 OR EXISTS (SELECT 1 FROM conversation_messages WHERE conversation = conversations.id AND instr(conversation_messages.words, ?) > 0))');
      values.push(word, word);
    }
    const direction = order === 'desc' ? 'DESC' : 'ASC';
    return this.#database.all(`SELECT * FROM conversations WHERE ${conditions.join(' AND ')} ORDER BY updated_at ${direction}, id ${direction} LIMIT ?`, ...values, limit).map(conversationOf);
  }

  async rename(owner: string, id: string, title: string): Promise<Conversation | null> {
    await this.#database.soon(() => this.#database.run('UPDATE conversations SET title = ?, words = ?, updated_at = ? WHERE id = ? AND owner = ?', title, folded(title), this.#now(), id, owner));
    return this.get(owner, id);
  }

  async annotate(owner: string, id: string, metadata: Conversation['metadata']): Promise<Conversation | null> {
    await this.#database.soon(() => this.#database.run('UPDATE conversations SET metadata = ? WHERE id = ? AND owner = ?', JSON.stringify(metadata), id, owner));
    return this.get(owner, id);
  }

  async remove(owner: string, id: string): Promise<boolean> {
    return this.#database.soon(() => this.#database.run('DELETE FROM conversations WHERE id = ? AND owner = ?', id, owner) > 0);
  }

  async messages(owner: string, id: string): Promise<readonly KeptMessage[]> {
    if ((await this.get(owner, id)) === null) return [];
    return this.#database.all('SELECT * FROM conversation_messages WHERE conversation = ? ORDER BY position', id).map(messageOf);
  }

  async append(owner: string, id: string, messages: readonly Omit<KeptMessage, 'id' | 'createdAt'>[]): Promise<readonly KeptMessage[]> {
    const at = this.#now();
    const kept = messages.map((message): KeptMessage => ({ ...message, id: newId('msg'), createdAt: at }));
    return this.#database.soon(() => {
      const row = this.#database.get('SELECT conversations.id, (SELECT max(position) FROM conversation_messages WHERE conversation = conversations.id) AS last FROM conversations WHERE id = ? AND owner = ?', id, owner);
      if (row === undefined) throw noConversation();
      for (const { job } of kept) {
        if (job !== null && this.#database.get('SELECT 1 FROM conversation_messages WHERE conversation = ? AND job = ?', id, job) !== undefined) return [];
      }
      const first = row['last'] === null ? 0 : integer(row, 'last') + 1;
      for (const [index, { id: message, job, message: content, view }] of kept.entries()) {
        this.#database.run(
          'INSERT INTO conversation_messages (conversation, position, id, job, message, view, words, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
          id, first + index, message, job, JSON.stringify(content), JSON.stringify(view), wordsOf(content), at,
        );
      }
      this.#database.run('UPDATE conversations SET updated_at = ? WHERE id = ?', at, id);
      return kept;
    });
  }

  async withdraw(owner: string, id: string, message: string): Promise<boolean> {
    return this.#database.soon(() => this.#database.run('DELETE FROM conversation_messages WHERE id = ? AND conversation = (SELECT id FROM conversations WHERE id = ? AND owner = ?)', message, id, owner) > 0);
  }

  async fill(owner: string, id: string, message: string, answer: Stored<Message>): Promise<boolean> {
    return this.#database.soon(() => {
      const changed = this.#database.run(
        'UPDATE conversation_messages SET message = ?, words = ? WHERE id = ? AND conversation = (SELECT id FROM conversations WHERE id = ? AND owner = ?)',
        JSON.stringify(answer), wordsOf(answer), message, id, owner,
      );
      if (changed > 0) this.#database.run('UPDATE conversations SET updated_at = ? WHERE id = ?', this.#now(), id);
      return changed > 0;
    });
  }

  async recall(owner: string, key: string): Promise<Json | null> {
    const row = this.#database.get('SELECT value FROM memories WHERE owner = ? AND key = ?', owner, key);
    return row === undefined ? null : jsonOf(text(row, 'value'));
  }

  async remember(owner: string, key: string, value: Json): Promise<void> {
    await this.#database.soon(() => {
      const at = this.#now();
      this.#database.run('INSERT INTO memories (owner, key, value, kept_at) VALUES (?, ?, ?, ?) ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value, kept_at = excluded.kept_at', owner, key, JSON.stringify(value), at);
      if (at - this.#prunedAt < DAY_MS / 24) return;
      this.#prunedAt = at;
      this.#database.run('DELETE FROM memories WHERE kept_at < ?', at - this.#memoryMs);
    });
  }

  async replace(owner: string, key: string, value: Json): Promise<boolean> {
    return this.#database.soon(() => this.#database.run('UPDATE memories SET value = ?, kept_at = ? WHERE owner = ? AND key = ?', JSON.stringify(value), this.#now(), owner, key) > 0);
  }

  async forget(owner: string, key: string): Promise<boolean> {
    return this.#database.soon(() => this.#database.run('DELETE FROM memories WHERE owner = ? AND key = ?', owner, key) > 0);
  }

  // The database is its opener's.
  async close(): Promise<void> {}
}

/** What `get` and `append` have in common for whoever asks for a conversation that is not theirs. */
export function noConversation(field = 'conversation'): AnymodalError {
  return new AnymodalError('not_found', `${field}: there is no conversation with this id.`, { field });
}

function conversationOf(row: Row): Conversation {
  const metadata: Conversation['metadata'] = JSON.parse(text(row, 'metadata'));
  return { id: text(row, 'id'), owner: text(row, 'owner'), title: textOrNull(row, 'title'), metadata, createdAt: integer(row, 'created_at'), updatedAt: integer(row, 'updated_at') };
}

function messageOf(row: Row): KeptMessage {
  const message: Stored<Message> = JSON.parse(text(row, 'message'));
  return { id: text(row, 'id'), job: textOrNull(row, 'job'), message, view: jsonOf(text(row, 'view')), createdAt: integer(row, 'created_at') };
}

function jsonOf(json: string): Json {
  return JSON.parse(json);
}
