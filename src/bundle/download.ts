// One file from a server to a path: resumed where it stopped, large ones over several connections, refused where damaged.
// Knows no hub and no cache layout; whoever calls holds the lock of the target.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AnymodalError } from '../errors.ts';
import { bytesOf, newJournal, partOf, readJournal, removeJournal, removePart, writeJournal, type Journal, type Segment } from './download-journal.ts';
import { givenUp, PassingFailure, request, waitBefore, type Answer, type Door, type Pause } from './download-request.ts';
import { hashFile } from './files.ts';

export interface Wanted {
  /** For messages. */
  readonly label: string;
  readonly address: URL;
  /** Absolute path of the finished file. */
  readonly target: string;
  readonly bytes: number | null;
  /** Lower-case hex: SHA-256 of the content, or SHA-1 of a git blob of it; null where the server tells none. */
  readonly digest: { readonly kind: 'sha256' | 'git'; readonly value: string } | null;
}

export interface DownloadSettings {
  readonly door: Door;
  readonly connections: number;
  /** Files of more than two of these come over several connections. */
  readonly segmentBytes: number;
  /** Failures in a row, without a byte between them, after which it is given up. */
  readonly attempts: number;
  readonly pause: Pause;
}

export interface DownloadEvents {
  /** So many bytes more are there; negative where some were thrown away. */
  received(bytes: number): void;
  warn(code: string, message: string): void;
  /** Turns the answer to a request for the file into an error with what to do; called for what is neither 200 nor 206. */
  refused(answer: Answer): AnymodalError;
}

/** The server does not go on where we stopped: it has another file now, or knows no ranges. */
class StartAnew extends Error {}

const saveEveryBytes = 16 << 20;

/** Bytes of an unfinished download of `file` that are on disk. */
export async function bytesAlready(file: Wanted): Promise<number> {
  return bytesOf(await readJournal(file.target, identityOf(file), file.bytes));
}

/**
 * Fetches `file`, checks it and puts it in place. What has come when `signal` aborts, or when it fails, is kept for the next call,
 * save a damaged file: it is fetched anew once and refused the second time. Throws `download_failed`, and what `refused` makes.
 */
export async function download(file: Wanted, settings: DownloadSettings, events: DownloadEvents, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(file.target), { recursive: true });
  for (let round = 1; ; round += 1) {
    await fetchWhole(file, settings, events, signal);
    const fault = await faultOf(file);
    if (fault === null) break;
    events.received(-(await stat(partOf(file.target))).size);
    await removePart(file.target);
    if (round === 2) throw new AnymodalError('download_failed', `${file.label} came damaged twice: ${fault}. Nothing of it was kept; try again later, or another mirror with --hub or HF_ENDPOINT.`);
    events.warn('download_damaged', `${file.label} came damaged (${fault}); it is fetched anew`);
  }
  await rename(partOf(file.target), file.target);
  await removeJournal(file.target);
}

/** What is wrong with the content of a finished part, or null. */
async function faultOf(file: Wanted): Promise<string | null> {
  const part = partOf(file.target);
  const { size } = await stat(part);
  if (file.bytes !== null && size !== file.bytes) return `it has ${size} bytes, expected ${file.bytes}`;
  if (file.digest === null) return null;
  const got = file.digest.kind === 'sha256' ? await hashFile(part) : await hashAsGit(part, size);
  return got === file.digest.value ? null : `its ${file.digest.kind === 'git' ? 'git SHA-1' : 'SHA-256'} is ${got}, expected ${file.digest.value}`;
}

/** SHA-1 under which git stores a file. */
async function hashAsGit(path: string, size: number): Promise<string> {
  const hash = createHash('sha1').update(`blob ${size}\0`);
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

async function fetchWhole(file: Wanted, settings: DownloadSettings, events: DownloadEvents, signal: AbortSignal): Promise<void> {
  let journal = await readJournal(file.target, identityOf(file), file.bytes);
  for (let ranges = true; ; ) {
    journal ??= newJournal(identityOf(file), file.bytes, ranges ? settings.segmentBytes : Infinity);
    const part = await open(partOf(file.target), bytesOf(journal) > 0 ? 'r+' : 'w').catch(diskError(file));
    try {
      await fetchSegments(file, journal, part, ranges, settings, events, signal);
      return;
    } catch (error) {
      if (!(error instanceof StartAnew)) throw error;
      events.received(-bytesOf(journal));
      [journal, ranges] = [null, false];
    } finally {
      await part.close();
      if (journal !== null) await writeJournal(file.target, journal).catch(diskError(file));
    }
  }
}

/** Fetches what is missing of every segment: the first alone until its answer shows that the server knows ranges, then others with it. */
async function fetchSegments(file: Wanted, journal: Journal, part: FileHandle, ranges: boolean, settings: DownloadSettings, events: DownloadEvents, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const missing = journal.segments.filter((segment) => segment.bytes === null || segment.done < segment.bytes);
  const first = Promise.withResolvers<void>();
  let unsaved = 0;
  const stream: Stream = {
    file, journal, part, ranges, settings, events,
    signal: AbortSignal.any([signal, failed.signal]),
    answered: () => first.resolve(),
    async wrote(bytes) {
      events.received(bytes);
      unsaved += bytes;
      if (unsaved < saveEveryBytes) return;
      unsaved = 0;
      await writeJournal(file.target, journal).catch(diskError(file));
    },
  };
  // None of these rejects, so that all have ended when the file is closed; the first error is the one that counts.
  const guarded = async (work: () => Promise<void>): Promise<void> =>
    work().catch((error: unknown) => {
      if (!failed.signal.aborted) failed.abort(error);
    });
  const worker = async (): Promise<void> => {
    for (let segment = missing.shift(); segment !== undefined; segment = missing.shift()) await fetchSegment(segment, stream);
  };
  const others = async (): Promise<void> => {
    await first.promise;
    const count = Math.max(0, Math.min(settings.connections - 1, missing.length));
    await Promise.all(Array.from({ length: count }, async () => guarded(worker)));
  };
  await Promise.all([guarded(async () => worker().finally(first.resolve)), others()]);
  if (failed.signal.aborted) throw failed.signal.reason;
}

interface Stream {
  readonly file: Wanted;
  readonly journal: Journal;
  readonly part: FileHandle;
  readonly ranges: boolean;
  readonly settings: DownloadSettings;
  readonly events: DownloadEvents;
  readonly signal: AbortSignal;
  readonly answered: () => void;
  readonly wrote: (bytes: number) => Promise<void>;
}

/** Fetches the rest of one segment, over as many connections as it takes while each brings something. */
async function fetchSegment(segment: Segment, stream: Stream): Promise<void> {
  const { settings, signal } = stream;
  let furthest = segment.done;
  for (let failures = 0; ; ) {
    try {
      await fetchRest(segment, stream);
      return;
    } catch (error) {
      if (!(error instanceof PassingFailure)) throw error;
      failures = segment.done > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, segment.done);
      if (failures >= settings.attempts) throw givenUp(error, failures);
      await settings.pause(waitBefore(failures, error), signal);
    }
  }
}

/** One connection: from where the segment stands to its end. */
async function fetchRest(segment: Segment, { file, journal, part, ranges, settings, events, signal, answered, wrote }: Stream): Promise<void> {
  if (!ranges && segment.done > 0) {
    events.received(-segment.done);
    segment.done = 0;
  }
  const whole = journal.segments.length === 1 && segment.done === 0;
  const last = segment.bytes === null ? '' : segment.start + segment.bytes - 1;
  const range = { range: `bytes=${segment.start + segment.done}-${last}`, ...(journal.validator === null ? {} : { 'if-range': journal.validator }) };
  const answer = await request(file.address, settings.door, signal, { headers: whole ? {} : range });
  if (!whole && (answer.status === 200 || answer.status === 416)) {
    answer.drop();
    throw new StartAnew();
  }
  if (answer.status !== (whole ? 200 : 206)) throw events.refused(answer);
  const from = answer.headers.get('content-range')?.match(/^bytes (\d+)-/)?.[1];
  if (!whole && Number(from) !== segment.start + segment.done) {
    answer.drop();
    throw new StartAnew();
  }
  journal.validator ??= strongValidator(answer.headers);
  answered();
  for await (const piece of answer.body()) {
    const left = segment.bytes === null ? piece.length : segment.bytes - segment.done;
    if (whole && piece.length > left) throw new PassingFailure(`${file.address.host} sends more of ${file.label} than ${file.bytes} bytes`);
    const taken = piece.subarray(0, left);
    await part.write(taken, 0, taken.length, segment.start + segment.done).catch(diskError(file));
    segment.done += taken.length;
    await wrote(taken.length);
    if (!whole && segment.done === segment.bytes) return;
  }
  if (segment.bytes !== null && segment.done < segment.bytes) throw new PassingFailure(`${file.address.host} ended ${file.label} early`);
}

/** An ETag by which If-Range may ask for the rest of the same bytes; a weak one stands for other bytes too. */
function strongValidator(headers: Headers): string | null {
  const etag = headers.get('etag');
  return etag === null || etag.startsWith('W/') ? null : etag;
}

function identityOf(file: Wanted): string {
  // An address may hold a secret, and the journal stays on disk.
  return file.digest?.value ?? createHash('sha256').update(file.address.href).digest('hex');
}

function diskError(file: Wanted): (error: unknown) => never {
  return (error) => {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    const what = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full; free some room and run the same command again' : `it cannot be written (${code})`;
    throw new AnymodalError('download_failed', `${file.label}: ${what}. The folder is ${dirname(file.target)}; HF_HUB_CACHE sets another.`, { cause: error });
  };
}
