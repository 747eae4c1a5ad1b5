// The protocol of a model hub in the manner of Hugging Face: what is in a repository, where its files are, what its refusals mean.
// Fetches no file's content and knows no cache.

import { AnymodalError } from '../errors.ts';
import { checkSchema } from '../schema.ts';
import { persist, request, type Answer, type Door, type Pause } from './download-request.ts';
import { faultOfPath } from './files.ts';

/** The hub that is asked where no other is set. */
export const defaultHub = 'https://huggingface.co';

export interface Hub {
  /** Address without a slash at its end; a mirror may lie in a folder. */
  readonly endpoint: string;
  readonly door: Door;
  readonly attempts: number;
  readonly pause: Pause;
}

export interface HubFile {
  /** Inside the repository, with forward slashes; checked to stay inside a folder. */
  readonly path: string;
  readonly bytes: number | null;
  /** SHA-256 of the content of a large file, or the SHA-1 of the git blob of a small one; null where the hub tells none. */
  readonly digest: { readonly kind: 'sha256' | 'git'; readonly value: string } | null;
}

export interface HubRevision {
  readonly repository: string;
  /** Of the commit, lower-case hex. */
  readonly commit: string;
  /** Whether its owner gives it out on request alone. */
  readonly gated: boolean;
  /** As its card says. */
  readonly licence: string | null;
  readonly licenceAddress: string | null;
  readonly files: readonly HubFile[];
}

/** `ORG/NAME` or `NAME`, each part as hubs allow it. */
export function isRepository(text: string): boolean {
  return text.length <= 192 && /^(?:[A-Za-z0-9][\w.-]*\/)?[A-Za-z0-9][\w.-]*$/.test(text) && !text.includes('..') && !text.includes('--');
}

/** A tag, a branch or a commit; `refs/pr/1` is one too. */
export function isRevision(text: string): boolean {
  return /^[A-Za-z0-9][\w./-]{0,200}$/.test(text) && faultOfPath(text) === null;
}

/** What is in `repository` at `revision`. Throws `unknown_model`, `access_denied`, `download_failed`. */
export async function readRevision(hub: Hub, repository: string, revision: string, signal: AbortSignal): Promise<HubRevision> {
  const address = new URL(`${hub.endpoint}/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`);
  const answered = await persist(
    async () => {
      const answer = await request(address, hub.door, signal, { headers: { accept: 'application/json' } });
      if (answer.status !== 200) throw refusal(answer, hub, repository, `${repository} at ${revision}`);
      return textOf(answer);
    },
    hub.attempts, hub.pause, signal,
  );
  const info = parse(answered, hub.endpoint);
  const card = info.cardData ?? {};
  return {
    repository,
    commit: info.sha,
    gated: info.gated !== undefined && info.gated !== false,
    // "other" stands for a licence that has a name of its own.
    licence: (card.license === 'other' ? card.license_name : card.license) ?? card.license ?? null,
    licenceAddress: card.license_link ?? null,
    files: info.siblings.filter(({ rfilename }) => rfilename !== '' && faultOfPath(rfilename) === null).map(fileOf),
  };
}

/** `file` with its size and digest, asked of the hub where its list told none. */
export async function completeFile(hub: Hub, { repository, commit }: HubRevision, file: HubFile, signal: AbortSignal): Promise<HubFile> {
  if (file.bytes !== null && file.digest !== null) return file;
  return persist(
    async () => {
      const answer = await request(addressOf(hub, repository, commit, file.path), hub.door, signal, { method: 'HEAD' });
      answer.drop();
      if (answer.status !== 200) throw refusal(answer, hub, repository, `${file.path} of ${repository}`);
      const { first, headers } = answer;
      const size = first.get('x-linked-size') ?? headers.get('content-length');
      return { ...file, bytes: size !== null && /^\d+$/.test(size) ? Number(size) : null, digest: digestOf(first.get('x-linked-etag') ?? first.get('etag')) };
    },
    hub.attempts, hub.pause, signal,
  );
}

/** Where the content of a file is; the commit makes it the same for ever. */
export function addressOf(hub: Hub, repository: string, commit: string, path: string): URL {
  return new URL(`${hub.endpoint}/${repository}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`);
}

/** An error that says what a refusal means and what to do; `what` of `repository` was asked for. */
export function refusal(answer: Answer, hub: Hub, repository: string, what: string): AnymodalError {
  answer.drop();
  const host = new URL(hub.endpoint).host;
  const kind = answer.first.get('x-error-code') ?? '';
  const given = hub.door.token === null ? 'no token was given' : 'the token that was given does not open it';
  if (kind === 'GatedRepo' || answer.status === 403) {
    return new AnymodalError('access_denied', `${what}: its owner gives it out on request, and ${given}. Ask for access at ${hub.endpoint}/${repository}, make a token that may read it, and set HF_TOKEN.`);
  }
  if (kind === 'RevisionNotFound') return new AnymodalError('unknown_model', `${what}: ${host} has no such revision.`);
  if (kind === 'EntryNotFound') return new AnymodalError('unknown_model', `${what}: ${host} has no such file.`);
  if (answer.status === 401) return new AnymodalError('access_denied', `${what}: ${host} has no such repository, or a private one, and ${given}. Check the name; for a private one set HF_TOKEN.`);
  if (answer.status === 404) return new AnymodalError('unknown_model', `${what}: ${host} has none; check the name.`);
  return new AnymodalError('download_failed', `${what}: ${host} answers ${answer.status}; expected 200. Try again later, or set another mirror with --hub or HF_ENDPOINT.`);
}

interface Info {
  readonly sha: string;
  readonly gated?: string | boolean;
  readonly cardData?: { readonly license?: string; readonly license_name?: string; readonly license_link?: string } | null;
  readonly siblings: readonly Sibling[];
}
interface Sibling {
  readonly rfilename: string;
  readonly size?: number | null;
  readonly blobId?: string | null;
  readonly lfs?: { readonly sha256: string; readonly size: number } | null;
}

const infoSchema = {
  type: 'object',
  required: ['sha', 'siblings'],
  properties: {
    sha: { type: 'string', pattern: '^[0-9a-f]{40}$' },
    gated: { type: ['string', 'boolean'] },
    // Cards are written by hand: what is no text is no licence.
    cardData: { type: ['object', 'null'] },
    siblings: {
      type: 'array',
      items: {
        type: 'object',
        required: ['rfilename'],
        properties: {
          rfilename: { type: 'string' },
          size: { type: ['integer', 'null'], minimum: 0 },
          blobId: { type: ['string', 'null'] },
          lfs: { type: ['object', 'null'], required: ['sha256', 'size'], properties: { sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' }, size: { type: 'integer', minimum: 0 } } },
        },
      },
    },
  },
};

function parse(text: string, endpoint: string): Info {
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // What is no JSON is no hub's answer; the schema says so.
  }
  const checked = checkSchema<Info>(infoSchema, value, 'answer');
  if (checked.value === null) throw new AnymodalError('download_failed', `${endpoint} does not answer as a model hub does (${checked.faults[0]}); check --hub, ANYMODAL_HUB or HF_ENDPOINT.`);
  const card: Record<string, unknown> = { ...checked.value.cardData };
  return { ...checked.value, cardData: Object.fromEntries(['license', 'license_name', 'license_link'].flatMap((key) => (typeof card[key] === 'string' ? [[key, card[key]]] : []))) };
}

function fileOf({ rfilename, size, blobId, lfs }: Sibling): HubFile {
  if (lfs !== undefined && lfs !== null) return { path: rfilename, bytes: lfs.size, digest: { kind: 'sha256', value: lfs.sha256 } };
  return { path: rfilename, bytes: size ?? null, digest: digestOf(blobId ?? null) };
}

/** What an ETag or blob id is the digest of, by its length. */
function digestOf(etag: string | null): HubFile['digest'] {
  const value = etag?.replace(/^W\//, '').replaceAll('"', '') ?? '';
  if (/^[0-9a-f]{64}$/.test(value)) return { kind: 'sha256', value };
  return /^[0-9a-f]{40}$/.test(value) ? { kind: 'git', value } : null;
}

async function textOf(answer: Answer): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body()) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
