// The way to one bucket of an S3-compatible store: addresses, signatures (AWS Signature Version 4), patience, and what the store says in our words.
// Knows objects by their keys; knows no medium.

import { AwsClient } from 'aws4fetch';
import { setTimeout as delay } from 'node:timers/promises';
import { AnymodalError } from '../../errors.ts';

export interface BucketOptions {
  readonly bucket: string;
  /** What all keys begin with: empty, or ending in a slash. */
  readonly prefix: string;
  /** Address of the store, such as http://localhost:9000; null for that of AWS in the region. */
  readonly endpoint: string | null;
  readonly region: string;
  /** Secrets: never logged. */
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | null;
  /** Milliseconds for which a store that does not answer is asked again. */
  readonly patienceMs?: number;
}

export interface ObjectRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly query?: Readonly<Record<string, string>>;
  /** Answers that are no fault. */
  readonly accept: readonly number[];
  /** Instead of that of the options. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 30_000;
/** For one answer to begin; a large object may take longer to come. */
const ANSWER_MS = 20_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/** Reads `s3://BUCKET/PREFIX`. Throws `bad_option` with the name of the setting. */
export function parseBucket(address: string, setting: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket = '', path = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9._/-]*))?$/.exec(address) ?? [];
  if (bucket === '') throw new AnymodalError('bad_option', `${setting}: expected s3://BUCKET or s3://BUCKET/PREFIX, of letters, digits, dots, dashes and underscores.`, { field: setting });
  const prefix = path.split('/').filter((part) => part !== '').join('/');
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

export class Bucket {
  readonly #options: BucketOptions;
  readonly #client: AwsClient;
  readonly #base: string;

  constructor(options: BucketOptions) {
    this.#options = options;
    const { accessKeyId, secretAccessKey, sessionToken, region, endpoint, bucket } = options;
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken !== null && { sessionToken }), region, service: 's3', retries: 0 });
    // Stores other than AWS seldom have a name for each bucket.
    this.#base = endpoint === null ? `https://${bucket}.s3.${region}.amazonaws.com` : `${endpoint.replace(/\/+$/, '')}/${bucket}`;
  }

  /** Sees that the bucket is there and lets us in. Throws `unavailable`, `not_found`, `unauthorized`. */
  async check(patienceMs?: number): Promise<void> {
    await this.request('HEAD', null, { accept: [200], ...(patienceMs !== undefined && { patienceMs }) }).then(drained);
  }

  /**
   * Asks for the object `key` under the prefix, or for the bucket itself. The caller reads the body, or lets it go (`drained`).
   * Throws `unavailable` where the store does not answer for `patienceMs`, `disk_full`, `unauthorized`, `not_found` for the bucket.
   */
  async request(method: string, key: string | null, { headers = {}, body, query = {}, accept, patienceMs = this.#options.patienceMs ?? PATIENCE_MS }: ObjectRequest): Promise<Response> {
    const url = this.#url(key, query);
    const until = performance.now() + patienceMs;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      let fault: AnymodalError;
      try {
        const signed = await this.#client.sign(url, { method, headers: { ...headers }, ...(body !== undefined && { body }) });
        const response = await answer(signed);
        if (accept.includes(response.status)) return response;
        fault = await this.#faultOf(response);
        if (fault.code !== 'unavailable') throw fault;
      } catch (error) {
        if (error instanceof AnymodalError) throw error;
        fault = new AnymodalError('unavailable', `the store of media (${this.#options.bucket}): it does not answer; see that it runs and can be reached`, { cause: error, retryAfterMs: 5000 });
      }
      if (performance.now() + pause > until) throw fault;
      await delay(pause);
    }
  }

  /** An address by which anybody can read the object for so long, at most a week; `query` are S3's own parameters, such as `response-content-type`. */
  async address(key: string, seconds: number, query: Readonly<Record<string, string>> = {}): Promise<string> {
    const url = this.#url(key, { ...query, 'X-Amz-Expires': String(Math.max(1, Math.min(Math.floor(seconds), 604_800))) });
    return (await this.#client.sign(url, { method: 'GET', aws: { signQuery: true } })).url;
  }

  /** Keys under the prefix, without it, with the time of their last change in milliseconds since 1970. */
  async *keys(): AsyncGenerator<{ readonly key: string; readonly at: number }> {
    const { prefix } = this.#options;
    for (let after: string | null = null; ;) {
      const response = await this.request('GET', null, { query: { 'list-type': '2', prefix, ...(after !== null && { 'start-after': after }) }, accept: [200] });
      const listed = await response.text();
      for (const [, entry = ''] of listed.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
        const key = /<Key>([^<]*)<\/Key>/.exec(entry)?.[1] ?? '';
        after = key;
        yield { key: key.slice(prefix.length), at: Date.parse(/<LastModified>([^<]*)<\/LastModified>/.exec(entry)?.[1] ?? '') };
      }
      if (after === null || !/<IsTruncated>true<\/IsTruncated>/.test(listed)) return;
    }
  }

  #url(key: string | null, query: Readonly<Record<string, string>>): string {
    const url = new URL(key === null ? `${this.#base}/` : `${this.#base}/${this.#options.prefix}${key}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url.href;
  }

  /** What the store says, without what it may quote of our secrets. */
  async #faultOf(response: Response): Promise<AnymodalError> {
    const said = response.body === null ? '' : await response.text().catch(() => '');
    const code = /<Code>(\w+)<\/Code>/.exec(said)?.[1] ?? `HTTP ${response.status}`;
    const where = `the store of media (${this.#options.bucket})`;
    if (response.status === 507 || /QuotaExceeded|StorageFull|EntityTooLarge/.test(code)) return new AnymodalError('disk_full', `${where}: it takes no more (${code})`);
    if (response.status === 401 || response.status === 403) return new AnymodalError('unauthorized', `${where}: it does not let us in (${code}); see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do`);
    if (response.status === 404) return new AnymodalError('not_found', `${where}: ${code}; make the bucket first`);
    if (response.status === 429 || response.status >= 500) return new AnymodalError('unavailable', `${where}: it answers ${code}; try again later`, { retryAfterMs: 5000 });
    return new AnymodalError('internal', `${where}: it answers ${code}`);
  }
}

/** Lets the rest of an answer go, so that its connection can be used again. */
export async function drained(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** The answer to a request, of which the head has to come in time. */
async function answer(request: Request): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error('no answer in time')), ANSWER_MS);
  try {
    return await fetch(request, { signal: late.signal });
  } finally {
    clearTimeout(timer);
  }
}
