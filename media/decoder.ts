// Client of the decoding process: starts it when first needed, one medium at a time, ends it on excess and starts another.
// Knows limits, time and process borders; knows nothing of pixels and samples.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AnymodalError } from '../src/errors.ts';
import { memoryExit } from './decoder-protocol.ts';
import type { DecodeFailure, DecodeReply, DecodeRequest, DecodeResult, DecodeTask } from './decoder-protocol.ts';

export interface DecoderLimits {
  /** Width times height of one picture or frame. */
  readonly maxPixels: number;
  /** From the start of decoding, not counting the wait for earlier media; the process has as long again to start and to load what decodes. */
  readonly timeoutMs: number;
  /**
   * Resident memory of the decoding process, its own 60 MB or so included. The process measures itself every 10 ms on all systems; no kernel
   * limit stands behind it, but on Linux it is first in line when memory runs out, and `maxPixels` bounds what a decoder needs anywhere.
   */
  readonly maxResidentBytes: number;
}

export const defaultDecoderLimits: DecoderLimits = { maxPixels: 64_000_000, timeoutMs: 30_000, maxResidentBytes: 1024 ** 3 };

/** What became of a request: the process's own reply, or the way the process was lost. */
export type DecoderOutcome = DecodeResult | DecodeFailure | { readonly type: 'timeout' } | { readonly type: 'memory' } | { readonly type: 'crash' };

interface Job {
  readonly bytes: Uint8Array;
  readonly task: DecodeTask;
  readonly settle: (outcome: DecoderOutcome | AnymodalError) => void;
}

export interface Decoder {
  /** @throws AnymodalError `aborted`. */
  run(bytes: Uint8Array, task: DecodeTask, signal?: AbortSignal): Promise<DecoderOutcome>;
  /** Process id while there is a process. */
  readonly pid: number | null;
  /** Ends the process; waiting media fail with `aborted`. A later `run` starts a new process. */
  close(): Promise<void>;
}

export function createDecoder(limits: DecoderLimits = defaultDecoderLimits): Decoder {
  let child: ChildProcess | null = null;
  let current: Job | null = null;
  let timer: NodeJS.Timeout | undefined;
  let nextId = 0;
  const ending = new Set<Promise<void>>();
  const waiting: Job[] = [];

  function start(): ChildProcess {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const started = fork(fileURLToPath(new URL(`./decoder-process.${extension}`, import.meta.url)), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: ['--max-old-space-size=256'],
      // Nothing of the parent's environment: whoever takes over a decoder finds no secrets. Windows adds what it needs by itself.
      // libvips keeps large intermediate pictures in memory, where the limit sees them, instead of in temporary files.
      env: { VIPS_DISC_THRESHOLD: '4g' },
    });
    started.on('message', (reply: DecodeReply) => {
      if (reply.id !== nextId || current === null) return;
      if (reply.type === 'started') {
        timer?.refresh();
        return;
      }
      // What a damaged sound or video left behind in a codec is nothing that the next medium should meet.
      if (reply.type === 'damaged' && !current.task.type.endsWith('-image')) kill();
      finish(reply);
    });
    started.once('error', () => lost(started, { type: 'crash' }));
    started.once('exit', (code) => lost(started, { type: code === memoryExit ? 'memory' : 'crash' }));
    return started;
  }

  function lost(process: ChildProcess, outcome: DecoderOutcome): void {
    if (process !== child) return;
    child = null;
    finish(outcome);
  }

  function kill(): void {
    const killed = child;
    child = null;
    if (killed === null) return;
    const exit = new Promise<void>((resolve) => {
      killed.once('exit', () => resolve());
      killed.once('error', () => resolve());
    });
    ending.add(exit);
    void exit.then(() => ending.delete(exit));
    killed.ref();
    killed.kill('SIGKILL');
  }

  function finish(outcome: DecoderOutcome | AnymodalError): void {
    const job = current;
    current = null;
    clearTimeout(timer);
    job?.settle(outcome);
    next();
  }

  function next(): void {
    if (current !== null) return;
    const job = waiting.shift();
    if (job === undefined) {
      // An idle decoder does not keep the program alive; it ends when the channel closes.
      child?.unref();
      child?.channel?.unref();
      return;
    }
    current = job;
    child ??= start();
    child.ref();
    child.channel?.ref();
    nextId++;
    const request: DecodeRequest = { id: nextId, bytes: job.bytes, task: job.task, maxPixels: limits.maxPixels, maxResidentBytes: limits.maxResidentBytes };
    timer = setTimeout(() => cancel(job, { type: 'timeout' }), limits.timeoutMs);
    const process = child;
    process.send(request, (error) => {
      if (error !== null) lost(process, { type: 'crash' });
    });
  }

  function cancel(job: Job, outcome: DecoderOutcome | AnymodalError): void {
    const index = waiting.indexOf(job);
    if (index >= 0) {
      waiting.splice(index, 1);
      job.settle(outcome);
    } else if (job === current) {
      kill();
      finish(outcome);
    }
  }

  return {
    async run(bytes, task, signal) {
      if (signal?.aborted === true) throw aborted();
      let onAbort: (() => void) | undefined;
      try {
        const outcome = await new Promise<DecoderOutcome | AnymodalError>((settle) => {
          const job: Job = { bytes, task, settle };
          onAbort = () => cancel(job, aborted());
          signal?.addEventListener('abort', onAbort);
          waiting.push(job);
          next();
        });
        if (outcome instanceof AnymodalError) throw outcome;
        return outcome;
      } finally {
        if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
      }
    },
    get pid() {
      return child?.pid ?? null;
    },
    async close() {
      for (const job of waiting.splice(0)) job.settle(closed());
      kill();
      finish(closed());
      await Promise.all(ending);
    },
  };
}

function aborted(): AnymodalError {
  return new AnymodalError('aborted', 'Decoding of a medium was cancelled.');
}

function closed(): AnymodalError {
  return new AnymodalError('aborted', 'The decoder was closed while this medium waited.');
}
