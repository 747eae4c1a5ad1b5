// Processes that tests start, kill and look for afterwards: workers, and whatever they leave behind.
// Knows them by what /proc says.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../bench/instant-worker.ts', import.meta.url));
const tiny = fileURLToPath(new URL('../fixtures/tiny', import.meta.url));

export interface RealWorker {
  pid(): number;
  /** By which it holds jobs; another after each start. */
  id(): string;
  /** Ends it without warning, as the kernel would. Its jobs are another's. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it with a signal that lets it end its jobs; its exit code. */
  end(): Promise<number | null>;
}

/** A folder that stands for the model `instant`: what a bundle says of itself, and no weights. */
export async function instantModel(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const parent = await mkdtemp(join(tmpdir(), 'anymodal-instant-'));
  const folder = join(parent, 'instant');
  await mkdir(folder);
  const bundle: Record<string, unknown> = JSON.parse(await readFile(join(tiny, 'bundle.json'), 'utf8'));
  await cp(tiny, folder, { recursive: true });
  await writeFile(join(folder, 'bundle.json'), JSON.stringify({ ...bundle, id: 'instant' }));
  return { folder, remove: async () => rm(parent, { recursive: true, force: true }) };
}

/** A worker that has begun. */
export async function startWorker(flags: readonly string[], stepMs = 0): Promise<RealWorker> {
  let child: ChildProcess;
  let id = '';
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, String(stepMs), ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    await new Promise<void>((resolve, reject) => {
      const listen = (chunk: Buffer): void => {
        said += chunk.toString();
        const found = /"worker":"([^"]+)"/.exec(said)?.[1];
        if (found === undefined) return;
        id = found;
        resolve();
      };
      child.stdout?.on('data', listen);
      child.stderr?.on('data', listen);
      child.once('exit', (code) => reject(new Error(`the worker ended with ${code}: ${said}`)));
    });
  };
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
    return child.exitCode;
  };
  await start();
  return { pid: () => child.pid ?? 0, id: () => id, kill: async () => void (await end('SIGKILL')), start, end: async () => end('SIGTERM') };
}

/** Processes below `parent`. */
export async function below(parent: number): Promise<readonly number[]> {
  const found: { pid: number; parent: number }[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] !== undefined && fields[0] !== 'Z') found.push({ pid: Number(name), parent: Number(fields[1]) });
  }
  const under = (pid: number): number[] => found.filter((process) => process.parent === pid).flatMap((process) => [process.pid, ...under(process.pid)]);
  return under(parent);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
