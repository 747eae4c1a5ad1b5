// The engine's process: opens the engine it is told to, runs what it is sent, and ends when its parent closes it or is gone.
// Started by connection.ts alone; holds no queue and no conversation.

import type { Engine, JobEvent, JobEventBody } from '../contracts.ts';
import { createEngine } from './engine.ts';
import { failureOf, reasonOf } from './failures.ts';
import type { FromChild, ToChild, Work } from './protocol.ts';

let engine: Engine | null = null;
const working = new Map<number, { readonly cancel: AbortController; readonly done: Promise<void> }>();

// Ctrl-C reaches the whole group of processes; the parent decides what it means.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToChild) => void receive(message));

async function receive(message: ToChild): Promise<void> {
  switch (message.type) {
    case 'open':
      await open(message);
      break;
    case 'work': {
      const cancel = new AbortController();
      working.set(message.key, { cancel, done: run(message.key, message.work, cancel.signal) });
      break;
    }
    case 'cancel':
      working.get(message.key)?.cancel.abort(message.reason);
      break;
    case 'close':
      await close();
      break;
  }
}

async function open({ bundle, device, factoryModules }: Extract<ToChild, { type: 'open' }>): Promise<void> {
  try {
    engine = await createEngine({ bundle, device, factoryModules: factoryModules.map((module) => new URL(module)) });
    send({ type: 'opened', description: await engine.describe() });
  } catch (error) {
    send({ type: 'failed', ...failureOf(error) }, 1);
  }
}

async function run(key: number, work: Work, signal: AbortSignal): Promise<void> {
  if (engine === null) return;
  for await (const event of eventsOf(engine, work, signal)) send({ type: 'event', key, event });
  working.delete(key);
}

function eventsOf(opened: Engine, work: Work, signal: AbortSignal): AsyncGenerator<JobEvent> {
  if (work.type === 'check') return check(opened, work, signal);
  return work.type === 'run' ? opened.run(work.job, signal, work.isLong) : opened.embed(work.request, signal);
}

async function* check(opened: Engine, { job, isNext }: Extract<Work, { type: 'check' }>, signal: AbortSignal): AsyncGenerator<JobEvent> {
  const event = (body: JobEventBody): JobEvent => ({ ...body, job: job.id, attempt: 1 });
  try {
    await opened.check(job, signal, isNext);
    yield event({ type: 'job-end', usage: { inputTokens: 0, outputTokens: 0 } });
  } catch (error) {
    yield event(signal.aborted ? { type: 'job-abort', reason: reasonOf(signal.reason) } : { type: 'job-error', ...failureOf(error) });
  }
}

async function close(): Promise<void> {
  await engine?.close();
  await Promise.allSettled([...working.values()].map(async ({ done }) => done));
  send({ type: 'closed' }, 0);
}

/** Sends a message, and ends the process after it where an exit code is given. */
function send(message: FromChild, exitCode: number | null = null): void {
  process.send?.(message, undefined, undefined, () => {
    if (exitCode !== null) process.exit(exitCode);
  });
}
