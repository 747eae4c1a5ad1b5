// One connection that listens to channels of Redis for everybody in this process. What is said while the connection is lost is not heard:
// whoever listens is told so afterwards, and looks for itself.

import type { Redis } from 'ioredis';
import type { RedisLink } from './connection.ts';

/** Told each message; null after a time without a connection. */
export type Hear = (message: string | null) => void;

export class Listener {
  readonly #link: RedisLink;
  readonly #client: Redis;
  readonly #hearers = new Map<string, Set<Hear>>();
  #wasReady = false;

  /** The link closes it. */
  constructor(link: RedisLink) {
    this.#link = link;
    this.#client = link.open();
    this.#client.on('message', (channel: string, message: string) => {
      for (const hear of this.#hearers.get(channel) ?? []) hear(message);
    });
    this.#client.on('ready', () => {
      // Channels are subscribed to again by the client.
      if (this.#wasReady) for (const hearers of this.#hearers.values()) for (const hear of hearers) hear(null);
      this.#wasReady = true;
    });
  }

  /** Fulfilled when nothing said from now on is missed; returns what ends it. */
  async hear(channel: string, hear: Hear): Promise<() => void> {
    const name = this.#link.key(channel);
    const hearers = this.#hearers.get(name) ?? new Set<Hear>();
    this.#hearers.set(name, hearers);
    hearers.add(hear);
    const leave = (): void => {
      hearers.delete(hear);
      if (hearers.size > 0 || this.#hearers.get(name) !== hearers) return;
      this.#hearers.delete(name);
      void this.#client.unsubscribe(name).catch(() => undefined);
    };
    try {
      // Subscribed to anew even if it is already: one that is just being left comes before it.
      await this.#link.within(async () => this.#client.subscribe(name));
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }
}
