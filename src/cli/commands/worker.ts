// `anymodal worker`: takes jobs from a Redis that servers share, until it is told to end; then ends them or gives them back.
// Knows settings, signals and the parts; knows no job.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { AnymodalError } from '../../errors.ts';
import { sharedFlags, type Command } from '../command.ts';
import { configurationFlags } from '../configuration-flags.ts';
import { parseFlags, type Flag } from '../flags.ts';
import { exitCode } from '../shell.ts';
import type { OpenedWorker } from '../worker-parts.ts';

const flagTable: readonly Flag[] = [
  { name: 'redis', value: 'URL', help: 'Redis shared with servers and other workers (ANYMODAL_REDIS)' },
  { name: 'media', value: 's3://…', help: 'store of media that the servers have (ANYMODAL_MEDIA)' },
  { name: 'model', value: 'ID', repeatable: true, help: 'model that it runs; the first is loaded at once, the others when work for them waits' },
  { name: 'port', value: 'N', help: 'port for /healthz, /readyz and /metrics; 0 takes a free one (default: none)' },
  { name: 'host', value: 'ADDRESS', help: 'address of that port (default 127.0.0.1)' },
  ...configurationFlags.filter(({ name }) => ['config', 'device', 'preload', 'set'].includes(name)),
  sharedFlags.json,
  sharedFlags.help,
];

export const workerCommand: Command = {
  name: 'worker',
  usage: '--redis URL [--model ID ...] [--device NAME] [--port N] [FLAGS]',
  summary: 'run jobs of servers that share a Redis, on this machine',
  details: [
    'Start as many as there are machines or GPUs; `anymodal serve --redis URL` sends them work. A worker takes jobs for its own',
    'models, those that are loaded first. Its settings are those of serve: worker.short and worker.long are jobs at once of one model.',
    'Ctrl-C or SIGTERM: nothing new, running jobs have drainMs to end, what is left goes to another worker; a second one ends it at once.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal worker --redis redis://queue:6379', 'jobs for nano, beside other workers'],
    ['anymodal worker --redis redis://queue:6379 --model ./mine --device cuda --port 9100', 'another model on a GPU, with figures for Prometheus'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal worker --help`.');
    const [{ readConfiguration }, { openWorker }] = await Promise.all([import('../configuration-sources.ts'), import('../worker-parts.ts')]);
    const { values } = await readConfiguration(flags, shell);
    const { redis } = values;
    if (redis === null) throw new AnymodalError('bad_option', 'worker: --redis is missing; give the address that the servers have, such as --redis redis://localhost:6379, or set ANYMODAL_REDIS.');
    return shell.interruption.during(async (signal) => {
      const worker = await openWorker({ ...values, redis }, shell);
      const { logger } = worker;
      let monitor: Monitor | null = null;
      try {
        monitor = flags.value('port') === null ? null : await listen(worker, values.port, values.host);
        const ready = { worker: worker.id, models: worker.models, address: monitor?.address ?? null };
        shell.stdout.write(flags.on('json') ? `${JSON.stringify(ready)}\n` : `Working for ${withoutCredentials(redis)} on ${ready.models.join(', ')}${ready.address === null ? '' : `; figures at ${ready.address}/metrics`}\n`);
        logger.info(ready, 'working');
        if (!signal.aborted) await once(signal, 'abort');
        logger.info({ running: worker.running(), graceMs: values.drainMs }, 'draining');
        if (worker.running() > 0) shell.stderr.write(`Ending: ${worker.running()} running job(s) have ${Math.round(values.drainMs / 1000)} s to finish; what is left goes to another worker. Again to end at once.\n`);
        await worker.drain(values.drainMs);
        logger.info('drained');
      } finally {
        await monitor?.stop();
        await worker.close();
      }
      return exitCode.good;
    });
  },
};

interface Monitor {
  readonly address: string;
  stop(): Promise<void>;
}

/** What monitors ask for, without a key: nothing in it is a user's. */
async function listen(worker: OpenedWorker, port: number, host: string): Promise<Monitor> {
  const server = createServer((request, response) => {
    void (async () => {
      const [status, type, body] = await answer(worker, request.method ?? '', request.url ?? '');
      response.writeHead(status, { 'Content-Type': type }).end(body);
    })().catch(() => response.destroy());
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  const shown = typeof address === 'object' && address !== null ? `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}` : '';
  return {
    address: shown,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(worker: OpenedWorker, method: string, path: string): Promise<readonly [status: number, type: string, body: string]> {
  if (method !== 'GET' && method !== 'HEAD') return [405, 'text/plain', 'GET alone\n'];
  if (path === '/healthz') return [200, 'application/json', '{"status":"ok"}\n'];
  if (path === '/readyz') {
    const missing = await worker.missing();
    return [missing.length === 0 ? 200 : 503, 'application/json', `${JSON.stringify({ ready: missing.length === 0, missing, running: worker.running() })}\n`];
  }
  if (path === '/metrics') return [200, 'text/plain; version=0.0.4; charset=utf-8', await worker.metrics()];
  return [404, 'text/plain', '/healthz, /readyz and /metrics\n'];
}

function withoutCredentials(address: string): string {
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname}`;
}
