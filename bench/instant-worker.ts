// A worker in a process of its own for tests and measurements: the real one, but that the model `instant` answers without a model.
// Run as: bench/instant-worker.ts MILLISECONDS-OF-A-STEP FLAGS-OF-WORKER..., with folders of bundles as models, one of them named instant.

import { setTimeout } from 'node:timers/promises';
import { createInstantEngine } from './instant-engine.ts';
import { main } from '../src/cli/main.ts';
import { startChildEngine } from '../src/cli/engine.ts';
import { readEnvironment } from '../src/cli/environment.ts';
import { createInterruption } from '../src/cli/interruption.ts';
import type { Engine, JobEvent } from '../src/contracts.ts';

const [stepMs, flags] = [Number(process.argv[2]), process.argv.slice(3)];

/** The instant engine at so many milliseconds a step, which heeds its signal as others do. */
function slow(engine: Engine): Engine {
  return {
    ...engine,
    async *run(job, signal): AsyncGenerator<JobEvent> {
      for await (const event of engine.run(job, signal)) {
        if (event.type === 'media-progress' && stepMs > 0) await setTimeout(stepMs);
        if (signal?.aborted === true) {
          yield { type: 'job-abort', reason: String(signal.reason), job: job.id, attempt: 1 };
          return;
        }
        yield event;
      }
    },
  };
}

const interruption = createInterruption(() => process.exit(130));
process.on('SIGTERM', () => interruption.interrupt());
process.removeAllListeners('warning');
const { stdin, stdout, stderr } = process;
process.exitCode = await main(['worker', ...flags], {
  stdin, stdout, stderr, interruption,
  folder: process.cwd(), environment: readEnvironment(),
  startEngine: async (folder, device, signal) => (folder.endsWith('/instant') ? slow(createInstantEngine({ deltas: 8, steps: 8 })) : startChildEngine(folder, device, signal)),
});
