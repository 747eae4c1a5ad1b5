// Media on an S3-compatible store: the conformance of media stores, then what is its own: addresses that the store signs, ranges,
// a store that is away and comes back.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openDataFolder } from '../../src/queue/data-folder.ts';
import { systemClock } from '../../src/queue/clock.ts';
import { Bucket, parseBucket } from '../../src/queue/object-store/connection.ts';
import { ObjectFiles } from '../../src/queue/object-store/files.ts';
import { ObjectBytes } from '../../src/queue/object-store/media-bytes.ts';
import { RedisLink } from '../../src/queue/redis/connection.ts';
import { RedisMediaStore } from '../../src/queue/redis/media-store.ts';
import { testMediaStore } from '../conformance/media-store.ts';
import { medium, temporaryFolder } from './fakes.ts';
import { startObjectServer, withoutObjectStore, type ObjectServer } from './object-server.ts';
import { redisUrl, withoutRedis } from './redis-server.ts';

test.each([
  ['s3://media', { bucket: 'media', prefix: '' }],
  ['s3://my.media-1/a/b_c/', { bucket: 'my.media-1', prefix: 'a/b_c/' }],
])('%s', (address, expected) => {
  expect(parseBucket(address, 'media')).toEqual(expected);
});

test.each(['media', 's3://', 's3://UP', 's3://a/../b c', 'https://host/media'])('%s is no bucket', (address) => {
  expect(() => parseBucket(address, 'media')).toThrow(expect.objectContaining({ code: 'bad_option', field: 'media' }));
});

test.runIf(withoutObjectStore !== null)('the tests of the object store did not run', ({ skip }) => {
  skip(withoutObjectStore ?? '');
});

describe.skipIf(withoutObjectStore !== null)('with a server', { timeout: 120_000 }, () => {
  let server: ObjectServer;
  let prefixes = 0;
  beforeAll(async () => {
    server = await startObjectServer();
  }, 150_000);
  afterAll(async () => server.stop());

  /** A place of the test's own. */
  const bytes = (): ObjectBytes => {
    prefixes += 1;
    return new ObjectBytes(new Bucket({ ...server.options, prefix: `test-${prefixes}/` }));
  };

  describe('records in SQLite', () => {
    testMediaStore(async () => {
      const folder = await openDataFolder(await temporaryFolder(), { elsewhere: { place: 's3://media/test', files: new ObjectFiles(bytes()) } });
      onTestFinished(async () => folder.close());
      return folder.media;
    });
  });

  describe.skipIf(withoutRedis !== null)('records in Redis', () => {
    testMediaStore(async () => {
      const link = new RedisLink({ url: await redisUrl() });
      onTestFinished(async () => link.close());
      return new RedisMediaStore(link, bytes(), systemClock);
    });
  });

  test('the store itself answers addresses that it was not asked for, for a while, with the type and in part', async () => {
    const store = bytes();
    const { id, bytes: content } = medium('0123456789');
    await store.write(id, content);
    const address = await store.address(id, 'image/png', { seconds: 60, disposition: 'attachment; filename="ten.png"' });
    const whole = await fetch(address);
    expect([whole.status, await whole.text(), whole.headers.get('content-type'), whole.headers.get('content-disposition')]).toEqual([200, '0123456789', 'image/png', 'attachment; filename="ten.png"']);
    const part = await fetch(address, { headers: { range: 'bytes=2-4' } });
    expect([part.status, await part.text()]).toEqual([206, '234']);
  });

  test('all ids are listed, page after page, and none of another prefix', async () => {
    const [store, other] = [bytes(), bytes()];
    const ids = Array.from({ length: 12 }, (_, index) => medium(`listed ${index}`));
    for (const each of ids) await store.write(each.id, each.bytes);
    await other.write(medium('hers').id, medium('hers').bytes);
    const listed: string[] = [];
    for await (const id of store.ids(Date.now() + 60_000)) listed.push(id);
    expect(listed.toSorted()).toEqual(ids.map(({ id }) => id).toSorted());
    expect((await store.ids(0).next()).done).toBe(true);
  });

  test('a store that is away is waited for, and a stream goes on where it broke off', async () => {
    const store = bytes();
    const large = medium('x'.repeat(4 * 2 ** 20));
    await store.write(large.id, large.bytes);
    const stream = await store.stream(large.id, large.bytes.byteLength);
    const reader = stream!.getReader();
    const first = await reader.read();
    server.leave();
    const late = medium('written while it is away');
    let isWritten = false;
    const writing = store.write(late.id, late.bytes).then(() => (isWritten = true));
    await expect(new ObjectBytes(new Bucket({ ...server.options, patienceMs: 200 })).has(late.id)).rejects.toMatchObject({ code: 'unavailable' });
    expect(isWritten).toBe(false);
    server.return();
    await writing;
    expect(await store.has(late.id)).toBe(true);
    let length = first.value?.byteLength ?? 0;
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) length += piece.value.byteLength;
    expect(length).toBe(large.bytes.byteLength);
  });

  test('one that stays away and a bucket that is not there say so', async () => {
    const { id, bytes: content } = medium('nobody');
    await expect(new ObjectBytes(new Bucket({ ...server.options, endpoint: 'http://127.0.0.1:9', patienceMs: 200 })).write(id, content)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('does not answer') });
    await expect(new Bucket({ ...server.options, bucket: 'nowhere' }).check()).rejects.toMatchObject({ code: 'not_found' });
    await new Bucket(server.options).check();
  });
});
