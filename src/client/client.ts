// A small typed client of the job API: jobs and their events, media, conversations, models.
// Runs in browsers and in every JavaScript runtime with fetch; knows no modality.

import { jobEvents } from './events.ts';
import { send, sendForJson, type Connection } from './http.ts';
import type { Conversation, ConversationMessage, Job, JobEvent, JobInput, List, MediaObject, Model, Session, WholeModel } from './types.ts';

export interface ClientOptions {
  /** Address of the server, such as `http://127.0.0.1:8080`; empty for the page's own. */
  readonly baseUrl?: string;
  readonly apiKey?: string;
  readonly fetch?: typeof fetch;
}

interface Signalled {
  readonly signal?: AbortSignal | undefined;
}
export interface Paged extends Signalled {
  /** Id of the last item of the page before. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export class Client {
  readonly #connection: Connection;

  constructor({ baseUrl = '', apiKey, fetch: own }: ClientOptions = {}) {
    this.#connection = { baseUrl: baseUrl.replace(/\/+$/, '').replace(/\/v1$/, ''), apiKey: apiKey ?? null, fetch: own ?? ((input, init) => fetch(input, init)) };
  }

  /** Sends a job; it runs on, whoever listens. The same key with the same job gives the job that was sent before. */
  async createJob(job: JobInput, options: Signalled & { readonly idempotencyKey?: string } = {}): Promise<Job> {
    const headers = options.idempotencyKey === undefined ? {} : { 'Idempotency-Key': options.idempotencyKey };
    return sendForJson(this.#connection, '/v1/jobs', { method: 'POST', json: job, headers, signal: options.signal });
  }
  async job(id: string, options: Signalled = {}): Promise<Job> {
    return sendForJson(this.#connection, `/v1/jobs/${encodeURIComponent(id)}`, options);
  }
  async jobs({ signal, ...query }: Paged & { readonly conversation?: string; readonly status?: string } = {}): Promise<List<Job>> {
    return sendForJson(this.#connection, '/v1/jobs', { query, signal });
  }
  /** Every event after `after`, until the terminal one; goes on by itself after a lost connection. Leaving the loop leaves the job alone. */
  events(id: string, options: Signalled & { readonly after?: number } = {}): AsyncGenerator<JobEvent> {
    return jobEvents(this.#connection, id, options.after, options.signal);
  }
  async cancelJob(id: string): Promise<void> {
    await send(this.#connection, `/v1/jobs/${encodeURIComponent(id)}/cancel`, { method: 'POST' });
  }
  /** Removes a job and what it made. */
  async removeJob(id: string): Promise<void> {
    await send(this.#connection, `/v1/jobs/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  /** Keeps a file; the server tells by its content what it is. */
  async upload(file: Blob, options: Signalled & { readonly name?: string } = {}): Promise<MediaObject> {
    const form = new FormData();
    form.set('file', file, options.name ?? (file instanceof File ? file.name : 'file'));
    return sendForJson(this.#connection, '/v1/media', { method: 'POST', body: form, signal: options.signal });
  }
  async media(id: string, options: Signalled = {}): Promise<MediaObject> {
    return sendForJson(this.#connection, `/v1/media/${encodeURIComponent(id)}`, options);
  }
  async listMedia({ signal, ...query }: Paged & { readonly modality?: string; readonly text?: string } = {}): Promise<List<MediaObject>> {
    return sendForJson(this.#connection, '/v1/media', { query, signal });
  }
  /** Media like the words or the medium, best first. */
  async searchMedia(like: { readonly text: string } | { readonly id: string }, options: Signalled & { readonly limit?: number } = {}): Promise<List<MediaObject & { readonly similarity: number }>> {
    return sendForJson(this.#connection, '/v1/media/search', { method: 'POST', json: { ...like, ...(options.limit !== undefined && { limit: options.limit }) }, signal: options.signal });
  }
  /** The bytes of a medium, by its signed address. */
  async download(media: Pick<MediaObject, 'url'>, options: Signalled = {}): Promise<Blob> {
    const { origin, pathname, search } = new URL(media.url, this.#connection.baseUrl === '' ? undefined : this.#connection.baseUrl);
    // The server may be known by another address here than it has given.
    const base = this.#connection.baseUrl === '' ? origin : this.#connection.baseUrl;
    const response = await send({ ...this.#connection, baseUrl: base }, `${pathname}${search}`, options);
    return response.blob();
  }
  async removeMedia(id: string): Promise<void> {
    await send(this.#connection, `/v1/media/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }

  async createConversation(title: string | null = null): Promise<Conversation> {
    return sendForJson(this.#connection, '/v1/conversations', { method: 'POST', json: { title } });
  }
  async conversations({ signal, ...query }: Paged & { readonly text?: string } = {}): Promise<List<Conversation>> {
    return sendForJson(this.#connection, '/v1/conversations', { query, signal });
  }
  async conversation(id: string, options: Signalled = {}): Promise<Conversation & { readonly messages: readonly ConversationMessage[] }> {
    return sendForJson(this.#connection, `/v1/conversations/${encodeURIComponent(id)}`, options);
  }
  async renameConversation(id: string, title: string): Promise<Conversation> {
    return sendForJson(this.#connection, `/v1/conversations/${encodeURIComponent(id)}`, { method: 'PATCH', json: { title } });
  }
  async removeConversation(id: string): Promise<void> {
    await send(this.#connection, `/v1/conversations/${encodeURIComponent(id)}`, { method: 'DELETE' });
  }
  /** The whole conversation with its media, as one file. */
  async exportConversation(id: string): Promise<Blob> {
    const response = await send(this.#connection, `/v1/conversations/${encodeURIComponent(id)}/export`);
    return response.blob();
  }

  /** Whether this browser may ask without sending a key. */
  async session(): Promise<Session> {
    return sendForJson(this.#connection, '/session');
  }
  /** Begins a session of this browser, for pages of the server itself. */
  async signIn(key: string): Promise<Session> {
    return sendForJson(this.#connection, '/session', { method: 'POST', json: { key } });
  }
  async signOut(): Promise<Session> {
    return sendForJson(this.#connection, '/session', { method: 'DELETE' });
  }

  async models(options: Signalled = {}): Promise<readonly Model[]> {
    const { data } = await sendForJson<{ readonly data: readonly Model[] }>(this.#connection, '/v1/models', options);
    return data;
  }
  /** Loads the model if need be. */
  async model(id: string, options: Signalled = {}): Promise<WholeModel> {
    return sendForJson(this.#connection, `/v1/models/${encodeURIComponent(id)}`, options);
  }
}
