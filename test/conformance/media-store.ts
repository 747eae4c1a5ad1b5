// What every media store does, whatever keeps its records and bytes: owners apart, bytes whole, nothing removed that is used.
// Knows no implementation.

import { expect, test } from 'vitest';
import type { LimitedMediaStore, MediaRecord, Page } from '../../src/queue/contracts.ts';
import { chance, medium } from '../queue/fakes.ts';

const of = (owner: string, origin: MediaRecord['origin'] = 'upload', job: string | null = null, title: string | null = null) => ({ owner, origin, job, title });
const all = { limit: 100 };
const cosine = (a: number[], b: number[]): number => a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0) / (Math.hypot(...a) * Math.hypot(...b));

/** `open` makes an empty store, which is closed after the test. */
export function testMediaStore(open: () => Promise<LimitedMediaStore>): void {
  test('the same bytes of two owners are one file and two records', async () => {
    const media = await open();
    const cat = medium('cat');
    await media.put(cat, of('ann'));
    await media.put(cat, of('bob'));
    expect(await media.size()).toBe(3);
    expect(await media.remove('ann', cat.id)).toBe(true);
    expect(await media.remove('ann', cat.id)).toBe(false);
    expect(await media.find('ann', cat.id)).toBeNull();
    expect(await media.read({ ...cat, size: 3 })).toMatchObject({ id: cat.id, modality: cat.modality, mediaType: cat.mediaType });
    expect(Buffer.from((await media.read({ ...cat, size: 3 })).bytes).toString()).toBe('cat');
    await media.remove('bob', cat.id);
    expect(await media.size()).toBe(0);
    await expect(media.read({ ...cat, size: 3 })).rejects.toMatchObject({ code: 'not_found' });
    await expect(media.stream({ ...cat, size: 3 })).rejects.toMatchObject({ code: 'not_found' });
  });

  test('ids are no paths, and a medium is what its id says', async () => {
    const media = await open();
    await expect(media.read({ id: '../../../etc/passwd', modality: 'image', mediaType: 'image/png', size: 1 })).rejects.toMatchObject({ code: 'not_found' });
    await expect(media.put({ ...medium('a'), id: medium('b').id }, of('ann'))).rejects.toMatchObject({ code: 'bad_media' });
  });

  test('a part of the bytes as a stream', async () => {
    const media = await open();
    const record = await media.put(medium('0123456789'), of('ann'));
    const read = async (range?: { start: number; end: number }): Promise<string> => new Response(await media.stream(record, range)).text();
    expect(await read()).toBe('0123456789');
    expect(await read({ start: 2, end: 4 })).toBe('234');
  });

  test('lists go by owner, modality, job, origin and words, a page at a time', async () => {
    const media = await open();
    const titles = ['A red Apple', 'a green apple', 'Ein blauer ÄPFEL', '100% red'];
    for (const [index, title] of titles.entries()) await media.put(medium(title), of('ann', 'made', `job ${index % 2}`, title));
    await media.put(medium('sound', 'audio', 'audio/wav'), of('ann'));
    await media.put(medium('hers'), of('bob', 'made', null, 'red'));
    const list = async (filter: object, page: Page = all): Promise<(string | null)[]> => (await media.list({ owner: 'ann', ...filter }, page)).map(({ title }) => title);
    expect(await list({ text: 'RED' })).toEqual(['100% red', 'A red Apple']);
    expect(await list({ text: 'apple green' })).toEqual(['a green apple']);
    expect(await list({ text: 'äpfel' })).toEqual(['Ein blauer ÄPFEL']);
    expect(await list({ text: '%' })).toEqual(['100% red']);
    expect(await list({ job: 'job 1' })).toEqual(['100% red', 'a green apple']);
    expect(await list({ modality: 'audio' })).toEqual([null]);
    expect(await list({ origins: ['upload'] })).toEqual([null]);
    const first = await media.list({ owner: 'ann' }, { limit: 2 });
    const second = await media.list({ owner: 'ann' }, { limit: 9, after: first.at(-1)?.id });
    expect([...first, ...second].map(({ title }) => title)).toEqual([null, ...titles.toReversed()]);
    expect(await list({}, { limit: 1, order: 'asc' })).toEqual(['A red Apple']);
  });

  test('what comes with a job goes with it, unless another job, its owner or a conversation wants it', async () => {
    const media = await open();
    const [alone, shared, uploaded, held, input, blur] = [medium('alone'), medium('shared'), medium('uploaded'), medium('held'), medium('input'), medium('blur')] as const;
    const ids = async (): Promise<string[]> => {
      const names = new Map([alone, shared, uploaded, held, input, blur].map(({ id, bytes }) => [id, new TextDecoder().decode(bytes)]));
      return (await media.list({ owner: 'ann' }, { limit: 9, order: 'asc' })).map(({ id }) => names.get(id) ?? '');
    };
    await media.put(uploaded, of('ann'));
    for (const each of [alone, shared, uploaded, held]) await media.put(each, of('ann', 'made', 'job 1', 'prompt'));
    await media.put(input, of('ann', 'input', 'job 1'));
    await media.put(blur, of('ann', 'preview', 'job 1'));
    await media.put(shared, of('ann', 'made', 'job 2', 'other prompt'));
    await media.hold('conversation/c', [held.id]);
    expect(await media.find('ann', uploaded.id)).toMatchObject({ origin: 'upload' });
    await media.removeOfJob('job 1', 'previews');
    expect(await ids()).toEqual(['uploaded', 'alone', 'shared', 'held', 'input']);
    await media.removeOfJob('job 1', 'output');
    expect(await ids()).toEqual(['uploaded', 'shared', 'held', 'input']);
    expect(await media.find('ann', shared.id)).toMatchObject({ job: 'job 2' });
    await media.removeOfJob('job 1', 'all');
    expect(await ids()).toEqual(['uploaded', 'shared', 'held']);
  });

  test('a held file outlives its records', async () => {
    const media = await open();
    const source = medium('source');
    await media.put(source, of('ann', 'input'));
    await media.hold('job/1', [source.id]);
    await media.remove('ann', source.id);
    expect((await media.read({ ...source, size: 6 })).bytes).toHaveLength(6);
    await media.release('job/1');
    expect(await media.size()).toBe(0);
    await expect(media.hold('job/2', [source.id])).rejects.toMatchObject({ code: 'not_found' });
  });

  test('the nearest by likeness, of one owner and one space, with the file and gone with it', async () => {
    const media = await open();
    const random = chance(3);
    const vectors = new Map<string, number[]>();
    for (let index = 0; index < 30; index += 1) {
      const { id } = await media.put(medium(`picture ${index}`), of(index % 3 === 0 ? 'bob' : 'ann'));
      vectors.set(id, Array.from({ length: 8 }, () => random() - 0.5));
      await media.setEmbedding(id, 'joint', vectors.get(id) ?? []);
    }
    const query = Array.from({ length: 8 }, () => random() - 0.5);
    const mine = (await media.list({ owner: 'ann' }, all)).map(({ id }) => id);
    const expected = mine.map((id) => ({ id, similarity: cosine(vectors.get(id) ?? [], query) })).toSorted((a, b) => b.similarity - a.similarity).slice(0, 5);
    const found = await media.nearest('ann', 'joint', query, 5);
    expect(found.map(({ media: { id } }) => id)).toEqual(expected.map(({ id }) => id));
    expect(found[0]?.similarity).toBeCloseTo(expected[0]?.similarity ?? 0, 5);
    expect(await media.nearest('ann', 'other', query, 5)).toEqual([]);
    const [best] = expected;
    if (best === undefined) throw new Error('nothing found');
    expect(await media.embedding(best.id, 'joint')).toHaveLength(8);
    await media.remove('ann', best.id);
    expect(await media.embedding(best.id, 'joint')).toBeNull();
  });

  test('many hands at the same media leave them whole', async () => {
    const media = await open();
    const random = chance(11);
    const owners = ['ann', 'bob', 'cat'];
    const work: Promise<unknown>[] = [];
    const has = new Map<string, boolean>();
    for (let index = 0; index < 200; index += 1) {
      const owner = owners[Math.floor(random() * 3)] ?? 'ann';
      const each = medium(`medium ${Math.floor(random() * 4)}`);
      const isPut = random() < 0.5;
      work.push(isPut ? media.put(each, of(owner)) : media.remove(owner, each.id));
      if (index % 20 === 19) await Promise.all(work.splice(0));
    }
    await Promise.all(work);
    let size = 0;
    for (let index = 0; index < 4; index += 1) {
      const { id, bytes } = medium(`medium ${index}`);
      const records = (await Promise.all(owners.map(async (owner) => media.find(owner, id)))).filter((record) => record !== null);
      const [record] = records;
      has.set(id, record !== undefined);
      if (record === undefined) await expect(media.read({ id, size: bytes.byteLength, modality: 'image', mediaType: 'image/png' })).rejects.toMatchObject({ code: 'not_found' });
      else expect(Buffer.from((await media.read(record)).bytes)).toEqual(Buffer.from(bytes));
      if (record !== undefined) size += bytes.byteLength;
    }
    expect(await media.size()).toBe(size);
  });

  test('within a limit room is made first, and what finds none is refused', async () => {
    const media = await open();
    await media.put(medium('123456'), of('ann'));
    const asked: number[] = [];
    media.limit({ bytes: 10, makeRoom: async (bytes) => void asked.push(bytes) });
    await media.put(medium('7890'), of('ann'));
    // What is there already takes no room.
    await media.put(medium('7890'), of('bob'));
    expect(asked).toEqual([]);
    await expect(media.put(medium('more'), of('ann'))).rejects.toMatchObject({ code: 'disk_full' });
    expect(asked).toEqual([4]);
    media.limit({ bytes: 10, makeRoom: async () => void (await media.remove('ann', medium('123456').id)) });
    await media.put(medium('more'), of('ann'));
    expect(await media.size()).toBe(8);
  });

  test('loose records are those that no job brought and nobody holds; uploads are none', async () => {
    const media = await open();
    await media.put(medium('upload'), of('ann'));
    await media.put(medium('of a job'), of('ann', 'made', 'job 1'));
    await media.put(medium('held'), of('ann', 'made'));
    await media.hold('conversation/c', [medium('held').id]);
    for (const name of ['loose 1', 'loose 2', 'loose 3']) await media.put(medium(name), of('ann', 'made', null, name));
    expect(await media.removeLoose(0, 9)).toBe(0);
    expect(await media.removeLoose(Infinity, 2)).toBe(2);
    expect((await media.list({ owner: 'ann' }, all)).map(({ title }) => title)).toEqual(['loose 3', null, null, null]);
    expect(await media.removeLoose(Infinity, 9)).toBe(1);
  });

  test('jobs that brought media or hold some are known', async () => {
    const media = await open();
    const source = medium('source');
    await media.put(source, of('ann', 'input', 'job-1'));
    await media.hold('job/job-1', [source.id]);
    await media.put(medium('made'), of('ann', 'made', 'job-2'));
    await media.hold('conversation/c', [source.id]);
    expect((await media.jobs()).toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual([{ id: 'job-1', holds: true }, { id: 'job-2', holds: false }]);
    await media.removeOfJob('job-1', 'all');
    await media.removeOfJob('job-2', 'all');
    await media.release('job/job-1');
    expect(await media.jobs()).toEqual([]);
  });
}
