import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { createSpeed, pullLine } from '../../src/cli/pull-progress.ts';
import { content, sha256, startHub, type FakeHub, type FakeRepository } from '../bundle/fake-hub.ts';
import { anymodal, eventsOf } from './command-line.ts';
import { fakeShell, temporaryFolder, type FakeSettings, type FakeShell } from './fake-shell.ts';
import { bundleJson } from './fixtures.ts';

const weights = content(50_000);
const bundle = JSON.stringify({
  ...JSON.parse(bundleJson),
  id: 'pulled', components: { decoder: { kind: 'decoder', uses: 'none', files: { model: { path: 'a/model.onnx', sha256: sha256(weights), bytes: weights.length } }, config: {} } },
});
const bundled: FakeRepository = { files: { 'bundle.json': Buffer.from(bundle), 'a/model.onnx': weights, 'other.onnx': content(2000) } };

interface Ran {
  readonly code: number;
  readonly shell: FakeShell;
}

async function run(args: readonly string[], hub: FakeHub | null, settings: Partial<FakeSettings> = {}, folder = settings.folder ?? temporaryFolder()): Promise<Ran> {
  const shell = fakeShell({ ...settings, folder, hub: { endpoint: hub?.endpoint ?? null, offline: hub === null, ...settings.hub } });
  return { code: await main(args, shell), shell };
}

describe('pull', () => {
  test('fetches a bundle by what its bundle.json lists; then --model finds it, models lists it, and it is served offline', async () => {
    const hub = await startHub({ 'org/pulled': bundled });
    const { code, shell } = await run(['pull', 'org/pulled', '--json'], hub);
    const events = shell.events();
    expect(code).toBe(0);
    expect(events[0]).toMatchObject({ type: 'pull-start', model: 'org/pulled', files: 2, missingFiles: 1, missingBytes: 50_000, licence: 'mit' });
    expect(events.filter(({ type }) => type === 'pull-progress').at(-1)).toMatchObject({ received: 50_000, bytes: 50_000 });
    expect(events.at(-1)).toMatchObject({ type: 'pull-end', next: 'use it with --model org/pulled' });
    const at = { folder: shell.folder };

    const listed = await run(['models', '--json'], null, at);
    expect(listed.shell.events().find(({ id }) => id === 'org/pulled')).toMatchObject({ state: 'ready', bytes: 50_000, licence: 'Apache-2.0' });
    // There is no engine in this shell: that one was to be started shows that the bundle was found.
    expect((await run(['embed', 'a', '--model', 'org/pulled'], null, at)).shell.err()).toContain('this test expects no engine');
    const again = await run(['pull', 'org/pulled'], null, at);
    expect([again.code, again.shell.out()]).toEqual([0, `${join(shell.folder, 'hub/models--org--pulled/snapshots', String(events[0]?.['revision']))}\n`]);
  });

  test('offline, what is not in the cache is an error that says so', async () => {
    const { code, shell } = await run(['pull', 'org/none', '--offline'], null);
    expect([code, shell.err()]).toEqual([2, expect.stringMatching(/org\/none: it is not in the cache \(.*\), and no server may be asked/)]);
    expect((await run(['pull', 'org/none', '--hub', 'http://127.0.0.1:1'], null)).code).toBe(2);
  });

  test('of a model in the catalogue: its files alone, its licence first, and what to do next', async () => {
    const files = { 'model_index.json': Buffer.from('{}'), 'unet/diffusion_pytorch_model.safetensors': weights, 'unet/diffusion_pytorch_model.fp16.safetensors': weights, 'vae/diffusion_pytorch_model.safetensors': content(2000, 3), 'text_encoder/model.safetensors': content(2000, 4) };
    const hub = await startHub({ 'stabilityai/sd-turbo': { files } });
    const refused = await run(['pull', 'sd-turbo'], hub);
    expect([refused.code, hub.sent()]).toEqual([2, 0]);
    expect(refused.shell.err()).toMatch(/sd-turbo: its licence Stability AI Community License has to be accepted first\. Read it at https:.* and add --accept-licence\./);
    const { code, shell } = await run(['pull', 'sd-turbo', '--accept-licence'], hub);
    expect(code).toBe(0);
    expect(shell.err()).toMatch(/4 of 4 files to fetch[^]*make a bundle of it once: python -m training\.export\./);
    expect((await run(['models', '--json'], null, { folder: shell.folder })).shell.events().find(({ id }) => id === 'sd-turbo')).toMatchObject({ state: 'pulled, to be exported' });
  });

  test.each([['y', 0], ['n', 2], ['', 2]])('asks on a terminal; answer %j gives exit code %i', async (answer, expected) => {
    const hub = await startHub({ 'timbrooks/instruct-pix2pix': { files: { 'unet/diffusion_pytorch_model.safetensors': weights } } });
    const shell = fakeShell({ folder: temporaryFolder(), terminal: true, hub: { endpoint: hub.endpoint, offline: false } });
    Object.assign(shell.stdin, { isTTY: true });
    shell.stdin.push(`${answer}\n`);
    expect(await main(['pull', 'instruct-pix2pix'], shell)).toBe(expected);
    expect(shell.err()).toContain('Accept the licence MIT? [y/N] ');
  });

  test('from an address: a bundle with the files beside it', async () => {
    const hub = await startHub({ 'org/pulled': bundled });
    // The same server as a plain one: its pages of files are addresses like any other's where another hub is set.
    const address = `${hub.endpoint}/org/pulled/resolve/main/bundle.json`;
    const { code, shell } = await run(['pull', address, '--hub', 'http://127.0.0.1:1'], hub, { hub: { token: 'hf_secret' } });
    expect([code, shell.err()]).toEqual([0, expect.stringContaining('use it with --model')]);
    expect(readFileSync(join(shell.out().trim(), 'a/model.onnx')).equals(weights)).toBe(true);
    expect(hub.asked.map(({ token }) => token)).not.toContain('Bearer hf_secret');
    expect((await run(['embed', 'a', '--model', address], null, { folder: shell.folder, hub: { endpoint: 'http://127.0.0.1:1' } })).shell.err()).toContain('expects no engine');
    expect((await run(['models', '--json'], null, { folder: shell.folder })).shell.events().find(({ folder }) => folder === shell.out().trim())).toMatchObject({ state: 'ready', bytes: 50_000 });
  });

  test.each([
    [['pull'], 'got 0 names, expected one'],
    [['pull', 'sd-turbbo'], '"sd-turbbo" is no known model; did you mean sd-turbo?'],
    [['pull', 'a/b', '--hub', 'ftp://x'], '--hub: expected an address such as https://huggingface.co'],
    [['embed', 'a', '--model', 'no/such'], 'nor pulled'],
  ])('%j: exit 2, %s', async (args, message) => {
    const { code, shell } = await run(args, null);
    expect([code, shell.err()]).toEqual([2, expect.stringContaining(message)]);
  });

  test('from the mirror that the file of settings names, unless the environment names one', async () => {
    const hub = await startHub({ 'org/pulled': bundled });
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'configuration'));
    writeFileSync(join(folder, 'configuration/config.json'), JSON.stringify({ hub: `${hub.endpoint}/` }));
    expect((await run(['pull', 'org/pulled'], null, { folder, hub: { offline: false } })).code).toBe(0);
    expect((await run(['pull', 'org/other'], null, { folder, hub: { offline: false, endpoint: 'ftp://x' } })).shell.err()).toContain('expected an address');
  });

  test('a token with a line break is refused and not shown', async () => {
    const hub = await startHub({ 'org/pulled': bundled });
    const { code, shell } = await run(['pull', 'org/pulled'], hub, { hub: { token: 'hf_se\ncret' } });
    expect([code, shell.err().includes('cret')]).toEqual([2, false]);
  });
});

function environmentOf(hub: FakeHub, folder: string): Record<string, string> {
  return { HF_ENDPOINT: hub.endpoint, HF_HOME: folder, HF_TOKEN: '', HF_HUB_CACHE: '', HUGGINGFACE_HUB_CACHE: '', ANYMODAL_HUB: '', HF_HUB_OFFLINE: '', ANYMODAL_OFFLINE: '' };
}

describe('a pull in a process of its own', () => {
  const gated = { 'org/large': { files: { 'model.onnx': weights, 'second.onnx': content(60_000, 5) }, gated: 'hf_stored' } };

  test('goes on after Ctrl-C and after a kill, with the token of the login, in the cache of HF_HOME', async () => {
    const hub = await startHub(gated);
    const folder = temporaryFolder();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'token'), 'hf_stored\n');
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      // The storage keeps quiet until the process has had the signal.
      const { promise: quiet, resolve: goOn } = Promise.withResolvers<void>();
      hub.faults.onAsked = () => quiet;
      const { code, out } = await anymodal(['pull', 'org/large', '--json'], {
        folder, environment: environmentOf(hub, folder),
        onLine: (line, child) => {
          if (line.includes('pull-start')) child.kill(signal);
        },
      });
      goOn();
      expect([signal, code]).toEqual([signal, signal === 'SIGINT' ? 130 : null]);
      // How far it came before it was killed is chance.
      expect(eventsOf(out).at(-1)?.['type']).toMatch(signal === 'SIGINT' ? /^pull-abort$/ : /^pull-(start|progress)$/);
    }
    hub.faults.onAsked = () => undefined;
    const { code, out, err } = await anymodal(['pull', 'org/large'], { folder, environment: environmentOf(hub, folder) });
    expect([code, out.trim().startsWith(join(folder, 'hub'))]).toEqual([0, true]);
    expect(`${out}${err}`).not.toContain('hf_stored');
    expect(readFileSync(join(out.trim(), 'model.onnx')).equals(weights)).toBe(true);
  }, 120_000);
});

describe('the line of a pull', () => {
  test('tells speed over the last seconds and the time that is left', () => {
    let time = 0;
    const speed = createSpeed(() => time);
    for (let second = 0; second <= 30; second += 1) {
      time = second * 1000;
      speed.note(second < 20 ? second * 1e6 : 20e6 + (second - 20) * 5e6);
    }
    expect(speed.bytesPerSecond()).toBeCloseTo(5e6);
    expect(pullLine(70e6, 1.2e9, 5e6)).toBe('70.0 MB of 1.20 GB, 5.0 MB/s, 3 min 46 s left');
  });
});
