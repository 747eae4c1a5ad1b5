// What goes to the thread in which Flite speaks, and what comes back. Types alone.

export interface Sentence {
  readonly text: string;
  readonly voice: string;
  /** 1 is the voice's own; 2 is twice as fast. */
  readonly speed: number;
}

export type Spoken =
  /** 16 bits, mono. */
  | { readonly type: 'spoken'; readonly sampleRateHz: number; readonly samples: Int16Array<ArrayBuffer> }
  | { readonly type: 'failed'; readonly message: string };
