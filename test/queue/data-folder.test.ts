import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { Database } from '../../src/queue/database.ts';
import { openDatabase, openDataFolder, type DataFolder, type FolderParts } from '../../src/queue/data-folder.ts';
import { realDisk } from '../../src/queue/media-files.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { enginesOf, FakeClock, FakeEngine, medium, newJob, settled, temporaryFolder, until } from './fakes.ts';

async function open(path: string, parts: FolderParts = {}): Promise<DataFolder> {
  const folder = await openDataFolder(path, parts);
  onTestFinished(async () => folder.close());
  return folder;
}

const put = async (folder: DataFolder, content: string) => folder.media.put(medium(content), { owner: 'ann', origin: 'upload', job: null, title: null });
const files = async (path: string): Promise<string[]> => (await readdir(path, { recursive: true })).filter((name) => /[0-9a-f]{64}$/.test(name));

test('one server to a folder; what a dead one left is taken over', async () => {
  const path = await temporaryFolder();
  const first = await openDataFolder(path);
  await expect(openDataFolder(path)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`process ${process.pid}`) });
  // A command that works on keys needs no lock.
  const beside = await openDatabase(path);
  expect(beside.get('SELECT count(*) AS n FROM jobs')).toEqual({ n: 0 });
  beside.close();
  await first.close();
  const child = fork(new URL('./crash-child.ts', import.meta.url), [path, 'hold'], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  await once(child, 'message');
  await expect(openDataFolder(path)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining(`process ${child.pid}`) });
  child.kill('SIGKILL');
  await once(child, 'exit');
  await open(path);
});

test('the secret stays with the folder', async () => {
  const path = await temporaryFolder();
  const first = await openDataFolder(path);
  expect(first.secret).toHaveLength(32);
  await first.close();
  expect(Buffer.from((await open(path)).secret).equals(Buffer.from(first.secret))).toBe(true);
});

test('migrations run once, in order, each whole or not at all', async () => {
  const path = join(await temporaryFolder(), 'a.sqlite');
  const steps = ['CREATE TABLE things (id INTEGER) STRICT; INSERT INTO things VALUES (1)', 'ALTER TABLE things ADD COLUMN name TEXT; UPDATE things SET name = \'one\''];
  const first = new Database(path);
  first.migrate('things', steps.slice(0, 1));
  first.migrate('others', ['CREATE TABLE others (id INTEGER) STRICT']);
  first.close();
  const second = new Database(path);
  second.migrate('things', steps);
  expect(second.all('SELECT * FROM things')).toEqual([{ id: 1, name: 'one' }]);
  expect(() => second.migrate('things', [...steps, 'DELETE FROM things; NONSENSE'])).toThrow(/NONSENSE/);
  expect(second.all('SELECT * FROM things')).toHaveLength(1);
  second.migrate('things', steps);
  second.close();
  const old = new Database(path);
  onTestFinished(() => old.close());
  expect(() => old.migrate('things', steps.slice(0, 1))).toThrow(expect.objectContaining({ code: 'conflict', message: expect.stringContaining('version 2') }));
});

test('transactions that are asked for together share one, and one that fails takes none with it', async () => {
  const database = new Database(join(await temporaryFolder(), 'a.sqlite'));
  onTestFinished(() => database.close());
  database.exec('CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT');
  const insert = async (id: number) => database.soon(() => database.run('INSERT INTO t VALUES (?)', id));
  const results = await Promise.allSettled([insert(1), insert(1), insert(2)]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(database.all('SELECT id FROM t')).toEqual([{ id: 1 }, { id: 2 }]);
});

test('a backup is whole, taken while media come and go, and can be opened', async () => {
  const path = await temporaryFolder();
  const folder = await open(path);
  for (let index = 0; index < 20; index += 1) await put(folder, `medium ${index}`);
  const target = join(await temporaryFolder(), 'copy');
  const backup = folder.backup(target);
  for (let index = 0; index < 20; index += 2) await folder.media.remove('ann', medium(`medium ${index}`).id);
  await put(folder, 'late');
  await backup;
  await expect(folder.backup(target)).rejects.toMatchObject({ code: 'conflict' });
  expect(await files(join(path, 'media'))).toHaveLength(11);
  const copy = await open(target);
  const records = await copy.media.list({ owner: 'ann' }, { limit: 100 });
  expect(records.length).toBeGreaterThanOrEqual(10);
  for (const record of records) expect((await copy.media.read(record)).id).toBe(record.id);
  expect(Buffer.from(copy.secret).equals(Buffer.from(folder.secret))).toBe(true);
  expect(await readdir(join(target, '..'))).toEqual(['copy']);
});

test('half-written files and files without a record are swept at the start', async () => {
  const path = await temporaryFolder();
  const first = await openDataFolder(path);
  await put(first, 'kept');
  await first.close();
  await mkdir(join(path, 'media', 'parts'), { recursive: true });
  await writeFile(join(path, 'media', 'parts', 'half'), 'ha');
  const { id } = medium('orphan');
  await mkdir(join(path, 'media', id.slice(0, 2), id.slice(2, 4)), { recursive: true });
  await writeFile(join(path, 'media', id.slice(0, 2), id.slice(2, 4), id), 'orphan');
  const clock = new FakeClock();
  const second = await open(path, { clock });
  await second.swept;
  expect(await readdir(join(path, 'media', 'parts'))).toEqual([]);
  expect((await files(join(path, 'media'))).map((name) => name.slice(-64))).toEqual([medium('kept').id]);
});

test('a disk that is full is told as such, and nothing half-written is left', async () => {
  const path = await temporaryFolder();
  let isFull = false;
  const folder = await open(path, {
    disk: {
      async write(part, bytes, sync) {
        await realDisk.write(part, isFull ? bytes.subarray(0, 1) : bytes, sync);
        if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      },
    },
  });
  isFull = true;
  await expect(put(folder, 'too much')).rejects.toMatchObject({ code: 'disk_full', message: expect.stringContaining(path) });
  expect(await readdir(join(path, 'media', 'parts'))).toEqual([]);
  expect(await folder.media.find('ann', medium('too much').id)).toBeNull();
  isFull = false;
  await put(folder, 'too much');
});

test('a job is not accepted where the database is full', async () => {
  const folder = await open(await temporaryFolder());
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines: enginesOf(new FakeEngine()) });
  onTestFinished(async () => queue.close());
  const pages = folder.database.get('PRAGMA page_count')?.['page_count'];
  folder.database.exec(`PRAGMA max_page_count = ${Number(pages)}`);
  const large = newJob('large', { of: { messages: [{ role: 'user', parts: [{ type: 'text', text: 'word '.repeat(20_000) }] }], mask: medium('mask') } });
  await expect(queue.submit(large)).rejects.toMatchObject({ code: 'disk_full' });
  expect(await queue.get('large')).toBeNull();
  expect(queue.state().queued).toBe(0);
  folder.database.exec('PRAGMA max_page_count = 1000000');
  expect((await queue.submit(large)).id).toBe('large');
});

test('a job whose events find no room ends as disk_full, as soon as that can be kept', async () => {
  const clock = new FakeClock();
  const folder = await open(await temporaryFolder(), { clock });
  const engine = new FakeEngine();
  const queue = await createQueue({ log: folder.jobs, media: folder.media, engines: enginesOf(engine), clock });
  onTestFinished(async () => queue.close());
  await queue.submit(newJob('job'));
  await until(() => engine.jobs.length === 1);
  await clock.advance(50);
  folder.database.exec(`PRAGMA max_page_count = 1`);
  const followed = (async () => {
    for await (const event of queue.events('job', 0)) if (event.type === 'job-end') return 'ended';
    return 'over';
  })();
  followed.catch(() => undefined);
  for (let index = 0; index < 3; index += 1) engine.job('job').say({ type: 'trace', stage: 'x'.repeat(20_000), component: `${index}`, shapes: {}, milliseconds: 1 });
  await clock.advance(50);
  await settled();
  expect(engine.job('job').signal.aborted).toBe(true);
  folder.database.exec('PRAGMA max_page_count = 1000000');
  await clock.advance(6000);
  await until(async () => (await queue.get('job'))?.status === 'failed');
  expect(await queue.get('job')).toMatchObject({ error: { code: 'disk_full' } });
});

test('a database of the newest program is not opened by an older one', async () => {
  const path = await temporaryFolder();
  await (await openDataFolder(path)).close();
  const raw = new DatabaseSync(join(path, 'anymodal.sqlite'));
  raw.exec("UPDATE versions SET version = 99 WHERE store = 'jobs'");
  raw.close();
  await expect(openDataFolder(path)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('version 99') });
  // The lock was given back.
  await expect(openDataFolder(path)).rejects.toMatchObject({ message: expect.stringContaining('version 99') });
});
