// What stands behind a server, on one machine or on several: the parts that createApp borrows and that are kept somewhere. Types only.

import type { ServerParts } from '../server/contracts.ts';
import type { Configuration } from './configuration.ts';
import type { Shell } from './shell.ts';

export interface Backing extends Pick<ServerParts, 'queue' | 'engines' | 'media' | 'conversations' | 'keys' | 'secret' | 'metrics' | 'backup' | 'stores'> {
  /** Ends what runs and closes what is open, in order. */
  readonly close: () => Promise<void>;
}

export interface BackingNeeds {
  readonly values: Configuration & { readonly data: string };
  readonly shell: Shell;
  /** Told of a fault of what works by itself, such as clean-up. */
  readonly failed: (error: unknown) => void;
  /** Told what those who run the server should know. */
  readonly warn: (message: string) => void;
  /** How long what compatible routes remember is kept, in milliseconds. */
  readonly memoryMs: number;
}
