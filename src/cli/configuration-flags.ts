// The flags that set what a server does; every other setting has --set.
// Apart from the settings themselves, so that other commands need not load those.
import type { Flag } from './flags.ts';

/** Flags of every command that reads the configuration. */
export const configurationFlags: readonly Flag[] = [
  { name: 'host', value: 'ADDRESS', help: 'address to listen on (default 127.0.0.1)' },
  { name: 'port', value: 'N', help: 'port to listen on; 0 takes a free one (default 8080)' },
  { name: 'data', value: 'DIR', help: 'folder of jobs, media, conversations and keys' },
  { name: 'redis', value: 'URL', help: 'Redis shared by servers and workers (ANYMODAL_REDIS; docs/scaling.md)' },
  { name: 'media', value: 's3://…', help: 'S3-compatible store of media: s3://BUCKET/PREFIX (ANYMODAL_MEDIA; docs/scaling.md)' },
  { name: 'database', value: 'URL', help: 'PostgreSQL that keeps conversations (ANYMODAL_DATABASE)' },
  { name: 'config', value: 'FILE', help: 'JSON file with settings (ANYMODAL_CONFIG)' },
  { name: 'model', value: 'ID', repeatable: true, help: 'model to offer, the first is the default' },
  { name: 'use', value: 'O=MODEL', repeatable: true, help: 'let another model make output O of the default one, or be its language-model' },
  { name: 'device', value: 'NAME', help: 'auto, cpu, cuda, webgpu, coreml or dml' },
  { name: 'preload', help: 'load all models at start, not the default one alone' },
  { name: 'strict', help: 'refuse what compatible routes would map or resample' },
  { name: 'set', value: 'NAME=VALUE', repeatable: true, help: 'any other setting, such as limits.queue=50' },
];
