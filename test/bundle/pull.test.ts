import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fetchPlan, planPull, type PullEvents, type PullSettings } from '../../src/bundle/hub-pull.ts';
import { cachedModel } from '../../src/bundle/hub-cache.ts';
import { temporaryFolder } from '../engine/fake-bundle.ts';
import { commit, content, sha256, startHub, type FakeHub } from './fake-hub.ts';

const model = content(200_000);
const files = { 'config.json': Buffer.from('{}'), 'onnx/model.onnx': model, 'README.md': Buffer.from('# It'), 'pytorch_model.bin': content(5000, 2) };
const never = new AbortController().signal;

interface Events {
  readonly received: number[];
  readonly warnings: string[];
  readonly fetched: string[];
  readonly waiting: string[];
}

function watch(onProgress: (received: number) => void = () => undefined): { events: Events; report: PullEvents } {
  const events: Events = { received: [], warnings: [], fetched: [], waiting: [] };
  const report: PullEvents = {
    progress: (received) => {
      events.received.push(received);
      onProgress(received);
    },
    warn: (code) => void events.warnings.push(code),
    fetched: (label) => void events.fetched.push(label),
    waiting: (label) => void events.waiting.push(label),
  };
  return { events, report };
}

async function pause(_: number, signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => void setImmediate(resolve));
  signal.throwIfAborted();
}

async function settingsOf(hub: FakeHub, changes: Partial<PullSettings> & { token?: string } = {}): Promise<PullSettings> {
  const door = { origin: hub.endpoint, token: changes.token ?? null, stallMs: 5000 };
  return { door, connections: 3, segmentBytes: 20_000, attempts: 3, pause, freeBytes: async () => 1e12, hub: { endpoint: hub.endpoint, door, attempts: 3, pause }, cache: await temporaryFolder(), ...changes };
}

const wish = { repository: 'org/model', revision: 'main', include: [], exclude: [], variant: null };

async function pull(settings: PullSettings, report = watch().report, signal = never): Promise<string> {
  const plan = await planPull(wish, settings, signal);
  await fetchPlan(plan, settings, report, signal);
  return plan.folder;
}

/** Names of files that are no finished blobs. */
function leftovers(cache: string): string[] {
  return readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter((path) => /anymodal|incomplete|~$/.test(path) && !path.endsWith('.locks'));
}

describe('a pull', () => {
  test('lays files into the cache as Hugging Face does, and only those that can be opened', async () => {
    const hub = await startHub({ 'org/model': { files } });
    const settings = await settingsOf(hub);
    const { events, report } = watch();
    const folder = await pull(settings, report);
    const home = join(settings.cache, 'models--org--model');
    expect(folder).toBe(join(home, 'snapshots', commit));
    expect(readFileSync(join(home, 'refs/main'), 'utf8')).toBe(commit);
    expect(readlinkSync(join(folder, 'onnx/model.onnx'))).toBe(join('../../../blobs', sha256(model)));
    expect(readFileSync(join(folder, 'onnx/model.onnx')).equals(model)).toBe(true);
    expect(existsSync(join(folder, 'pytorch_model.bin'))).toBe(false);
    expect(leftovers(settings.cache)).toEqual([]);
    expect(events.received.at(-1)).toBe(model.length + 6);
    expect(events.received).toEqual(events.received.toSorted((a, b) => a - b));
    // 200,000 bytes in segments of 20,000, each asked for once.
    expect(hub.asked.filter(({ server }) => server === 'storage')).toHaveLength(10);
    expect(hub.sent()).toBe(model.length);
  });

  test('fetches nothing that is there, and takes what another program put there', async () => {
    const hub = await startHub({ 'org/model': { files } });
    const settings = await settingsOf(hub);
    await pull(settings);
    const before = hub.asked.length;
    await pull(settings);
    expect(hub.asked.slice(before).map(({ path }) => path)).toEqual(['/api/models/org/model/revision/main?blobs=true']);
  });

  test('knows sizes and digests from a mirror whose list has none', async () => {
    const hub = await startHub({ 'org/model': { files } });
    hub.faults.bare = true;
    const settings = await settingsOf(hub);
    const folder = await pull(settings);
    expect(readlinkSync(join(folder, 'onnx/model.onnx'))).toContain(sha256(model));
  });

  test('is served from the cache with no server', async () => {
    const hub = await startHub({ 'org/model': { files } });
    const settings = await settingsOf(hub);
    expect(await cachedModel(settings.cache, 'org/model')).toBeNull();
    await pull(settings);
    expect((await cachedModel(settings.cache, 'org/model'))?.files.map(({ path, bytes }) => [path, bytes])).toEqual([['README.md', 4], ['config.json', 2], ['onnx/model.onnx', model.length]]);
  });
});

describe('what goes wrong', () => {
  test('ten broken connections: each goes on where the last one stopped', async () => {
    const hub = await startHub({ 'org/model': { files } });
    hub.faults.cuts = Array.from({ length: 10 }, (_, index) => 3000 + 1000 * index);
    const settings = await settingsOf(hub);
    const folder = await pull(settings);
    expect(readFileSync(join(folder, 'onnx/model.onnx')).equals(model)).toBe(true);
    expect(hub.faults.cuts).toEqual([]);
    // What a broken connection still had on its way may be lost; what arrived is not fetched again.
    expect(hub.sent()).toBeLessThan(1.4 * model.length);
  });

  test('ten interruptions by the user: what was got is kept, and the eleventh pull ends it', async () => {
    const hub = await startHub({ 'org/model': { files } });
    const settings = await settingsOf(hub, { connections: 2, segmentBytes: 8000 });
    let most = 0;
    for (let run = 1; run <= 10; run += 1) {
      const user = new AbortController();
      const { report } = watch((received) => {
        if (received > most + 15_000) user.abort();
        if (received > most + 15_000) most = received;
      });
      await expect(pull(settings, report, user.signal)).rejects.toThrow(/abort/);
      expect(await cachedModel(settings.cache, 'org/model')).toBeNull();
    }
    const { events, report } = watch();
    const folder = await pull(settings, report);
    expect(events.received[0]).toBeGreaterThan(140_000);
    expect(readFileSync(join(folder, 'onnx/model.onnx')).equals(model)).toBe(true);
    expect(leftovers(settings.cache)).toEqual([]);
    expect(hub.sent()).toBeLessThan(1.8 * model.length);
  });

  test.each([1, 2])('a file that comes damaged %i times', async (times) => {
    const hub = await startHub({ 'org/model': { files: { 'model.onnx': content(30_000) } } });
    hub.faults.damaged = times;
    const settings = await settingsOf(hub);
    const { events, report } = watch();
    if (times === 1) {
      const folder = await pull(settings, report);
      expect(readFileSync(join(folder, 'model.onnx')).equals(content(30_000))).toBe(true);
    } else {
      await expect(pull(settings, report)).rejects.toMatchObject({ code: 'download_failed', message: expect.stringMatching(/^model\.onnx came damaged twice: its SHA-256 is .*, expected /) });
      expect(readdirSync(join(settings.cache, 'models--org--model/blobs'))).toEqual([]);
    }
    expect(events.warnings).toEqual(['download_damaged']);
  });

  test('a server that knows no ranges, is busy, and breaks off', async () => {
    const hub = await startHub({ 'org/model': { files } });
    Object.assign(hub.faults, { noRanges: true, busy: 2, cuts: [50_000] });
    const folder = await pull(await settingsOf(hub));
    expect(readFileSync(join(folder, 'onnx/model.onnx')).equals(model)).toBe(true);
  });

  test('a server that stays busy: given up, with what was got kept', async () => {
    const hub = await startHub({ 'org/model': { files } });
    Object.assign(hub.faults, { busy: 100 });
    await expect(pull(await settingsOf(hub))).rejects.toMatchObject({ code: 'download_failed', message: expect.stringMatching(/answers 503, 3 times in a row\. What was fetched is kept/) });
  });

  test('a server that falls silent is asked again, and given up in the end', async () => {
    const hub = await startHub({ 'org/model': { files } });
    hub.faults.onAsked = async () => new Promise(() => undefined);
    const settings = await settingsOf(hub);
    const door = { ...settings.door, stallMs: 100 };
    await expect(pull({ ...settings, door })).rejects.toMatchObject({ code: 'download_failed', message: expect.stringMatching(/sent nothing for .* s, 3 times in a row/) });
  });

  test('a full disk is said before a byte is fetched', async () => {
    const hub = await startHub({ 'org/model': { files } });
    const settings = await settingsOf(hub, { freeBytes: async () => 50_000 });
    await expect(pull(settings)).rejects.toMatchObject({ code: 'download_failed', message: expect.stringMatching(/the disk is too full: 0\.2 MB are still to be fetched and 0\.1 MB are free in .*HF_HUB_CACHE/) });
    expect(hub.sent()).toBe(0);
  });

  test.each([
    ['org/other', 'main', 'access_denied', /no such repository, or a private one, and no token was given/],
    ['org/model', 'v9', 'unknown_model', /no such revision/],
  ])('%s at %s: %s', async (repository, revision, code, message) => {
    const hub = await startHub({ 'org/model': { files } });
    await expect(planPull({ ...wish, repository, revision }, await settingsOf(hub), never)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('a bundle that lists a file outside of it is refused', async () => {
    const hub = await startHub({ 'org/model': { files: { 'bundle.json': Buffer.from(JSON.stringify({ components: { a: { files: { one: { path: '../one' } } } } })) } } });
    await expect(pull(await settingsOf(hub))).rejects.toMatchObject({ code: 'bundle_invalid' });
  });
});

describe('a token', () => {
  test.each([
    [undefined, /its owner gives it out on request, and no token was given\. Ask for access at .*\/org\/model, make a token that may read it, and set HF_TOKEN\./],
    ['hf_wrong', /the token that was given does not open it/],
  ])('%j opens no gated repository', async (token, message) => {
    const hub = await startHub({ 'org/model': { files, gated: 'hf_right' } });
    await expect(pull(await settingsOf(hub, token === undefined ? {} : { token }))).rejects.toMatchObject({ code: 'access_denied', message: expect.stringMatching(message) });
    await expect(pull(await settingsOf(hub, token === undefined ? {} : { token }))).rejects.not.toThrow(/hf_wrong/);
  });

  test('opens it, and is not sent to the storage that the hub sends us on to', async () => {
    const hub = await startHub({ 'org/model': { files, gated: 'hf_right' } });
    await pull(await settingsOf(hub, { token: 'hf_right' }));
    expect(new Set(hub.asked.map(({ server, token }) => `${server} ${token}`))).toEqual(new Set(['hub Bearer hf_right', 'storage null']));
  });
});

test('two pulls at once fetch each file once', async () => {
  const hub = await startHub({ 'org/model': { files } });
  const settings = await settingsOf(hub);
  const [one, two] = [watch(), watch()];
  // The large file is held back until one of them waits for the other.
  const { promise: waited, resolve: waiting } = Promise.withResolvers<void>();
  hub.faults.onAsked = () => waited;
  const reportOf = (report: PullEvents): PullEvents => ({
    ...report,
    waiting(label) {
      report.waiting(label);
      if (label === 'onnx/model.onnx') waiting();
    },
  });
  await Promise.all([pull(settings, reportOf(one.report)), pull(settings, reportOf(two.report))]);
  expect(hub.sent()).toBe(model.length);
  expect([one.events.waiting, two.events.waiting].flat()).toContain('onnx/model.onnx');
  expect(leftovers(settings.cache)).toEqual([]);
});
