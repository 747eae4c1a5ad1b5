// What `anymodal doctor` says of ONNX Runtime and the devices: each is tried in a process of its own, which a driver may crash.
// Knows what each device needs; the trying is in device-probe.ts.
import { fork } from 'node:child_process';
import type { Device, DeviceChoice } from '../contracts.ts';
import type { DeviceSupport } from '../runtime/devices.ts';
import { missingCudaLibraries, sayMissing, systemSearch } from './cuda-libraries.ts';
import { libraryPath } from './environment.ts';

export interface Check {
  readonly what: string;
  /** `missing` is something that can be had and is not needed. */
  readonly state: 'good' | 'missing' | 'broken';
  readonly found: string;
}

export type Question = { readonly type: 'runtime' } | { readonly type: 'choose'; readonly device: DeviceChoice };
export type Answer =
  | { readonly type: 'runtime'; readonly version: string; readonly devices: readonly DeviceSupport[] }
  | { readonly type: 'chosen'; readonly device: Device; readonly note: string | null }
  | { readonly type: 'fault'; readonly message: string };

const waysToDevices: readonly { readonly device: Device; readonly way: string }[] = [
  { device: 'cuda', way: 'needs an NVIDIA GPU, CUDA 12 and cuDNN 9, and the provider libraries of ONNX Runtime: run `node node_modules/onnxruntime-node/script/install` (downloads from outside the npm registry)' },
  { device: 'webgpu', way: 'needs a Vulkan, Metal or Direct3D 12 driver; on linux install a current mesa-vulkan-drivers (25 or newer) or the driver of the GPU' },
  { device: 'coreml', way: 'is part of ONNX Runtime on macOS' },
  { device: 'dml', way: 'is part of ONNX Runtime on Windows' },
];

// In a checkout this file is TypeScript, in the published package JavaScript.
const deviceProbe = new URL(import.meta.url.endsWith('.ts') ? './device-probe.ts' : './device-probe.js', import.meta.url);
const LIMIT_MS = 60_000;

/** Tries the runtime and every device; a probe that crashes or gives no answer makes its device unusable and nothing else. */
export async function checkDevices(probe: URL = deviceProbe, limitMs: number = LIMIT_MS, missing: (device: Device) => string | null = missingFor): Promise<Check[]> {
  const runtime = await ask(probe, { type: 'runtime' }, limitMs);
  if (runtime.type !== 'runtime') return [{ what: 'onnxruntime', state: 'broken', found: faultOf(runtime) }];
  const checks: Check[] = [
    { what: 'onnxruntime', state: 'good', found: `${runtime.version}, telemetry off` },
    { what: 'device cpu', state: 'good', found: 'tested' },
  ];
  for (const { device, way } of waysToDevices) {
    const what = `device ${device}`;
    if (!runtime.devices.some((support) => support.device === device && support.bundled)) {
      checks.push({ what, state: 'missing', found: lines(`not in this installation: ${way}`, missing(device)) });
      continue;
    }
    const answer = await ask(probe, { type: 'choose', device }, limitMs);
    if (answer.type === 'chosen') checks.push({ what, state: 'good', found: device === 'webgpu' ? 'works on a probe graph; tested on a software adapter' : 'works on a probe graph; no test of this project has run on it' });
    else checks.push({ what, state: 'missing', found: lines(faultOf(answer), missing(device), way) });
  }
  const auto = await ask(probe, { type: 'choose', device: 'auto' }, limitMs);
  if (auto.type === 'chosen') checks.push({ what: 'device auto', state: 'good', found: auto.note ?? `takes ${auto.device}` });
  else checks.push({ what: 'device auto', state: 'broken', found: `${faultOf(auto)}\nuse --device cpu or ANYMODAL_DEVICE=cpu` });
  return checks;
}

/** What a device needs and does not find on this system; null where that is not known or nothing. */
function missingFor(device: Device): string | null {
  return device === 'cuda' && process.platform === 'linux' ? sayMissing(missingCudaLibraries(systemSearch(libraryPath()))) : null;
}

function lines(...parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null).join('\n');
}

function faultOf(answer: Answer): string {
  return answer.type === 'fault' ? answer.message : `the probe answered with "${answer.type}"`;
}

/** The answer of a process that is started for this question and ended after it. */
async function ask(probe: URL, question: Question, limitMs: number): Promise<Answer> {
  const child = fork(probe, [], { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const fault = (message: string): void => resolve({ type: 'fault', message });
  const timer = setTimeout(() => fault(`unusable: it gave no answer within ${limitMs / 1000} s`), limitMs);
  child.once('message', (answer: Answer) => resolve(answer));
  child.once('error', (error) => fault(`the process that tries it does not start: ${error.message}`));
  child.once('exit', (code, signal) => fault(`unusable: the process that tried it crashed (${signal ?? `exit code ${code}`})`));
  // A process that is gone takes no message; its exit tells of it.
  child.send(question, () => undefined);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    // By force, so that no driver has to close in good order.
    child.kill('SIGKILL');
  }
}
