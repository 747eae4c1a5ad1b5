// Token ids to text piece by piece while they are generated; a character is given out whole or not at all.
// Knows no stop sequence and no control token.

const REPLACEMENT = '\uFFFD';
/** Most bytes of one UTF-8 character that can be missing their rest; a decoder may show each as one U+FFFD. */
const LONGEST_INCOMPLETE = 3;

/**
 * Decodes a window of the last tokens with the ones before it, so that decoders that treat the start of a text
 * specially (leading spaces) see the true neighbour. The texts of all calls joined are the decoding of all ids,
 * up to bytes at the very end that make no character.
 */
export class Detokenizer {
  readonly #decode: (ids: readonly number[]) => string;
  #before: number[] = [];
  #window: number[] = [];
  #given = 0;

  constructor(decode: (ids: readonly number[]) => string) {
    this.#decode = decode;
  }

  /** The text that has become certain with this token; empty while a character is incomplete. */
  push(id: number): string {
    this.#window.push(id);
    const text = this.#windowText();
    const whole = withoutIncompleteEnd(text);
    const fresh = whole.slice(this.#given);
    this.#given = Math.max(this.#given, whole.length);
    if (whole.length === text.length) {
      this.#before = this.#window;
      this.#window = [];
      this.#given = 0;
    }
    return fresh;
  }

  /** Ends the text: forgets bytes that still wait for the rest of their character. */
  flush(): void {
    // Half a character would be completed by bytes that come later, and the texts before and after no longer line up.
    if (this.#window.length > 0) this.#before = [];
    this.#window = [];
    this.#given = 0;
  }

  #windowText(): string {
    const before = this.#decode(this.#before);
    return this.#decode([...this.#before, ...this.#window]).slice(before.length);
  }
}

function withoutIncompleteEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text.length - end < LONGEST_INCOMPLETE && text[end - 1] === REPLACEMENT) end -= 1;
  return text.slice(0, end);
}
