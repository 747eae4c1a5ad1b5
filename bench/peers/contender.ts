// One contender: a process that does one unit of work each time it is asked, over lines of JSON on its pipes. Both ends of that; knows no model.

import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What is asked for: `context` positions before a token, or which of several things. */
export interface Asked {
  readonly what: string;
  readonly context?: number;
}

/** Child's end: answers each line with the milliseconds of one unit; ends with its input. */
export async function answer(unit: (asked: Asked) => Promise<number>): Promise<void> {
  console.log(JSON.stringify({ ready: true }));
  for await (const line of createInterface({ input: process.stdin })) {
    const asked: Asked = JSON.parse(line);
    console.log(JSON.stringify({ milliseconds: await unit(asked) }));
  }
}

const LIMIT_MS = 10 * 60_000;

/** Parent's end. */
export class Contender {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #said: string[] = [];

  constructor(command: string, parameters: readonly string[]) {
    this.#child = spawn('env', ['ORT_DISABLE_TELEMETRY=1', 'OMP_NUM_THREADS=2', command, ...parameters], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.on('error', (error) => this.#said.push(error.message));
    // What ends while it is written to is told by the end of its output.
    this.#child.stdin!.on('error', () => undefined);
    createInterface({ input: this.#child.stderr! }).on('line', (line) => void (this.#said.length < 200 ? this.#said.push(line) : undefined));
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  /** Waits until it has loaded; null, or why it does not run. */
  async ready(): Promise<string | null> {
    return (await this.#next()) === null ? (this.#said.findLast((line) => /error|no |not /i.test(line)) ?? this.#said.at(-1) ?? 'it ended').trim() : null;
  }

  /** Milliseconds of one unit; throws where it ends before. */
  async unit(asked: Asked): Promise<number> {
    this.#child.stdin!.write(`${JSON.stringify(asked)}\n`);
    const found = await this.#next();
    if (found === null) throw new Error(`a contender ended: ${this.#said.slice(-3).join(' ')}`);
    return Number(found['milliseconds']);
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  /** The next line that is ours; libraries print as well. */
  async #next(): Promise<Record<string, unknown> | null> {
    const timer = setTimeout(() => this.end(), LIMIT_MS);
    try {
      for (;;) {
        const { value, done } = await this.#lines.next();
        if (done === true) return null;
        if (value.startsWith('{"')) return JSON.parse(value);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
