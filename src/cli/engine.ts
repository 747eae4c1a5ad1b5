// Starts the engine that a command uses, on the device that was asked for, and closes it.
// Knows no command.
import type { DeviceChoice, Engine } from '../contracts.ts';
import { factoryModules } from './factory-modules.ts';
import { choiceFlag } from './flags.ts';
import type { Report } from './report.ts';
import type { Shell } from './shell.ts';

export const deviceChoices: readonly DeviceChoice[] = ['auto', 'cpu', 'cuda', 'webgpu', 'coreml', 'dml'];

/** An engine in a child process on the bundle in `folder`. */
export async function startChildEngine(folder: string, device: DeviceChoice, signal?: AbortSignal): Promise<Engine> {
  // Loaded when needed: help and errors of the command line start no engine.
  const { startEngine } = await import('../engine/client.ts');
  return startEngine({ bundle: folder, device, factoryModules }, signal);
}

/** The device that `--device`, ANYMODAL_DEVICE or the default names; throws `bad_option`. */
export function chooseDeviceFlag(device: string | null, shell: Shell): DeviceChoice {
  if (device !== null) return choiceFlag('--device', device, deviceChoices);
  return shell.environment.device === null ? 'auto' : choiceFlag('ANYMODAL_DEVICE', shell.environment.device, deviceChoices);
}

/** Starts an engine, runs `work` with it and closes it, whatever comes; `signal` ends the start, and `work` has to heed it itself. */
export async function withEngine<T>(shell: Shell, folder: string, device: DeviceChoice, report: Report, work: (engine: Engine) => Promise<T>, signal?: AbortSignal): Promise<T> {
  report.waiting('loading the model ...');
  let engine: Engine | null = null;
  try {
    engine = await shell.startEngine(folder, device, signal);
    return await work(engine);
  } finally {
    // An error is told by someone else, who must find an empty line.
    report.finish();
    await engine?.close();
  }
}
