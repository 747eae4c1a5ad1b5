// Chooses where graphs run: what was asked for, or what is there, works and is faster than the CPU.
// Knows no graph but its own probe. Tested: cpu; webgpu on a software adapter. By code alone: cuda, coreml, dml.

import type { Device, DeviceChoice } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { loadRuntime, sessionOptions } from './sessions.ts';

/** Accelerators in the order in which `auto` tries them. */
const ACCELERATORS: readonly Device[] = ['cuda', 'coreml', 'dml', 'webgpu'];

// An ONNX graph (opset 17): y = x W W W W with x [n, 1024] float32 and W [1024, 1024] filled with 1/1024, so that ones stay ones.
const PROBE =
  'CAg60gEKMgoBcxIBdyIPQ29uc3RhbnRPZlNoYXBlKhkKBXZhbHVlKg0IARABIgQAAIA6QgF2oAEEChIKAXgKAXcSAmgwIgZNYXRNdWwKEwoCaDAKAXcSAmgxIgZN' +
  'YXRNdWwKEwoCaDEKAXcSAmgyIgZNYXRNdWwKEgoCaDIKAXcSAXkiBk1hdE11bBIBcCoZCAIQB0IBc0oQAAQAAAAAAAAABAAAAAAAAFoVCgF4EhAKDggBEgoKAxIB' +
  'bgoDCIAIYhUKAXkSEAoOCAESCgoDEgFuCgMIgAhCBAoAEBE=';
const PROBE_WIDTH = 1024;
/** 0.13 GFLOP. A graphics processor needs a few milliseconds, a software WebGPU adapter, tens of times slower than the CPU, far more. */
const SMALL_ROWS = 16;
const SMALL_LIMIT_MS = 30;
/** 2 GFLOP: enough to outweigh the way to the accelerator and back. */
const LARGE_ROWS = 256;

/** Whether a device is in this installation of ONNX Runtime; one that is may still lack its driver or adapter. */
export type DeviceSupport = { device: Device; bundled: boolean };

/** What ONNX Runtime was built with on this platform. Throws `device_unavailable` where it does not load. */
export async function listDevices(): Promise<DeviceSupport[]> {
  const { listSupportedBackends } = await loadRuntime();
  const backends: readonly { name: string; bundled: boolean }[] = listSupportedBackends();
  const devices: readonly Device[] = ['cpu', ...ACCELERATORS];
  return devices.flatMap((device) => {
    const backend = backends.find((candidate) => candidate.name === device);
    return backend === undefined ? [] : [{ device, bundled: backend.bundled }];
  });
}

/**
 * The device to use. `auto` takes the first accelerator that computes the probe correctly and faster than the
 * CPU, and else the CPU, with a note that says why. A device asked for by name is taken or throws `device_unavailable`.
 * WebGPU in ONNX Runtime 1.30 computes a Conv wrongly whose input channels are more than 3 and no multiple of 4
 * (microsoft/onnxruntime#29651); graphs for it use a MatMul there.
 */
export async function chooseDevice(choice: DeviceChoice): Promise<{ device: Device; note: string | null }> {
  if (choice === 'cpu') return { device: 'cpu', note: null };
  const supported = await listDevices();
  if (choice !== 'auto') {
    const probed = await probeDevice(choice, false);
    if (probed.milliseconds !== null) return { device: choice, note: null };
    const names = supported.filter((each) => each.bundled).map((each) => each.device);
    throw new AnymodalError('device_unavailable', `device ${choice}: ${probed.fault}. Built in here: ${names.join(', ')}. Use one of these or auto.`);
  }
  const faults: string[] = [];
  let ofCpu: number | null = null;
  for (const { device, bundled } of supported.filter((each) => each.device !== 'cpu')) {
    const probed = await probeDevice(device, true);
    if (probed.milliseconds === null) {
      // CUDA's provider never comes with the package, so that its absence is no fault; where it was added, it is tried like the others.
      if (bundled) faults.push(`${device}: ${probed.fault}`);
      continue;
    }
    ofCpu ??= (await probeDevice('cpu', true)).milliseconds;
    if (ofCpu === null || probed.milliseconds < ofCpu) return { device, note: faults.length === 0 ? null : faults.join('; ') };
    faults.push(`${device}: slower than the cpu (${probed.milliseconds.toFixed(0)} ms against ${ofCpu.toFixed(0)} ms)`);
  }
  return { device: 'cpu', note: `using the cpu: ${faults.length === 0 ? 'no accelerator is built in' : faults.join('; ')}` };
}

type Probe = { milliseconds: number; fault: null } | { milliseconds: null; fault: string };

/**
 * Times the probe, small first so that a software adapter is known without a long wait. Opens and releases its own session.
 * `compare` is false where the device is taken however slow it is.
 */
async function probeDevice(device: Device, compare: boolean): Promise<Probe> {
  const { InferenceSession, Tensor } = await loadRuntime();
  try {
    const session = await InferenceSession.create(Buffer.from(PROBE, 'base64'), sessionOptions(device, false));
    // The best of two after one that compiles.
    const time = async (rows: number): Promise<number> => {
      const feeds = { x: new Tensor('float32', new Float32Array(rows * PROBE_WIDTH).fill(1), [rows, PROBE_WIDTH]) };
      let best = Infinity;
      for (let round = 0; round < 3; round += 1) {
        const start = performance.now();
        const data = (await session.run(feeds))['y']?.data;
        if (round > 0) best = Math.min(best, performance.now() - start);
        if (!(data instanceof Float32Array && data.every((value) => Math.abs(value - 1) < 1e-2))) throw new Error('computes a probe graph wrongly');
      }
      return best;
    };
    try {
      const small = await time(SMALL_ROWS);
      if (!compare) return { milliseconds: small, fault: null };
      if (small > SMALL_LIMIT_MS) return { milliseconds: null, fault: `too slow (${small.toFixed(0)} ms for 0.13 GFLOP), perhaps a software adapter` };
      return { milliseconds: await time(LARGE_ROWS), fault: null };
    } finally {
      await session.release();
    }
  } catch (error) {
    return { milliseconds: null, fault: firstLine(error) };
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // ONNX Runtime puts its own source file and function before what a person can use.
  return (text.split('\n')[0] ?? '').replace(/^\/onnxruntime_src.* was false\. /, '').replace(/\.\s*$/, '');
}
