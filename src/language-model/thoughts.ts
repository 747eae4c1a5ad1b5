// Leaves out what reasoning models think aloud before they answer: `<think>...</think>` and the like at the beginning of a reply.
// Works on text as it comes; knows no token and no protocol.

const OPENINGS = ['<think>', '<thinking>', '<thought>', '<|begin_of_thought|>'] as const;
const LONGEST = Math.max(...OPENINGS.map((opening) => opening.length));

export class Thoughts {
  #held = '';
  /** What ends the thoughts that have begun; null before and after them. */
  #end: string | null = null;
  #isPast = false;

  /** Whether the model is thinking, or may be about to. */
  get isOpen(): boolean {
    return this.#end !== null || this.#held !== '';
  }

  /** The part of the next piece of a reply that belongs to the answer. */
  push(text: string): string {
    if (this.#isPast) return text;
    this.#held += text;
    if (this.#end === null) {
      const start = this.#held.trimStart();
      const opening = OPENINGS.find((each) => start.startsWith(each));
      if (opening === undefined) return start.length < LONGEST && OPENINGS.some((each) => each.startsWith(start)) ? '' : this.#pass(this.#held);
      this.#end = opening.startsWith('<|') ? '<|end_of_thought|>' : opening.replace('<', '</');
    }
    const at = this.#held.indexOf(this.#end);
    return at < 0 ? '' : this.#pass(this.#held.slice(at + this.#end.length).trimStart());
  }

  /** The reply is over: what was held back and is no thought. */
  flush(): string {
    return this.#end === null ? this.#pass(this.#held) : '';
  }

  #pass(text: string): string {
    this.#held = '';
    this.#end = null;
    this.#isPast = true;
    return text;
  }
}
