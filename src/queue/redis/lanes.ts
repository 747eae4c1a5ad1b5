// The queues of BullMQ: for each model one of short jobs and one of long ones, so that short ones never wait behind all the long ones.
// A job in them is an id and its turn; everything else is in the log.

import { Queue } from 'bullmq';
import { LONG_WEIGHT } from '../weight.ts';
import type { RedisLink } from './connection.ts';

export const lengths = ['short', 'long'] as const;
export type Length = (typeof lengths)[number];

/** BullMQ orders by whole numbers below this. */
const MOST_TURNS = 2 ** 21;
/** BullMQ's own place of a job: its turn, then when it came. */
const PER_TURN = 2 ** 32;

export function laneOf(model: string, weight: number): string {
  return nameOf(model, weight >= LONG_WEIGHT ? 'long' : 'short');
}

/** BullMQ wants no colon in a name. */
export function nameOf(model: string, length: Length): string {
  return `${encodeURIComponent(model)}.${length}`;
}

/** What BullMQ puts before the names of its keys. */
export function bullPrefix(link: RedisLink): string {
  return link.key('bull');
}

/** The producing side of all lanes. The caller closes it, before the link. */
export class Lanes {
  readonly #link: RedisLink;
  readonly #queues = new Map<string, Queue>();

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /** Adds a job once, however often it is called. */
  async add(lane: string, id: string, turn: number): Promise<void> {
    await this.#link.within(async () => this.#queue(lane).add('job', {}, { jobId: id, priority: Math.min(1 + (turn % MOST_TURNS), MOST_TURNS), removeOnComplete: true, removeOnFail: true }));
  }

  /** Takes a job out that no worker has. */
  async remove(lane: string, id: string): Promise<void> {
    await this.#link.within(async () => this.#queue(lane).remove(id).catch(() => 0));
  }

  /** Whether BullMQ knows of a job, waiting or with a worker. */
  async has(lane: string, id: string): Promise<boolean> {
    return (await this.#link.within(async () => this.#link.client.exists(this.#key(lane, id)))) === 1;
  }

  /** Jobs before it, from 0; null where it does not wait. */
  async position(lane: string, id: string): Promise<number | null> {
    return this.#link.within(async () => this.#link.client.zrank(this.#key(lane, 'prioritized'), id));
  }

  /** Jobs that would be before one of the turn that comes next for the owner. */
  async foreseen(lane: string, owner: string): Promise<number> {
    const { client } = this.#link;
    const served = await this.#link.within(async () => client.hmget(this.#link.key('F', lane), '', `o${owner}`));
    const turn = Math.max(...served.map(Number)) + 1;
    return this.#link.within(async () => client.zcount(this.#key(lane, 'prioritized'), '-inf', `(${(2 + (turn % MOST_TURNS)) * PER_TURN}`));
  }

  /** Jobs that wait in a lane. */
  async waiting(lane: string): Promise<number> {
    return this.#link.within(async () => this.#link.client.zcard(this.#key(lane, 'prioritized')));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(async (queue) => queue.close().catch(() => undefined)));
  }

  #queue(lane: string): Queue {
    const known = this.#queues.get(lane);
    if (known !== undefined) return known;
    const queue = new Queue(lane, { connection: this.#link.client, prefix: bullPrefix(this.#link) });
    // The link tells of its connection.
    queue.on('error', () => undefined);
    this.#queues.set(lane, queue);
    return queue;
  }

  #key(lane: string, name: string): string {
    return `${bullPrefix(this.#link)}:${lane}:${name}`;
  }
}
