// One engine process from its start to its end: what is sent to it, what comes back, and that it is gone when it should be.
// Knows no job; the client does.

import { fork, type ChildProcess } from 'node:child_process';
import type { EngineDescription, JobEvent } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { EngineOptions } from './options.ts';
import { reasonOf } from './failures.ts';
import { isTerminal, type FromChild, type ToChild, type Work } from './protocol.ts';

/** Takes the events of one piece of work; null when the process ended before the terminal one. */
export type Receive = (event: JobEvent | null) => void;

// In a checkout this file is TypeScript, in the published package JavaScript.
const isTypeScript = import.meta.url.endsWith('.ts');
const childModule = new URL(isTypeScript ? './child.ts' : './child.js', import.meta.url);

/** Starts an engine process and waits until its bundle is open; `signal` ends it before that. Throws what opening throws, `engine_crashed` or `aborted`. */
export async function connect(options: EngineOptions, graceMs: number, signal?: AbortSignal): Promise<Connection> {
  const child = fork(childModule, [], {
    serialization: 'advanced',
    execArgv: isTypeScript ? ['--disable-warning=ExperimentalWarning'] : [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const connection = new Connection(child, graceMs);
  connection.send({ type: 'open', bundle: options.bundle, device: options.device, factoryModules: options.factoryModules.map((url) => url.href) });
  // Opening a bundle is no job: nothing is lost by force.
  const stop = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    await connection.opened;
    return connection;
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw new AnymodalError('aborted', reasonOf(signal.reason));
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

export class Connection {
  /** What the engine can do, once its bundle is open. */
  readonly opened: Promise<EngineDescription>;
  /** Fulfilled when the process is gone and its last message was received: how it ended, in words. */
  readonly gone: Promise<string>;
  readonly #child: ChildProcess;
  readonly #graceMs: number;
  readonly #receivers = new Map<number, Receive>();
  readonly #timers = new Map<number, NodeJS.Timeout>();
  #keys = 0;
  #isGone = false;

  constructor(child: ChildProcess, graceMs: number) {
    this.#child = child;
    this.#graceMs = graceMs;
    const opening = Promise.withResolvers<EngineDescription>();
    this.opened = opening.promise;
    child.on('message', (message: FromChild) => {
      if (message.type === 'opened') opening.resolve(message.description);
      else if (message.type === 'failed') opening.reject(new AnymodalError(message.code, message.message));
      else if (message.type === 'event') this.#receive(message.key, message.event);
    });
    // Native libraries chat here, also when all is well: it is told only of a process that is lost.
    let lastWords = '';
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      lastWords = (lastWords + chunk).slice(-2000);
    });
    // An exit may be known before the last messages are read; the channel closes after them.
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      child.once('error', (error) => resolve(error.message));
    });
    const disconnected = new Promise<void>((resolve) => child.once('disconnect', () => resolve()));
    this.gone = exited.then(async (how) => {
      if (child.connected) await disconnected;
      this.#isGone = true;
      const line = lastWords.trim().split('\n').at(-1)?.trim() ?? '';
      // Who is killed says nothing about it.
      const end = line === '' || how === 'SIGKILL' ? how : `${how}: ${line}`;
      opening.reject(new AnymodalError('engine_crashed', `the engine's process ended while it opened the bundle (${end})`));
      for (const timer of this.#timers.values()) clearTimeout(timer);
      for (const key of this.#receivers.keys()) this.#receive(key, null);
      return end;
    });
  }

  /** Set before the receivers are told. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Starts a piece of work; its events go to `receive`. Returns its key. */
  start(work: Work, receive: Receive): number {
    const key = this.#keys;
    this.#keys += 1;
    this.#receivers.set(key, receive);
    this.send({ type: 'work', key, work });
    return key;
  }

  /** Asks for the end of a piece of work; kills the process if it has not ended after the grace period. */
  cancel(key: number, reason: string): void {
    if (!this.#receivers.has(key) || this.#timers.has(key)) return;
    this.send({ type: 'cancel', key, reason });
    this.#timers.set(key, setTimeout(() => this.#child.kill('SIGKILL'), this.#graceMs));
  }

  /** Ends the process, by force after the grace period. */
  async close(): Promise<void> {
    this.send({ type: 'close' });
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), this.#graceMs);
    await this.gone;
    clearTimeout(timer);
  }

  send(message: ToChild): void {
    // A message to a process that is gone fails; `gone` tells of it.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #receive(key: number, event: JobEvent | null): void {
    const receive = this.#receivers.get(key);
    if (event === null || isTerminal(event)) {
      this.#receivers.delete(key);
      clearTimeout(this.#timers.get(key));
      this.#timers.delete(key);
    }
    receive?.(event);
  }
}
