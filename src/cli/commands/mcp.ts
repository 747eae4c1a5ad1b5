// `anymodal mcp`: a Model Context Protocol server on standard input and output, for assistants that start their tools themselves.
// Asks a running server, or opens one inside this process; standard output is the protocol's alone.
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Client } from '../../client/index.ts';
import { AnymodalError } from '../../errors.ts';
import { createMcpServer } from '../../mcp/server.ts';
import { createApp } from '../../server/app.ts';
import { sharedFlags, type Command } from '../command.ts';
import { configurationFlags } from '../configuration-flags.ts';
import { readConfiguration } from '../configuration-sources.ts';
import { parseFlags, type Flag, type ParsedFlags } from '../flags.ts';
import { openServer, type OpenedServer } from '../server-parts.ts';
import { exitCode, type Shell } from '../shell.ts';
import { packageVersion } from './version.ts';

/** Flags of a server that nobody reaches over a port. */
const withoutPort = configurationFlags.filter(({ name }) => name !== 'host' && name !== 'port');
const flagTable: readonly Flag[] = [{ name: 'url', value: 'URL', help: 'a server of anymodal that runs already; its key is taken from ANYMODAL_KEY' }, ...withoutPort, sharedFlags.help];

export const mcpCommand: Command = {
  name: 'mcp',
  usage: '[--url URL] [--data DIR] [--model ID ...]',
  summary: 'tools for assistants, by the Model Context Protocol on standard input and output',
  details: [
    'Tools: generate, edit, describe, mix, job_status. They take media by path, by id or as data: addresses.',
    'Without --url it works on its own, on a data folder that no running server uses. A server has the same tools at /mcp.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal mcp', 'as the command of a tool server in an assistant\'s settings'],
    ['anymodal mcp --url http://127.0.0.1:8080', 'the tools of a server that runs already'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal mcp --help`.');
    const version = await packageVersion();
    return shell.interruption.during(async (signal) => {
      const { client, opened } = await connect(flags, version, shell);
      const server = createMcpServer(client, { version, readFile: async (path) => new Blob([new Uint8Array(await readPath(resolve(shell.folder, path)))]) });
      try {
        const ended = new Promise<void>((done) => {
          shell.stdin.once('end', done).once('close', done);
          signal.addEventListener('abort', () => done(), { once: true });
        });
        await server.connect(new StdioServerTransport(shell.stdin, shell.stdout));
        await ended;
      } finally {
        await server.close();
        await opened?.close();
      }
      return exitCode.good;
    });
  },
};

async function connect(flags: ParsedFlags, version: string, shell: Shell): Promise<{ readonly client: Client; readonly opened: OpenedServer | null }> {
  const url = flags.value('url');
  if (url !== null) {
    if (!URL.canParse(url)) throw new AnymodalError('bad_option', `--url: got "${url}", expected an address such as http://127.0.0.1:8080`);
    const key = shell.environment.server.variables['ANYMODAL_KEY'];
    return { client: new Client({ baseUrl: url, ...(key !== undefined && { apiKey: key }) }), opened: null };
  }
  const { values } = await readConfiguration(flags, shell);
  const opened = await openServer({ ...values, host: '127.0.0.1', page: false }, version, shell);
  const app = createApp(opened.parts);
  return { client: new Client({ baseUrl: 'http://127.0.0.1', fetch: async (input, init) => app.fetch(new Request(input, init)) }), opened };
}

async function readPath(path: string): Promise<Uint8Array> {
  return readFile(path).catch(() => {
    throw new AnymodalError('bad_input', `"${path}": there is no such file that can be read`);
  });
}
