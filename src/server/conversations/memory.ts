// Memory through clients that send a history without the media that we made: our answers are known again by what was said before
// them and by their own words, and get their media back. Works on digests; knows no wire format and keeps no text.

import { createHash } from 'node:crypto';
import type { Media, Message, Part } from '../../contracts.ts';
import type { Json, Stored, StoredMedia, Warning } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { withMedia } from './turns.ts';

type Parts = Pick<ServerParts, 'conversations' | 'media'>;

/** A message of a history as a client sends it: the words that it shows of an answer are kept apart from what they stand for. */
export interface Sent {
  readonly role: Message['role'];
  readonly parts: readonly Part[];
  /** What the client saw of an answer, where it is not the texts of `parts`. */
  readonly seen?: string;
  /** It is from our own records and stands as it is. */
  readonly kept?: boolean;
}

/** Where an answer is about to stand: what a reply is remembered under. */
export interface Standing {
  readonly keys: (seen: string) => readonly string[];
}

/**
 * A history with our answers as we gave them. An answer is known by everything said before it, or else by the words asked last; one
 * without words, which some clients leave out, by its place alone. Media that a client sent along win over those we remember.
 *
 * @param hint what tells this conversation from another with the same words, such as a client's own id of it; null where nothing does
 */
export async function restored(parts: Parts, owner: string, history: readonly Sent[], hint: string | null): Promise<{ readonly messages: readonly Message[]; readonly warnings: readonly Warning[]; readonly standing: Standing }> {
  const messages: Message[] = [];
  const warnings: Warning[] = [];
  const thread = new Thread(hint);
  const recall = async (seen: string): Promise<Message | null> => {
    for (const key of thread.keys(seen)) {
      const found = storedMessageOf(await parts.conversations.recall(owner, key));
      if (found === null) continue;
      const read = await withMedia(parts, [found]);
      for (const warning of read.warnings) if (!warnings.some(({ code }) => code === warning.code)) warnings.push(warning);
      return read.messages[0] ?? null;
    }
    return null;
  };
  for (const [index, { role, parts: sent, seen, kept = false }] of history.entries()) {
    if (role === 'system') {
      messages.push({ role, parts: sent });
      continue;
    }
    if (role === 'user') {
      // Two in a row: an answer without words may have been left out between them.
      if (history[index - 1]?.role === 'user' && !kept) {
        const silent = await recall('');
        if (silent !== null) messages.push(silent);
      }
      thread.ask(sent);
      messages.push({ role, parts: sent });
      continue;
    }
    const shown = seen ?? textOf(sent);
    const known = kept ? null : await recall(shown);
    const own = mediaOf(sent);
    const covers = known !== null && own.every(({ id }) => mediaOf(known.parts).some((media) => media.id === id));
    messages.push(known !== null && covers ? known : { role, parts: sent });
    thread.answer(shown);
  }
  return { messages, warnings, standing: thread };
}

/** Remembers an answer, so that `restored` knows it; `seen` is what its client sees of it in words. */
export async function rememberAnswer({ conversations }: Pick<ServerParts, 'conversations'>, owner: string, { keys }: Standing, seen: string, answer: Stored<Message>): Promise<void> {
  // Only media can be lost on the way; an older answer of the same place and words must not lend this one its media.
  if (!answer.parts.some((part) => part.type === 'media')) {
    await Promise.all(keys(seen).map(async (key) => conversations.forget(owner, key)));
    return;
  }
  const value: Json = JSON.parse(JSON.stringify({ parts: answer.parts }));
  await Promise.all(keys(seen).map(async (key) => conversations.remember(owner, key, value)));
}

/** Bytes that we gave out in another form, such as another size: what they stand for when they come back. */
export async function rememberForm({ conversations }: Pick<ServerParts, 'conversations'>, owner: string, bytes: Uint8Array, media: StoredMedia): Promise<void> {
  await conversations.remember(owner, `form/${sha256(bytes)}`, { ...media });
}

/** A medium that comes back from a client: ours, known by its content without being decoded; null for one that is new. */
export async function knownMedia({ conversations, media }: Parts, owner: string, bytes: Uint8Array): Promise<Media | null> {
  const id = sha256(bytes);
  const record = await media.find(owner, id);
  if (record !== null) return { id, modality: record.modality, mediaType: record.mediaType, bytes, ...(record.name !== undefined && { name: record.name }) };
  const form = storedMediaOf(await conversations.recall(owner, `form/${id}`));
  if (form === null || (await media.find(owner, form.id)) === null) return null;
  return media.read(form);
}

/** Words said so far, as digests. */
class Thread {
  readonly #hint: string | null;
  /** Of all words before, and of all words and media of users. */
  #words = '';
  #whole = '';
  #asked = '';

  constructor(hint: string | null) {
    this.#hint = hint;
  }

  ask(parts: readonly Part[]): void {
    const words = plain(textOf(parts));
    this.#words = digest('user', this.#words, words);
    this.#whole = digest('user', this.#whole, words, ...mediaOf(parts).map(({ id }) => id));
    this.#asked = words;
  }

  answer(seen: string): void {
    // One without words leaves no trace, since some clients leave it out.
    if (plain(seen) === '') return;
    this.#words = digest('assistant', this.#words, plain(seen));
    this.#whole = digest('assistant', this.#whole, plain(seen));
  }

  /** Names for an answer at this place, the surest first. */
  readonly keys = (seen: string): readonly string[] => {
    const words = plain(seen);
    const places = [
      ...(this.#hint === null ? [] : [digest('hint', this.#hint, this.#whole, words), digest('hint', this.#hint, this.#words, words)]),
      digest('whole', this.#whole, words),
      digest('words', this.#words, words),
      // Without words of its own an answer is told from others by its place alone.
      ...(words === '' ? [] : [digest('asked', this.#asked, words)]),
    ];
    return places.map((place) => `answer/${place}`);
  };
}

/** Links that we wrote for a medium are no words of the answer, and their signatures change. */
const OWN_LINK = /!?\[[^\]\n]*\]\([^)\s]*\/v1\/media\/[0-9a-f]{64}\/[^)\s]*\)/g;

function plain(words: string): string {
  // Clients trim, wrap and join as they like.
  return words.normalize('NFC').replaceAll(OWN_LINK, '').replaceAll(/\s+/g, '');
}

/** An answer's words without the links that we wrote for its media. */
export function withoutOwnLinks(words: string): string {
  return words.includes('/v1/media/') ? words.replaceAll(OWN_LINK, '').trim() : words;
}

function textOf(parts: readonly Part[]): string {
  return parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
}

function mediaOf(parts: readonly Part[]): Media[] {
  return parts.flatMap((part) => (part.type === 'media' ? [part.media] : []));
}

function digest(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  // Lengths first, so that no two lists of texts are the same bytes.
  for (const text of texts) hash.update(`${text.length}\n${text}`);
  return hash.digest('base64url');
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What `rememberAnswer` kept; null for anything else. */
function storedMessageOf(value: Json): Stored<Message> | null {
  const parts: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'parts') : null;
  return isParts(parts) ? { role: 'assistant', parts } : null;
}

function isParts(value: unknown): value is Stored<Part>[] {
  return Array.isArray(value);
}

function storedMediaOf(value: Json): StoredMedia | null {
  return isStoredMedia(value) ? value : null;
}

function isStoredMedia(value: unknown): value is StoredMedia {
  return typeof value === 'object' && value !== null && 'id' in value && 'mediaType' in value;
}

