// `npm run check:gpu`: the whole chain on every accelerator that this machine has, against the CPU: equality, speed and memory, as a table.
// Usage: node bench/gpu.ts [--model BUNDLE] [--rounds N] [--device NAME]... Each device is tried in a process of its own, which a driver may crash.

import { execFileSync, fork } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { closeMedia } from '../media/index.ts';
import type { Device } from '../src/contracts.ts';
import { createEngine } from '../src/engine/engine.ts';
import { listDevices } from '../src/runtime/devices.ts';
import { apart, runJobs } from './device-jobs.ts';
import type { DeviceResult } from './device-jobs.ts';
import { machine } from './table.ts';

interface Report {
  readonly results: readonly DeviceResult[];
  readonly openMs: number;
  readonly bytes: number;
  /** Of the accelerator, where its driver tells. */
  readonly deviceBytes: number | null;
}

const LIMIT_MS = 30 * 60_000;
const { values } = parseArgs({ options: { model: { type: 'string', default: fileURLToPath(new URL('../models/nano', import.meta.url)) }, rounds: { type: 'string', default: '2' }, device: { type: 'string', multiple: true }, one: { type: 'string' } } });

if (values.one !== undefined) await runHere(deviceNamed(values.one));
else await compare();

function deviceNamed(name: string): Device {
  const device = (['cpu', 'cuda', 'webgpu', 'coreml', 'dml'] as const).find((known) => known === name);
  if (device === undefined) throw new Error(`no device ${name}`);
  return device;
}

async function runHere(device: Device): Promise<void> {
  const factoryModules = ['encoders', 'projectors', 'decoders', 'src/language-model'].map((room) => new URL(`../${room}/index.ts`, import.meta.url));
  const start = performance.now();
  const engine = await createEngine({ bundle: values.model, device, factoryModules });
  const openMs = performance.now() - start;
  try {
    const results = await runJobs(engine, Number(values.rounds));
    process.send?.({ results, openMs, bytes: process.resourceUsage().maxRSS * 1024, deviceBytes: device === 'cuda' ? cudaBytes() : null } satisfies Report);
  } finally {
    await engine.close();
    await closeMedia();
  }
}

async function compare(): Promise<void> {
  // Those too that are not in the package: CUDA's provider is added to it, and ONNX Runtime does not tell whether it was.
  const devices = values.device ?? (await listDevices()).map(({ device }) => device).filter((device) => device !== 'cpu');
  console.log(`${values.model}: ${machine(cpus(), process.version)}\n`);
  const cpu = await reportOf('cpu');
  if (typeof cpu === 'string') throw new Error(`cpu: ${cpu}`);
  let failed = false;
  for (const device of devices) {
    const report = await reportOf(device);
    if (typeof report === 'string') {
      console.log(`${device}: skipped: ${report}\n`);
      continue;
    }
    console.log(`| ${device} | largest difference | mean difference | ms | ms on the cpu |\n|---|---|---|---|---|`);
    for (const expected of cpu.results) {
      const got = report.results.find(({ name }) => name === expected.name);
      const found = apart(expected, got);
      const wrong = typeof found === 'string' || found.mean > 0.02;
      failed ||= wrong;
      console.log(`| ${expected.name}${wrong ? ' (differs)' : ''} | ${typeof found === 'string' ? found : `${found.largest.toExponential(1)} | ${found.mean.toExponential(1)}`} | ${got?.milliseconds.toFixed(0) ?? ''} | ${expected.milliseconds.toFixed(0)} |`);
    }
    console.log(`\nopened in ${(report.openMs / 1000).toFixed(1)} s (cpu ${(cpu.openMs / 1000).toFixed(1)} s); memory ${gigabytes(report.bytes)} (cpu ${gigabytes(cpu.bytes)})${report.deviceBytes === null ? '' : `, on the device ${gigabytes(report.deviceBytes)}`}\n`);
  }
  process.exitCode = failed ? 1 : 0;
}

/** What a process of its own found on a device, or why there is nothing. */
async function reportOf(device: string): Promise<Report | string> {
  const child = fork(fileURLToPath(import.meta.url), ['--one', device, '--model', values.model, '--rounds', values.rounds], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const { promise, resolve } = Promise.withResolvers<Report | string>();
  const said: Buffer[] = [];
  child.stderr?.on('data', (bytes: Buffer) => void said.push(bytes));
  child.once('message', (report: Report) => resolve(report));
  child.once('close', (code, signal) => {
    const lines = Buffer.concat(said).toString('utf8').split('\n');
    resolve(lines.find((line) => /Error/.test(line)) ?? `the process ended (${signal ?? `exit code ${code}`})`);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** Memory of this process on NVIDIA cards; null where their tool does not say. */
function cudaBytes(): number | null {
  try {
    const lines = execFileSync('nvidia-smi', ['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits'], { encoding: 'utf8' }).trim().split('\n');
    const own = lines.map((line) => line.split(',').map(Number)).filter(([pid]) => pid === process.pid);
    return own.length === 0 ? null : own.reduce((sum, [, megabytes]) => sum + (megabytes ?? 0) * 2 ** 20, 0);
  } catch {
    return null;
  }
}
