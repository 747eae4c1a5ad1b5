// Every setting of `anymodal serve`: its name, its range, what it does, and what holds where nothing is said.
// One schema for the file, the environment and the flags; reads none of them.
import { z } from 'zod';
import { defaultBundle } from './bundles.ts';

const MEBIBYTE = 1024 * 1024;
const DAY_MS = 86_400_000;

const milliseconds = z.int().min(1).max(366 * DAY_MS);
const count = z.int().min(1).max(1_000_000_000);
const bytes = z.int().min(1024);
const hostName = z.string().regex(/^[\w.*-]+$/, 'expected a host name without scheme and port');
const origin = z.union([z.literal('*'), z.url({ protocol: /^https?$/ }).refine((text) => URL.canParse(text) && new URL(text).origin === text, 'expected an origin, such as https://chat.example.org')]);

export const configurationSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on; 0.0.0.0 or :: for all'),
  port: z.int().min(0).max(65_535).default(8080).describe('port to listen on; 0 takes a free one'),
  data: z.string().min(1).nullable().default(null).describe('folder of jobs, media, conversations and keys; null: anymodal in XDG_DATA_HOME'),
  redis: z.url({ protocol: /^rediss?$/ }).nullable().default(null).describe('Redis that servers and workers share, such as redis://:PASSWORD@HOST:6379; null: one server with engines of its own'),
  media: z.string().startsWith('s3://').nullable().default(null).describe('S3-compatible store of media, such as s3://BUCKET/PREFIX; address and keys come from AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; null: in the data folder, or in Redis'),
  redirectMedia: z.boolean().default(false).describe('send who reads media to signed addresses of that store (307), which clients must be able to reach; else the bytes go through the server'),
  database: z.url({ protocol: /^postgres(ql)?$/ }).nullable().default(null).describe('PostgreSQL that keeps conversations, such as postgres://USER:PASSWORD@HOST/NAME; null: in the data folder'),
  models: z.array(z.string().min(1)).min(1).default([defaultBundle]).describe('models that are offered, the default one first: ids, or folders with a bundle.json'),
  aliases: z.record(z.string().min(1), z.string().min(1)).default({}).describe('further names of models: what clients ask for to the id of a bundle'),
  hub: z.url({ protocol: /^https?$/ }).nullable().default(null).describe('model hub, or mirror of one, that `anymodal pull` fetches from; null: HF_ENDPOINT, or huggingface.co'),
  device: z.enum(['auto', 'cpu', 'cuda', 'webgpu', 'coreml', 'dml']).default('auto').describe('device that models run on'),
  preload: z.enum(['none', 'default', 'all']).default('default').describe('models that are loaded at start, while the server answers already'),
  keepAliveMs: milliseconds.nullable().default(null).describe('milliseconds after which an idle model is unloaded; null: when memory is needed'),
  memoryBytes: bytes.nullable().default(null).describe('bytes that loaded models may take together; null: three quarters of what this process can have'),
  strict: z.boolean().default(false).describe('refuse what compatible routes would map or resample'),
  keysRequired: z.boolean().nullable().default(null).describe('whether requests need a key; null: where it listens beyond loopback, and there it must not be false'),
  publicUrl: z.url({ protocol: /^https?$/ }).nullable().default(null).describe('address under which clients reach the server, for links; null: that of each request'),
  hosts: z.array(hostName).default([]).describe('names that requests may call this server by, beside localhost and addresses'),
  origins: z.array(origin).default([]).describe('origins of pages that may use this server from a browser; * for all'),
  page: z.boolean().default(true).describe('whether the playground is served at /'),
  limits: z
    .strictObject({
      bodyBytes: bytes.default(100 * MEBIBYTE).describe('bytes of a request'),
      parts: count.default(256).describe('parts of one conversation, texts and media'),
      pixels: count.default(40_000_000).describe('pixels of a picture, or of a frame of a video'),
      seconds: count.default(600).describe('seconds of a sound or a video'),
      variants: count.default(10).describe('variants of one request, `n`'),
      jobsPerKey: count.default(100).describe('jobs of one key that have not ended'),
      queue: count.default(1000).describe('jobs that wait, of all keys'),
      requestsPerMinute: z.int().min(0).default(1200).describe('requests of one key in a minute; 0 sets no limit'),
    })
    .prefault({}),
  deadlineMs: milliseconds.default(3_600_000).describe('milliseconds after which a job is stopped wherever it stands'),
  addressMs: milliseconds.default(3_600_000).describe('milliseconds that the signed address of a result is good for'),
  worker: z
    .strictObject({
      short: count.default(3).describe('short jobs of one model that a worker runs at once'),
      long: count.default(1).describe('long jobs of one model, such as videos, that it runs beside them'),
      lockMs: z.int().min(1000).max(DAY_MS).default(15_000).describe('milliseconds without a sign of life after which the jobs of a worker go to another'),
      patienceMs: milliseconds.default(3000).describe('milliseconds that work waits for a worker with its model loaded, which is busy, before another loads it too'),
    })
    .prefault({}),
  drainMs: z.int().min(0).max(DAY_MS).default(30_000).describe('milliseconds that running jobs have to end after SIGTERM; longer ones run again at the next start'),
  retention: z
    .strictObject({
      days: count.nullable().default(30).describe('days that an ended job and what it made are kept; null: for good'),
      jobs: count.nullable().default(null).describe('ended jobs that are kept at most; the oldest go first with what they made; null: no limit; with redis 200000 unless it is said, about 2.4 GB of its memory'),
      mediaBytes: bytes.nullable().default(20 * 1024 * MEBIBYTE).describe('bytes that kept media may take; the oldest made ones go first; null: no limit; with redis and no store of media 1073741824 unless it is said'),
    })
    .prefault({}),
  remoteMedia: z
    .strictObject({
      allowed: z.boolean().default(false).describe('whether addresses of media in requests are fetched, from public addresses alone'),
      hosts: z.array(hostName).default([]).describe('hosts that they may be on, such as *.example.org; none named: all'),
      bytes: bytes.default(32 * MEBIBYTE).describe('bytes of one such file'),
      timeoutMs: milliseconds.default(15_000).describe('milliseconds for one such file'),
    })
    .prefault({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info').describe('least that is logged, as one JSON object a line on standard error') }).prefault({}),
});

/** What holds where Redis keeps it in memory and nothing is said; by the name of the setting. */
export function defaultsInRedis({ hasStore }: { readonly hasStore: boolean }): Readonly<Record<string, number>> {
  return { 'retention.jobs': 200_000, ...(!hasStore && { 'retention.mediaBytes': 1024 * MEBIBYTE }) };
}

export type Configuration = z.output<typeof configurationSchema>;

/** One setting: `limits.bodyBytes`. */
export interface Setting {
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly help: string;
}

/** All settings in the order in which they are documented. */
export function settings(schema: z.ZodObject = configurationSchema, path: readonly string[] = []): Setting[] {
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const here = [...path, name];
    const inner = field instanceof z.ZodPrefault ? field.unwrap() : null;
    if (inner instanceof z.ZodObject) return settings(inner, here);
    return field instanceof z.ZodType ? [{ path: here, schema: field, help: field.description ?? '' }] : [];
  });
}

/** Variable of a setting: `limits.bodyBytes` is ANYMODAL_LIMITS_BODY_BYTES. */
export function variableOf(path: readonly string[]): string {
  return `ANYMODAL_${path.map((word) => word.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).join('_')}`;
}
