// `anymodal serve`: the HTTP server, from the first line that it prints to the last job that it lets end.
// Knows settings, signals and the parts; knows no route.
import type { Listening } from '../../server/listen.ts';
import { sharedFlags, type Command } from '../command.ts';
import { configurationFlags } from '../configuration-flags.ts';
import { parseFlags, type Flag } from '../flags.ts';
import type { OpenedServer } from '../server-parts.ts';
import { exitCode, type Shell } from '../shell.ts';
import { packageVersion } from './version.ts';

const flagTable: readonly Flag[] = [...configurationFlags, sharedFlags.json, sharedFlags.help];

/** What answers of jobs that have just ended have to be written in. */
const ANSWER_GRACE_MS = 3000;

export const serveCommand: Command = {
  name: 'serve',
  usage: '[--host ADDRESS] [--port N] [--data DIR] [--config FILE] [--model ID ...] [FLAGS]',
  summary: 'answer over HTTP: OpenAI\'s routes, jobs, the playground',
  details: [
    'It answers at once and loads models behind; what comes before waits. Jobs, media and conversations outlive it in its data',
    'folder. On this machine no key is needed; to listen elsewhere make one first: anymodal keys add NAME.',
    'Ctrl-C or SIGTERM: no new work, running jobs end or are kept for the next start; a second one ends it at once.',
    '`anymodal config` lists all settings; the log is JSON, one object a line, on standard error.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal serve', 'http://127.0.0.1:8080/ in a browser, http://127.0.0.1:8080/v1 for clients of OpenAI\'s API'],
    ['anymodal serve --port 0 --data work --model nano --model ./mine', 'a free port, a folder of its own, two models'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal serve --help`.');
    // Loaded when needed: the server is of no use to other commands.
    const [{ readConfiguration }, { openServer }, { createApp }, { listen }] = await Promise.all([import('../configuration-sources.ts'), import('../server-parts.ts'), import('../../server/app.ts'), import('../../server/listen.ts')]);
    const { values, unread } = await readConfiguration(flags, shell);
    for (const variable of unread) shell.stderr.write(`warning: ${variable} means nothing to anymodal\n`);
    return shell.interruption.during(async (signal) => {
      const server = await openServer(values, await packageVersion(), shell);
      let listening: Listening | null = null;
      try {
        listening = await listen(createApp(server.parts), values);
        const { address, port } = listening;
        const { logger, engines } = server.parts;
        const models = engines.models().map(({ id }) => id);
        shell.stdout.write(flags.on('json') ? `${JSON.stringify({ address, port, data: values.data, models })}\n` : `Listening on ${address}\n`);
        logger.info({ address, models }, 'listening');
        // Engines of workers are theirs to load.
        const preloaded = preload(server, values.redis === null ? values.preload : 'none', signal);
        await aborted(signal);
        await drain(server, values.drainMs, shell);
        await preloaded;
      } finally {
        await listening?.close(ANSWER_GRACE_MS);
        await server.close();
      }
      return exitCode.good;
    });
  },
};

/** Loads models one after the other; one that cannot be loaded is told, and tried again when it is asked for. */
async function preload({ parts: { engines, logger } }: OpenedServer, which: 'none' | 'default' | 'all', signal: AbortSignal): Promise<void> {
  const models = engines.models().slice(0, { none: 0, default: 1, all: Infinity }[which]);
  for (const { id } of models) {
    if (signal.aborted) return;
    try {
      const startedAt = performance.now();
      await engines.describe(id, signal);
      logger.info({ model: id, milliseconds: Math.round(performance.now() - startedAt) }, 'model loaded');
    } catch (error) {
      if (!signal.aborted) logger.error({ model: id, message: error instanceof Error ? error.message : 'unknown' }, 'model cannot be loaded');
    }
  }
}

async function drain(server: OpenedServer, graceMs: number, shell: Shell): Promise<void> {
  const { queue, logger } = server.parts;
  server.beginDrain();
  const { running, queued } = queue.state();
  logger.info({ running, queued, graceMs }, 'draining');
  if (running > 0) shell.stderr.write(`Ending: ${running} running job(s) have ${Math.round(graceMs / 1000)} s to finish; what is left runs at the next start. Again to end at once.\n`);
  await queue.drain(graceMs);
  logger.info('drained');
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
