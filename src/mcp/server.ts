// A Model Context Protocol server whose tools make, change, describe and mix media by the job API of a server of anymodal.
// Knows the API by its client alone; the transport is the caller's.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { CallToolResult, ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { ServerError, type Client, type InputPart, type Job, type JobInput } from '../client/index.ts';
import { contentOf } from './content.ts';

export interface McpOptions {
  readonly version: string;
  /** Reads a file that a tool is given by its path; absent where the caller is on another machine. */
  readonly readFile?: (path: string) => Promise<Blob>;
}

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

const shared = {
  model: z.string().optional().describe('Model id; the server\'s default if absent.'),
  seed: z.number().int().min(0).optional().describe('The same seed gives the same media; random if absent.'),
  options: z.record(z.string(), z.record(z.string(), z.unknown())).optional().describe('Options by output, such as {"image": {"steps": 20}}.'),
  wait: z.boolean().default(true).describe('False returns the id of the job at once; job_status has the result later.'),
};

/** The server; the caller connects it to a transport and closes it. */
export function createMcpServer(client: Client, { version, readFile }: McpOptions): McpServer {
  const server = new McpServer({ name: 'anymodal', title: 'anymodal', version }, { instructions: 'Makes and reads pictures, sounds, speech and videos. Results are returned as media and have ids, which other tools take.' });
  const mediumSchema = z.string().describe(`Id of a medium that the server keeps, or a data: address${readFile === undefined ? '' : ', or the path of a file'}.`);

  const partOf = async (medium: string): Promise<InputPart> => {
    if (medium.startsWith('data:')) return { type: 'media', data: medium };
    if (/^[0-9a-f]{64}$/.test(medium)) return { type: 'media', id: medium };
    if (readFile === undefined) throw new Error('a medium: got neither an id nor a data: address');
    return { type: 'media', id: (await client.upload(await readFile(medium), { name: medium.split(/[\\/]/).at(-1) ?? 'file' })).id };
  };
  const partsOf = async (media: readonly string[] = [], words?: string): Promise<InputPart[]> => [...(await Promise.all(media.map(partOf))), ...(words === undefined || words.trim() === '' ? [] : [{ type: 'text' as const, text: words }])];
  const result = async (job: JobInput, wait: boolean, extra: Extra): Promise<CallToolResult> => {
    const accepted = await client.createJob(job, { signal: extra.signal });
    return wait ? finished(client, accepted.id, extra) : { content: [{ type: 'text', text: `Job ${accepted.id} is ${accepted.status}; job_status tells more.` }], structuredContent: { job: accepted.id, status: accepted.status } };
  };

  server.registerTool(
    'generate',
    {
      title: 'Generate media or an answer',
      description: 'Makes pictures, sounds, speech, videos and text from words and any media. Without outputs the model decides what to answer with.',
      inputSchema: {
        prompt: z.string().describe('What to make, or a message to answer.'),
        outputs: z.array(z.string()).min(1).optional().describe('In order, of text, image, audio, speech, video.'),
        media: z.array(mediumSchema).optional().describe('Media that the prompt speaks of, in order.'),
        negative: z.string().optional().describe('What the media should not show.'),
        count: z.number().int().min(1).max(8).optional().describe('Variants.'),
        ...shared,
      },
    },
    async ({ prompt, outputs, media, negative, wait, ...rest }, extra) =>
      guarded(async () => result({ input: await partsOf(media, prompt), ...(outputs !== undefined && { outputs }), ...(negative !== undefined && { negativePrompt: negative }), ...present(rest) }, wait, extra)),
  );

  server.registerTool(
    'edit',
    {
      title: 'Edit a medium',
      description: 'Changes a picture, sound or video as the instruction says, such as "make it blue"; with a mask only where it is white.',
      inputSchema: { medium: mediumSchema, instruction: z.string(), output: z.string().default('image').describe('What comes out: image, audio or video.'), mask: mediumSchema.optional(), ...shared },
    },
    async ({ medium, instruction, output, mask, wait, ...rest }, extra) =>
      guarded(async () => {
        const masked = mask === undefined ? null : await partOf(mask);
        const id = masked?.type === 'media' && 'id' in masked ? masked.id : null;
        if (masked !== null && id === null) throw new Error('mask: expected the id of a medium or a path');
        return result({ input: await partsOf([medium], instruction), outputs: [output], route: 'direct', ...(id !== null && { mask: id }), ...present(rest) }, wait, extra);
      }),
  );

  server.registerTool(
    'describe',
    { title: 'Describe media', description: 'Answers a question about pictures, sounds and videos.', inputSchema: { media: z.array(mediumSchema).min(1), question: z.string().default('What is this?'), ...shared } },
    async ({ media, question, wait, ...rest }, extra) => guarded(async () => result({ input: await partsOf(media, question), outputs: ['text'], ...present(rest) }, wait, extra)),
  );

  server.registerTool(
    'mix',
    {
      title: 'Mix in the joint space',
      description: 'Adds and subtracts words and media, each with a weight, and makes one output of the sum: 1 of a dog and 0.5 of "red".',
      inputSchema: { parts: z.array(z.object({ weight: z.number(), text: z.string().optional(), medium: mediumSchema.optional() })).min(1), output: z.string().default('image'), ...shared },
    },
    async ({ parts, output, wait, ...rest }, extra) =>
      guarded(async () => {
        const mix = await Promise.all(
          parts.map(async ({ weight, text, medium }) => {
            if ((text === undefined) === (medium === undefined)) throw new Error('parts: each needs either text or medium');
            return { weight, part: medium === undefined ? { type: 'text' as const, text: text ?? '' } : await partOf(medium) };
          }),
        );
        return result({ input: [], mix, outputs: [output], route: 'direct', ...present(rest) }, wait, extra);
      }),
  );

  server.registerTool(
    'job_status',
    { title: 'Status of a job', description: 'How a job stands; what it made, once it has ended.', inputSchema: { job: z.string(), cancel: z.boolean().default(false).describe('Ends it first.') }, annotations: { readOnlyHint: false } },
    async ({ job, cancel }) =>
      guarded(async () => {
        if (cancel) await client.cancelJob(job);
        return resultOf(client, await client.job(job));
      }),
  );

  return server;
}

/** Follows a job to its end, telling its progress; a client that gives up cancels it. */
async function finished(client: Client, id: string, { signal, _meta, sendNotification }: Extra): Promise<CallToolResult> {
  const progressToken = _meta?.progressToken;
  let progress = 0;
  try {
    for await (const event of client.events(id, { signal })) {
      if (event.type !== 'media-progress' || progressToken === undefined) continue;
      progress += 1;
      await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, message: `step ${event.step} of ${event.steps}` } });
    }
  } catch (error) {
    if (signal.aborted) await client.cancelJob(id).catch(() => undefined);
    throw error;
  }
  return resultOf(client, await client.job(id));
}

async function resultOf(client: Client, job: Job): Promise<CallToolResult> {
  const { id, status, error, progress, position } = job;
  const warnings = job.warnings.map(({ message }) => ({ type: 'text' as const, text: `Warning: ${message}` }));
  const structuredContent = {
    job: id,
    status,
    ...(position !== null && { position }),
    progress,
    outputs: job.outputs.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : { type: part.output, medium: part.media.id, mediaType: part.media.mediaType, seed: part.seed, url: part.media.url })),
  };
  if (status === 'failed' || status === 'cancelled') return { isError: true, content: [{ type: 'text', text: `${error?.code ?? status}: ${error?.message ?? 'the job was cancelled'}` }, ...warnings], structuredContent };
  if (status !== 'completed') return { content: [{ type: 'text', text: `Job ${id} is ${status}${progress.steps === 0 ? '' : `, step ${progress.step} of ${progress.steps}`}.` }], structuredContent };
  const content = await Promise.all(job.outputs.map(async (part) => contentOf(client, part)));
  return { content: [...content.flat(), ...warnings], structuredContent };
}

/** A tool's failure as its result, which is what the protocol asks for. */
async function guarded(work: () => Promise<CallToolResult>): Promise<CallToolResult> {
  try {
    return await work();
  } catch (error) {
    const code = error instanceof ServerError ? `${error.code}: ` : '';
    return { isError: true, content: [{ type: 'text', text: `${code}${error instanceof Error ? error.message : String(error)}` }] };
  }
}

/** Fields that were given. */
function present<T extends Readonly<Record<string, unknown>>>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- those that are undefined are left out
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}
