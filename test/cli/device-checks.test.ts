// The doctor's device checks against probes that misbehave as drivers do.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { checkDevices } from '../../src/cli/device-checks.ts';
import { temporaryFolder } from './fake-shell.ts';

/** A probe with cuda and webgpu built in that answers a question about a device by `choose`. */
function probe(choose: string): URL {
  const path = join(temporaryFolder(), 'probe.mjs');
  const devices = ['cpu', 'cuda', 'webgpu'].map((device) => ({ device, bundled: true }));
  writeFileSync(path, `process.on('disconnect', () => process.exit(1));
process.on('message', ({ type, device }) => {
  const chosen = (name) => process.send({ type: 'chosen', device: name, note: null });
  if (type === 'runtime') process.send({ type, version: '1.2.3', devices: ${JSON.stringify(devices)} });
  else { ${choose} }
});`);
  return pathToFileURL(path);
}

test('a device that crashes its process is unusable, and the others are still tried', async () => {
  const checks = await checkDevices(probe("if (device === 'cuda') process.kill(process.pid, 'SIGKILL'); else chosen(device === 'auto' ? 'webgpu' : device)"));
  expect(checks.map(({ what, state }) => `${what} ${state}`)).toEqual(['onnxruntime good', 'device cpu good', 'device cuda missing', 'device webgpu good', 'device coreml missing', 'device dml missing', 'device auto good']);
  expect(checks[2]?.found).toMatch(/^unusable: the process that tried it crashed \((SIGKILL|exit code 1)\)\n(.*\n)?needs an NVIDIA GPU/);
  expect(checks.at(-1)?.found).toBe('takes webgpu');
});

test('no answer is a fault, and auto that cannot choose is broken', async () => {
  const path = join(temporaryFolder(), 'probe.mjs');
  writeFileSync(path, 'setInterval(() => undefined, 1000);');
  expect(await checkDevices(pathToFileURL(path), 100)).toEqual([{ what: 'onnxruntime', state: 'broken', found: 'unusable: it gave no answer within 0.1 s' }]);
  const auto = await checkDevices(probe("if (device === 'auto') process.exit(3); else chosen(device)"));
  expect(auto.at(-1)).toEqual({ what: 'device auto', state: 'broken', found: expect.stringContaining('exit code 3') });
});

test('what a device lacks on this system is told with its fault', async () => {
  const checks = await checkDevices(probe("if (device === 'cuda') process.send({ type: 'fault', message: 'does not start' }); else chosen(device)"), undefined, (device) => (device === 'cuda' ? 'no libcudnn.so.9' : null));
  expect(checks[2]?.found).toMatch(/^does not start\nno libcudnn\.so\.9\nneeds an NVIDIA GPU/);
});

test('a runtime that does not load is the one fault', async () => {
  const path = join(temporaryFolder(), 'probe.mjs');
  writeFileSync(path, "process.on('message', () => process.send({ type: 'fault', message: 'does not load' }));");
  expect(await checkDevices(pathToFileURL(path))).toEqual([{ what: 'onnxruntime', state: 'broken', found: 'does not load' }]);
});
