// What is known again of a history that lost its media: by all that was said, by the words asked last, by a hint of the client's; and what is not.

import { createHash } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import type { Media, Message } from '../../../src/contracts.ts';
import { AnymodalError } from '../../../src/errors.ts';
import type { MediaStore } from '../../../src/queue/contracts.ts';
import { Database } from '../../../src/queue/database.ts';
import { knownMedia, rememberAnswer, rememberForm, restored, type Sent } from '../../../src/server/conversations/memory.ts';
import { createConversationStore } from '../../../src/server/conversations/store.ts';
import { storedMessage } from '../../../src/server/conversations/turns.ts';

function picture(name: string): Media {
  const bytes = Buffer.from(name);
  return { id: createHash('sha256').update(bytes).digest('hex'), modality: 'image', mediaType: 'image/png', bytes };
}

function open(): Parameters<typeof restored>[0] & { readonly files: Map<string, Media> } {
  const database = new Database(':memory:');
  onTestFinished(() => database.close());
  const files = new Map<string, Media>();
  const media: Pick<MediaStore, 'find' | 'read'> = {
    async find(owner, id) {
      const found = files.get(id);
      return found === undefined || owner !== 'one' ? null : { id, modality: found.modality, mediaType: found.mediaType, size: found.bytes.byteLength, owner, createdAt: 0, origin: 'made', job: null, title: null };
    },
    async read({ id }) {
      const found = files.get(id);
      if (found === undefined) throw new AnymodalError('not_found', 'gone');
      return found;
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- memory asks a store nothing else
  return { conversations: createConversationStore(database), media: media as MediaStore, files };
}
type Parts = ReturnType<typeof open>;

const user = (text: string): Sent => ({ role: 'user', parts: [{ type: 'text', text }] });
const assistant = (text: string): Sent => ({ role: 'assistant', parts: text === '' ? [] : [{ type: 'text', text }], seen: text });
const idsOf = (messages: readonly Message[]): string[][] => messages.map(({ parts }) => parts.flatMap((part) => (part.type === 'media' ? [part.media.id] : [])));

async function answered(parts: Parts, history: readonly Sent[], text: string, media: Media | null, hint: string | null = null): Promise<void> {
  if (media !== null) parts.files.set(media.id, media);
  const { standing } = await restored(parts, 'one', history, hint);
  const message: Message = { role: 'assistant', parts: [...(text === '' ? [] : [{ type: 'text' as const, text }]), ...(media === null ? [] : [{ type: 'media' as const, media, made: { output: 'image', references: [] } }])] };
  await rememberAnswer(parts, 'one', standing, text, storedMessage(message));
}

test('an answer is known by its words and its place, and gets back what it was made from', async () => {
  const parts = open();
  const apple = picture('apple');
  await answered(parts, [user('draw an apple')], 'Here it is.', apple);
  const { messages } = await restored(parts, 'one', [user('draw an apple'), assistant('Here  it is. '), user('blue')], null);
  expect(idsOf(messages)).toEqual([[], [apple.id], []]);
  expect(messages[1]?.parts.at(-1)).toMatchObject({ made: { output: 'image' } });
  expect(idsOf((await restored(parts, 'two', [user('draw an apple'), assistant('Here it is.'), user('blue')], null)).messages)).toEqual([[], [], []]);
  expect(idsOf((await restored(parts, 'one', [user('draw a pear'), assistant('Here it is.'), user('blue')], null)).messages)).toEqual([[], [], []]);
});

test('of answers with the same words the one of the same thread is known, else the latest', async () => {
  const parts = open();
  const [cat, dog] = [picture('cat'), picture('dog')];
  await answered(parts, [user('I like cats'), assistant('Good.'), user('draw one')], 'Here it is.', cat);
  await answered(parts, [user('I like dogs'), assistant('Good.'), user('draw one')], 'Here it is.', dog);
  const after = async (first: string): Promise<string[][]> => idsOf((await restored(parts, 'one', [user(first), assistant('Good.'), user('draw one'), assistant('Here it is.'), user('x')], null)).messages);
  expect((await after('I like cats'))[3]).toEqual([cat.id]);
  expect((await after('I like dogs'))[3]).toEqual([dog.id]);
  expect((await after('I like birds'))[3]).toEqual([dog.id]);
});

test('an answer without a picture takes the place of one with the same words', async () => {
  const parts = open();
  await answered(parts, [user('draw one')], 'Here it is.', picture('cat'));
  await answered(parts, [user('draw one')], 'Here it is.', null);
  expect(idsOf((await restored(parts, 'one', [user('draw one'), assistant('Here it is.'), user('x')], null)).messages)).toEqual([[], [], []]);
});

test('what is from our own records stands as it is', async () => {
  const parts = open();
  await answered(parts, [user('draw one')], 'Here it is.', picture('cat'));
  expect(idsOf((await restored(parts, 'one', [user('draw one'), { ...assistant('Here it is.'), kept: true }, user('x')], null)).messages)).toEqual([[], [], []]);
});

test('a picture that was deleted is left out with a warning', async () => {
  const parts = open();
  const cat = picture('cat');
  await answered(parts, [user('draw one')], 'Here it is.', cat);
  parts.files.clear();
  const { messages, warnings } = await restored(parts, 'one', [user('draw one'), assistant('Here it is.'), user('x')], null);
  expect(idsOf(messages)).toEqual([[], [], []]);
  expect(warnings.map(({ code }) => code)).toEqual(['media_gone']);
});

test('bytes that come back are known by their content, also in a form of their own', async () => {
  const parts = open();
  const cat = picture('cat');
  parts.files.set(cat.id, cat);
  expect((await knownMedia(parts, 'one', cat.bytes))?.id).toBe(cat.id);
  expect(await knownMedia(parts, 'two', cat.bytes)).toBeNull();
  const small = Buffer.from('small cat');
  expect(await knownMedia(parts, 'one', small)).toBeNull();
  await rememberForm(parts, 'one', small, { id: cat.id, modality: 'image', mediaType: 'image/png', size: 3 });
  expect((await knownMedia(parts, 'one', small))?.id).toBe(cat.id);
});
