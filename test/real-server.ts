// A server of anymodal in a process of its own, on nano and a folder of its own; killed and started again on the same port.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const command = fileURLToPath(new URL('../src/cli/anymodal.js', import.meta.url));

export interface RealServer {
  readonly address: string;
  /** Of its data. */
  readonly folder: string;
  pid(): number;
  /** Ends it without warning and starts it again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startServer(...flags: readonly string[]): Promise<RealServer> {
  const folder = await mkdtemp(join(tmpdir(), 'anymodal-browser-'));
  let running = await start(folder, 0, flags);
  return {
    address: running.address,
    folder,
    pid: () => running.process.pid ?? 0,
    restart: async () => {
      await end(running.process, 'SIGKILL');
      running = await start(folder, Number(new URL(running.address).port), flags);
    },
    stop: async () => {
      await end(running.process, 'SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function start(folder: string, port: number, flags: readonly string[]): Promise<{ readonly process: ChildProcess; readonly address: string }> {
  const child = spawn(process.execPath, [command, 'serve', '--port', String(port), '--data', folder, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const address = await new Promise<string>((resolve, reject) => {
    const listen = (chunk: Buffer): void => {
      said += chunk.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      if (found !== null) resolve(found[0]);
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
  return { process: child, address };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}
