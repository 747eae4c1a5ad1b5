// What createApp is given: the queue and the stores, who may come in, and what bytes are. Types only; knows no route.

import type { Logger } from 'pino';
import type { Message } from '../contracts.ts';
import type { Engines, Json, MediaStore, Page, Queue, Stored } from '../queue/contracts.ts';
import type { MediaTools } from './media-contract.ts';

export type { MediaTools } from './media-contract.ts';

/** Who sends a request. */
export interface Caller {
  /** Id of the key, or `local` where none is needed; the owner of what it makes. */
  readonly owner: string;
  readonly scopes: readonly Scope[];
}
export type Scope = 'generate' | 'read' | 'admin';

/** Keys: only their hashes are kept. */
export interface KeyStore {
  /** Returns the key itself, which is shown once. */
  add(name: string, scopes: readonly Scope[]): Promise<{ readonly id: string; readonly key: string }>;
  list(): Promise<readonly { readonly id: string; readonly name: string; readonly scopes: readonly Scope[]; readonly createdAt: number; readonly lastUsedAt: number | null }[]>;
  revoke(idOrName: string): Promise<boolean>;
  /** The caller of a key; null for one that is unknown or revoked. */
  check(key: string): Promise<Caller | null>;
  close(): Promise<void>;
}

/** A conversation: messages with the jobs that answered. */
export interface Conversation {
  readonly id: string;
  readonly owner: string;
  readonly title: string | null;
  /** What a client keeps with it. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly updatedAt: number;
}
/** One kept message; `job` made it if it is an answer. `view` is what a compatible route needs to show it again, such as item ids. */
export interface KeptMessage {
  readonly id: string;
  readonly message: Stored<Message>;
  readonly job: string | null;
  readonly createdAt: number;
  readonly view: Json;
}

/** Conversations, each a list of messages; answers of compatible routes are found again by their digest or id. */
export interface ConversationStore {
  create(owner: string, title: string | null, metadata?: Conversation['metadata']): Promise<Conversation>;
  get(owner: string, id: string): Promise<Conversation | null>;
  list(owner: string, page: Page, text?: string): Promise<readonly Conversation[]>;
  rename(owner: string, id: string, title: string): Promise<Conversation | null>;
  annotate(owner: string, id: string, metadata: Conversation['metadata']): Promise<Conversation | null>;
  remove(owner: string, id: string): Promise<boolean>;
  messages(owner: string, id: string): Promise<readonly KeptMessage[]>;
  /** Adds messages in one piece, and returns them; none where one of them answers a job whose answer is there already. Throws `not_found`. */
  append(owner: string, id: string, messages: readonly Omit<KeptMessage, 'id' | 'createdAt'>[]): Promise<readonly KeptMessage[]>;
  /** Takes a message out. False where the conversation or its message is gone. */
  withdraw(owner: string, id: string, message: string): Promise<boolean>;
  /** Puts the message of an answer in the place that was kept for it. False where the conversation or its message is gone. */
  fill(owner: string, id: string, message: string, answer: KeptMessage['message']): Promise<boolean>;
  /** A kept answer by the key that a compatible route gave it (`remember`), such as `response/resp_...` or a digest of what a client sends back. */
  recall(owner: string, key: string): Promise<Json | null>;
  remember(owner: string, key: string, value: Json): Promise<void>;
  /** Puts another value in the place of one that is remembered. False where it was forgotten. */
  replace(owner: string, key: string, value: Json): Promise<boolean>;
  forget(owner: string, key: string): Promise<boolean>;
  /** Asks a database that is elsewhere whether it answers, once. Throws where it does not. Absent where it lies in the data folder. */
  check?(): Promise<void>;
  close(): Promise<void>;
}

/** A store that is not in the data folder, and whether it answers; without one that is needed no job is taken or ends. */
export interface StoreState {
  readonly id: 'Redis' | 'media' | 'conversations';
  readonly state: 'ready' | 'away';
  readonly needed: boolean;
}

/** What holds for a running server; every field has a default in the configuration. */
export interface ServerSettings {
  /** Refuses what compatible routes would map or resample. */
  readonly strict: boolean;
  /** Whether a key is needed. */
  readonly keysRequired: boolean;
  readonly limits: {
    readonly bodyBytes: number;
    readonly parts: number;
    readonly pixels: number;
    readonly seconds: number;
    readonly variants: number;
    readonly jobsPerKey: number;
    readonly requestsPerMinute: number;
  };
  /** Milliseconds. */
  readonly deadlineMs: number;
  /** Milliseconds that a signed address of a result is good for. */
  readonly addressMs: number;
  /** Hosts that a request may name in `Host`, beside loopback; against DNS rebinding. */
  readonly hosts: readonly string[];
  /** Origins that may read answers from a browser; none by default. */
  readonly origins: readonly string[];
  /** Whether addresses in requests are fetched, and hosts that may be. */
  readonly remoteMedia: { readonly allowed: boolean; readonly hosts: readonly string[]; readonly bytes: number; readonly timeoutMs: number };
  /** Address under which clients reach the server, for links; null takes the request's own. */
  /** Sends who reads media to the store where they lie, where it has addresses of its own. */
  readonly redirectMedia?: boolean;
  readonly publicUrl: string | null;
  readonly version: string;
}

/** Everything that createApp is given. Borrowed; who made it closes it. */
export interface ServerParts {
  readonly queue: Queue;
  readonly engines: Engines;
  readonly media: MediaStore;
  readonly conversations: ConversationStore;
  readonly keys: KeyStore;
  readonly tools: MediaTools;
  readonly settings: ServerSettings;
  readonly logger: Logger;
  /** Key for signed addresses and sessions; kept with the data. */
  readonly secret: Uint8Array;
  /** Built page, or null. */
  readonly pageFolder: string | null;
  /** True from the first signal to end: `/readyz` says so. Absent: never. */
  readonly isDraining?: () => boolean;
  /** How the stores elsewhere are; absent: there are none. */
  readonly stores?: () => Promise<readonly StoreState[]>;
  /** Further lines of `/metrics`, in the Prometheus text format; absent: those of HTTP, the queue and the process alone. */
  readonly metrics?: () => Promise<string>;
  /** Copies the data folder while work goes on; fulfilled with where the copy is. Absent: there is none to copy. */
  readonly backup?: () => Promise<string>;
}
