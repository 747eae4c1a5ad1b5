// The choice of a device, honest on every machine: what it says holds whatever hardware runs the test.

import { platform } from 'node:os';
import { expect, test } from 'vitest';
import { chooseDevice, listDevices } from '../../src/runtime/devices.ts';

test('the cpu is always there and needs no probe', async () => {
  expect(await listDevices()).toContainEqual({ device: 'cpu', bundled: true });
  expect(await chooseDevice('cpu')).toEqual({ device: 'cpu', note: null });
});

test('auto that ends at the cpu says why', async () => {
  const { device, note } = await chooseDevice('auto');
  if (device === 'cpu') expect(note).toMatch(/^using the cpu: ./);
  else expect((await listDevices()).find((each) => each.device === device)?.bundled).toBe(true);
});

test('a device that is insisted on and absent is an error with the ones that are there', async () => {
  const absent = platform() === 'win32' ? 'coreml' : 'dml';
  await expect(chooseDevice(absent)).rejects.toMatchObject({
    code: 'device_unavailable',
    message: expect.stringMatching(new RegExp(`^device ${absent}: .*Built in here: cpu`)),
  });
});
