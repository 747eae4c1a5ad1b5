// `anymodal batch`: many requests from a file of JSON lines, one engine, and a manifest by which a rerun goes on.
// Knows no modality and no option by itself; one item after the other.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import type { Engine, JobRequest, Media } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { faultsOfFiles, loadItem, readItems, type BatchItem, type LoadedItem } from '../batch-items.ts';
import { appendEntry, isDone, readManifest, sha256Of, type BatchFile, type ManifestEntry } from '../batch-manifest.ts';
import { chooseBundle } from '../bundles.ts';
import { sharedFlags, type Command } from '../command.ts';
import { chooseDeviceFlag, withEngine } from '../engine.ts';
import { extensionOf } from '../file-kinds.ts';
import { parseFlags, type Flag } from '../flags.ts';
import { codeOf, messageOf, runJob } from '../job.ts';
import { chooseFiles, writeWhole, type MadeFiles } from '../made-files.ts';
import { createPlainReport, type Report } from '../report.ts';
import { exitCode, type Shell } from '../shell.ts';

const flagTable: readonly Flag[] = [
  { name: 'output', short: 'o', value: 'DIR', help: 'folder for the files and manifest.jsonl; by it a rerun knows what is done' },
  sharedFlags.model,
  sharedFlags.device,
  { name: 'json', help: 'the lines of the manifest on standard output, in place of the paths' },
  sharedFlags.help,
];

export const batchCommand: Command = {
  name: 'batch',
  usage: 'FILE.jsonl -o DIR [FLAGS]',
  summary: 'answer many messages, one JSON object a line; a rerun goes on where the last one ended',
  details: [
    'Each line is an object with "prompt", files by modality such as "image": "a.png" or a list (relative to FILE), and where',
    'wanted "id", "to", "route", "seed", "count", "negative", "mask" and "options": { OUTPUT: { KEY: VALUE } }; FILE - is standard',
    'input. All lines are checked before the first runs. Media become DIR/ID-OUTPUT.EXT (then ID-OUTPUT-2.EXT), text DIR/ID.txt;',
    'an id is the number of its line and a seed comes from the id where the line has none. Every item that ended is a line of',
    'DIR/manifest.jsonl; a rerun skips what is done and unchanged, and runs the rest.',
  ],
  flags: flagTable,
  examples: [['anymodal batch prompts.jsonl -o made', 'all lines; again after Ctrl-C for the rest']],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal batch --help`.');
    const [file, ...others] = flags.positionals;
    if (file === undefined || others.length > 0) throw new AnymodalError('bad_input', `expected one file, got ${flags.positionals.length}; write anymodal batch FILE.jsonl -o DIR, with - for standard input.`);
    const place = flags.value('output');
    if (place === null || place === '') throw new AnymodalError('bad_input', '-o: a folder is missing; write -o DIR, the place of the files and their manifest.');
    chooseFiles(join(place, '/'), shell.folder);
    const device = chooseDeviceFlag(flags.value('device'), shell);
    const bundle = await chooseBundle(flags.value('model'), shell);
    const report = createPlainReport(shell);
    return shell.interruption.during(async (signal) => {
      const text = await textOf(file, shell, signal);
      const folder = file === '-' ? shell.folder : dirname(resolve(shell.folder, file));
      return withEngine(shell, bundle, device, report, async (engine) => {
        const batch: Batch = { engine, shell, report, place, folder, json: flags.on('json'), signal };
        return runBatch(batch, file, text);
      }, signal);
    });
  },
};

interface Batch {
  readonly engine: Engine;
  readonly shell: Shell;
  readonly report: Report;
  /** The user's name for the folder of the files. */
  readonly place: string;
  /** Folder that the paths of the lines begin from. */
  readonly folder: string;
  readonly json: boolean;
  readonly signal: AbortSignal;
}

async function textOf(file: string, shell: Shell, signal: AbortSignal): Promise<string> {
  if (file === '-') return readAll(addAbortSignal(signal, shell.stdin));
  return readFile(resolve(shell.folder, file), 'utf8').catch((error: unknown) => {
    throw new AnymodalError('bad_input', `"${file}" cannot be read; expected a file with one JSON object a line.`, { cause: error });
  });
}

async function runBatch(batch: Batch, file: string, text: string): Promise<number> {
  const { engine, shell, report, place, folder, signal } = batch;
  signal.throwIfAborted();
  const description = await engine.describe();
  const { items, faults } = readItems(text, description);
  faults.push(...(await faultsOfFiles(items, folder, description)));
  if (faults.length > 0) {
    const lines = faults.toSorted((a, b) => Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]));
    throw new AnymodalError('bad_input', `"${file}" has ${faults.length} fault${faults.length === 1 ? '' : 's'}, nothing was run:\n${lines.join('\n')}`);
  }
  if (items.length === 0) throw new AnymodalError('bad_input', `"${file}" has no lines; expected one JSON object a line, such as {"prompt": "a red apple"}.`);
  if (description.deviceNote !== null) report.detail(description.deviceNote);

  const manifest = resolve(shell.folder, place, 'manifest.jsonl');
  const before = readManifest(manifest);
  const counts = { done: 0, skipped: 0, failed: 0 };
  for (const [index, item] of items.entries()) {
    if (signal.aborted) break;
    const started = performance.now();
    // Read only now: files of all items at once may be more than memory holds, and one may have changed since the check.
    const loaded = await loadItem(item, folder, description).catch((error: unknown) => ({ error }));
    if (!('error' in loaded) && isDone(before.get(item.id), loaded.digest, resolve(shell.folder, place))) {
      counts.skipped += 1;
      continue;
    }
    report.note(`${item.id} (${index + 1} of ${items.length}), seed ${item.seed}`);
    const result = 'error' in loaded ? failedBy(loaded.error) : await runItem(batch, item, loaded);
    if (result === null) break;
    const { id, line, seed } = item;
    const request = 'error' in loaded ? '' : loaded.digest;
    const entry: ManifestEntry = { id, line, request, ...result, seed, milliseconds: Math.round(performance.now() - started) };
    appendEntry(manifest, entry);
    counts[entry.status] += 1;
    if (entry.status === 'failed') report.note(`anymodal: ${id} (line ${line}): ${entry.message}`);
    if (batch.json) shell.stdout.write(`${JSON.stringify(entry)}\n`);
    else for (const made of entry.files) shell.stdout.write(`${join(place, made.path)}\n`);
  }
  report.finish();
  const left = items.length - counts.done - counts.skipped - counts.failed;
  report.note(`${counts.done} done, ${counts.skipped} skipped, ${counts.failed} failed${left > 0 ? `, ${left} left by Ctrl-C; the same command goes on` : ''}`);
  if (left > 0) return exitCode.cancelled;
  return counts.failed > 0 ? exitCode.failed : exitCode.good;
}

type Result = Pick<ManifestEntry, 'status' | 'code' | 'message' | 'text' | 'files'>;

function failedBy(error: unknown): Result {
  return { status: 'failed', code: codeOf(error), message: messageOf(error), text: '', files: [] };
}

/** Runs an item and writes its files once it has ended well; null where it was cancelled. */
async function runItem(batch: Batch, item: BatchItem, { parts, mask }: LoadedItem): Promise<Result | null> {
  const { engine, shell, place, signal } = batch;
  const { outputs, route, seed, count, options, negative } = item;
  const job: JobRequest = { id: randomUUID(), messages: [{ role: 'user', parts }], outputs, route, seed, count, options, negativePrompt: negative, mask, mix: null, metadata: true };
  const made: { path: string; output: string; media: Media }[] = [];
  const files: MadeFiles = {
    mediaType: null,
    write(media, output) {
      const stem = `${item.id}-${output.replace(/[^\w-]+/g, '-')}`;
      const earlier = made.filter((each) => each.output === output).length;
      const path = `${stem}${earlier === 0 ? '' : `-${earlier + 1}`}.${extensionOf(media.mediaType)}`;
      made.push({ path, output, media });
      return path;
    },
    writePreview: (_media, output) => output,
  };
  const heard = createHearing(batch.report);
  const outcome = await runJob(engine, job, files, heard.report, { previews: false }, signal);
  if (outcome.exitCode === exitCode.cancelled) return null;
  const fault = heard.fault();
  if (outcome.exitCode !== exitCode.good) return { status: 'failed', ...(fault ?? { code: 'internal', message: 'the job failed without saying why' }), text: '', files: [] };
  const text = heard.text();
  const written: BatchFile[] = [];
  const write = (path: string, output: string, mediaType: string, bytes: Uint8Array): void => {
    writeWhole(resolve(shell.folder, place, path), bytes, true);
    written.push({ path, output, mediaType, sha256: sha256Of(bytes), bytes: bytes.length });
  };
  if (text !== '') write(`${item.id}.txt`, 'text', 'text/plain', new TextEncoder().encode(`${text}\n`));
  for (const { path, output, media } of made) write(path, output, media.mediaType, media.bytes);
  return { status: 'done', text, files: written };
}

/** A report that keeps an item's text and fault for the manifest and lets only progress and warnings through. */
function createHearing(report: Report): { report: Report; text: () => string; fault: () => { code: string; message: string } | null } {
  const texts = new Map<number, string[]>();
  let fault: { code: string; message: string } | null = null;
  return {
    report: {
      ...report,
      event(event, path) {
        if (event.type === 'text-delta') {
          const variant = texts.get(event.variant) ?? [];
          variant[event.part] = `${variant[event.part] ?? ''}${event.text}`;
          texts.set(event.variant, variant);
        } else if (event.type === 'job-error') fault = { code: event.code, message: event.message };
        else if (event.type !== 'media-end') report.event(event, path);
      },
      failure(code, message) {
        fault = { code, message };
      },
    },
    text: () => [...texts.values()].map((parts) => parts.map((part) => part.trim()).filter((part) => part !== '').join('\n')).filter((text) => text !== '').join('\n\n'),
    fault: () => fault,
  };
}
