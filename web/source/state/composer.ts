// What the person is about to send: words and attached media. Files are uploaded as soon as they are attached.
import { computed, signal } from '@preact/signals';
import type { InputPart, MediaObject } from '../../../src/client/index.ts';
import { client, messageOf } from '../server.ts';
import { notify } from './notices.ts';

export interface Attachment {
  readonly key: number;
  readonly name: string;
  /** Null while it is uploaded. */
  readonly media: MediaObject | null;
  /** A mask of the first picture attached. */
  readonly isMask: boolean;
}

export const draft = signal('');
export const attachments = signal<readonly Attachment[]>([]);
export const uploading = computed(() => attachments.value.some(({ media }) => media === null));
export const canSend = computed(() => !uploading.value && (draft.value.trim() !== '' || attachments.value.some(({ isMask }) => !isMask)));

let keys = 0;

export async function attachFile(file: Blob, name: string, isMask = false): Promise<void> {
  keys += 1;
  const key = keys;
  attachments.value = [...attachments.value.filter((other) => !(isMask && other.isMask)), { key, name, media: null, isMask }];
  try {
    const media = await client.upload(file, { name });
    attachments.value = attachments.value.map((attachment) => (attachment.key === key ? { ...attachment, media } : attachment));
  } catch (error) {
    detach(key);
    notify(`${name}: ${messageOf(error)}`);
  }
}

export async function attachFiles(files: Iterable<File>): Promise<void> {
  await Promise.all([...files].map(async (file) => attachFile(file, file.name)));
}

export function attachMedia(media: MediaObject, name: string): void {
  if (attachments.value.some((attachment) => attachment.media?.id === media.id)) return;
  keys += 1;
  attachments.value = [...attachments.value, { key: keys, name, media, isMask: false }];
}

export function detach(key: number): void {
  const gone = attachments.value.find((attachment) => attachment.key === key);
  const rest = attachments.value.filter((attachment) => attachment.key !== key);
  // A mask belongs to the picture that it was painted on.
  attachments.value = gone?.isMask === false && gone.media?.modality === 'image' ? rest.filter(({ isMask }) => !isMask) : rest;
}

/** The parts and the mask to send; empties the composer. */
export function takeDraft(): { readonly input: readonly InputPart[]; readonly media: readonly MediaObject[]; readonly mask: string | null; readonly words: string } {
  const words = draft.value.trim();
  const given = attachments.value.flatMap(({ media, isMask }) => (media === null || isMask ? [] : [media]));
  const mask = attachments.value.find(({ isMask }) => isMask)?.media?.id ?? null;
  const input: InputPart[] = [...given.map(({ id }) => ({ type: 'media' as const, id })), ...(words === '' ? [] : [{ type: 'text' as const, text: words }])];
  draft.value = '';
  attachments.value = [];
  return { input, media: given, mask, words };
}
