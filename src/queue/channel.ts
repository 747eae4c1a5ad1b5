// The events of one unfinished job on their way: gathered into few writes, kept, and only then shown to those who follow it.
// Knows no engine; what an event says is nothing to it, but that texts in a row can be one.

import type { JobEventBody } from '../contracts.ts';
import type { AnymodalError } from '../errors.ts';
import type { Clock } from './clock.ts';
import type { JobLog, LoggedEvent, Stored } from './contracts.ts';
import { isTerminal } from './stored.ts';

/** Kept events that stay in memory for followers; one further behind reads the log. */
const TAIL = 256;

interface Pending {
  readonly attempt: number;
  /** When it came; of texts that are one, the first. */
  readonly at: number;
  readonly event: Stored<JobEventBody>;
}

export interface ChannelParts {
  readonly job: string;
  readonly log: JobLog;
  readonly clock: Clock;
  /** Milliseconds between two writes. */
  readonly flushMs: number;
  readonly kept: (events: readonly LoggedEvent[]) => void;
  readonly failed: (error: unknown) => void;
}

export class Channel {
  readonly job: string;
  /** Who follows it at the moment. */
  followers = 0;
  /** Whether an event told of a preview. */
  hasPreviews = false;
  readonly #log: JobLog;
  readonly #clock: Clock;
  readonly #flushMs: number;
  readonly #kept: (events: readonly LoggedEvent[]) => void;
  readonly #failed: (error: unknown) => void;
  #pending: Pending[] = [];
  #tail: LoggedEvent[] = [];
  #writing: Promise<void> = Promise.resolve();
  #scheduled: (() => void) | null = null;
  #writtenAt = -Infinity;
  #news = Promise.withResolvers<void>();
  #hasText = false;
  #state: 'open' | 'ending' | 'ended' | 'closed' = 'open';
  #fault: AnymodalError | null = null;

  /** `kept` is told what is on disk, before followers are; `failed` that events could not be kept. */
  constructor({ job, log, clock, flushMs, kept, failed }: ChannelParts) {
    this.job = job;
    this.#log = log;
    this.#clock = clock;
    this.#flushMs = flushMs;
    this.#kept = kept;
    this.#failed = failed;
  }

  /** True when no event will follow those that are kept. */
  get isOver(): boolean {
    return this.#state === 'ended' || this.#state === 'closed';
  }

  /** Why the job's end could not be kept so far; null where it could. */
  get fault(): AnymodalError | null {
    return this.#fault;
  }

  /** Takes an event to be kept soon: at once after a pause, else with others. What comes after the end is dropped. */
  write(attempt: number, event: Stored<JobEventBody>): void {
    if (this.#state !== 'open') return;
    if (event.type === 'media-preview') this.hasPreviews = true;
    const last = this.#pending.at(-1);
    if (last?.attempt === attempt && last.event.type === 'text-delta' && event.type === 'text-delta' && last.event.variant === event.variant && last.event.part === event.part) {
      this.#pending[this.#pending.length - 1] = { ...last, event: { ...event, text: last.event.text + event.text } };
    } else {
      this.#pending.push({ attempt, at: this.#clock.now(), event });
    }
    // The first words are waited for; those after them can come in groups.
    const isFirstText = event.type === 'text-delta' && !this.#hasText;
    this.#hasText ||= isFirstText;
    if (this.#scheduled !== null && !isFirstText) return;
    const wait = isFirstText ? 0 : this.#writtenAt + this.#flushMs - this.#clock.now();
    if (wait <= 0) {
      this.#flush().catch(this.#failed);
      return;
    }
    this.#scheduled = this.#clock.after(wait, () => {
      this.#scheduled = null;
      this.#flush().catch(this.#failed);
    });
  }

  /** Keeps what waits and the terminal event after it. Throws what keeping it throws; it can be tried again then. */
  async end(attempt: number, event: Stored<JobEventBody>): Promise<void> {
    if (this.isOver) return;
    this.#state = 'ending';
    try {
      await this.#flush((pending) => pending.attempt !== attempt);
      const last = this.#pending;
      this.#pending = [];
      await this.#append(attempt, [...last, { attempt, at: this.#clock.now(), event }]);
    } catch {
      // Events without room are given up; the end is worth another try.
      this.#pending = [];
      await this.#append(attempt, [{ attempt, at: this.#clock.now(), event }]);
    }
    this.#finish('ended');
  }

  /** Keeps what waits, and ends what follows without a terminal event: the job goes on in another process. */
  async close(): Promise<void> {
    await this.#flush().catch(() => undefined);
    this.#finish('closed');
  }

  /** Lets followers know that the job's end cannot be kept. */
  fail(error: AnymodalError): void {
    this.#fault = error;
    this.#announce();
  }

  /** Kept events above `after`, or null where they go back further than memory does. */
  since(after: number): readonly LoggedEvent[] | null {
    const first = this.#tail[0];
    return first !== undefined && first.id <= after + 1 ? this.#tail.filter(({ id }) => id > after) : null;
  }

  /** Fulfilled at the next change. To be called before one looks for events, so that none is missed between. */
  news(): Promise<void> {
    return this.#news.promise;
  }

  /** Keeps what waits, one attempt after the other, as far as it fits `which`. */
  async #flush(which: (pending: Pending) => boolean = () => true): Promise<void> {
    this.#scheduled?.();
    this.#scheduled = null;
    this.#writtenAt = this.#clock.now();
    this.#writing = this.#writing.catch(() => undefined).then(async () => this.#writePending(which));
    await this.#writing;
  }

  async #writePending(which: (pending: Pending) => boolean): Promise<void> {
    for (let [first] = this.#pending; first !== undefined && which(first); [first] = this.#pending) {
      const { attempt } = first;
      const other = this.#pending.findIndex((pending) => pending.attempt !== attempt);
      const batch = this.#pending.splice(0, other < 0 ? this.#pending.length : other);
      await this.#append(attempt, batch);
    }
  }

  async #append(attempt: number, batch: readonly Pending[]): Promise<void> {
    try {
      const logged = await this.#log.append(this.job, attempt, batch.map(({ event }) => event), batch.map(({ at }) => at));
      this.#tail = [...this.#tail, ...logged].slice(-TAIL);
      this.#kept(logged);
    } finally {
      this.#announce();
    }
  }

  #finish(state: 'ended' | 'closed'): void {
    this.#scheduled?.();
    this.#scheduled = null;
    this.#state = state;
    this.#announce();
  }

  #announce(): void {
    const told = this.#news;
    this.#news = Promise.withResolvers<void>();
    told.resolve();
  }
}

/** Events of a job from the log and then live, without a gap or a duplicate: both count the same ids. */
export async function* follow(channel: Channel, log: JobLog, after: number, signal: AbortSignal | undefined): AsyncGenerator<LoggedEvent> {
  channel.followers += 1;
  const left = Promise.withResolvers<void>();
  const leave = (): void => left.resolve();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    let last = after;
    for (;;) {
      if (signal?.aborted === true) return;
      const news = channel.news();
      // Asked before one looks: what is kept later makes news.
      const over = channel.isOver;
      const events = channel.since(last) ?? (await log.events(channel.job, last));
      for (const event of events) {
        last = event.id;
        yield event;
        if (isTerminal(event)) return;
      }
      if (events.length > 0) continue;
      if (over) return;
      if (channel.fault !== null) throw channel.fault;
      await Promise.race([news, left.promise]);
    }
  } finally {
    signal?.removeEventListener('abort', leave);
    channel.followers -= 1;
  }
}
