// Runs the real command in a process of its own, as a person or a program would.
// Knows no command.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../src/cli/anymodal.js', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Settings {
  /** Folder in which the command runs. */
  readonly folder: string;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with each line of stdout while the command runs. */
  readonly onLine?: (line: string, child: ChildProcessByStdio<Writable, Readable, Readable>) => void;
  /** The Node that starts the command; this process's own where absent. */
  readonly node?: string;
}

/** Runs `anymodal` with `args` to its end. */
export async function anymodal(args: readonly string[], { folder, input = '', environment = {}, onLine, node = process.execPath }: Settings): Promise<Finished> {
  const child = spawn(node, [entry, ...args], { cwd: folder, env: { ...process.env, NO_COLOR: '1', ...environment }, stdio: ['pipe', 'pipe', 'pipe'] });
  let [out, err, rest] = ['', '', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine?.(line, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, out, err });
    });
  });
}

/** Lines of JSON as objects. */
export function eventsOf(out: string): Record<string, unknown>[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Record<string, unknown> => JSON.parse(line));
}

/** Types of the events that end a job. */
export function endsOf(out: string): unknown[] {
  return eventsOf(out)
    .map((event) => event['type'])
    .filter((type) => type === 'job-end' || type === 'job-abort' || type === 'job-error');
}

/** Processes whose parent is `pid`; Linux alone. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
}

function parentOf(pid: number): number | null {
  try {
    // The second field is the name in parentheses, which may hold anything.
    return Number(readFileSync(join('/proc', String(pid), 'stat'), 'utf8').replace(/^.*\) /s, '').split(' ')[1]);
  } catch {
    return null;
  }
}
