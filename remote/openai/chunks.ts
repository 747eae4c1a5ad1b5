// The chunks of a streamed chat completion, or a whole one, as words, calls and an end. What is not of the shape is passed over.
// Knows no request.

import { fieldOf } from '../server/failures.ts';

export interface Call {
  readonly name: string;
  readonly arguments: string;
}

/** Longest call, in characters. */
const MOST_ARGUMENTS = 65_536;
const MOST_CALLS = 16;

export class ReplyReader {
  readonly #calls = new Map<number, { name: string; arguments: string }>();
  finish: string | null = null;
  /** Tokens as the server counts them; null where it does not. */
  inputTokens: number | null = null;
  outputTokens: number | null = null;
  /** What went wrong at the server in the midst of the reply. */
  error: string | null = null;
  pieces = 0;

  /** Takes a chunk in and gives its words. */
  read(chunk: unknown): string {
    const error = fieldOf(chunk, 'error');
    if (error !== undefined && error !== null) {
      const message = fieldOf(error, 'code') ?? fieldOf(error, 'type');
      this.error = typeof message === 'string' || typeof message === 'number' ? String(message).slice(0, 80) : 'an error of its own';
    }
    const usage = fieldOf(chunk, 'usage');
    this.inputTokens = count(fieldOf(usage, 'prompt_tokens')) ?? this.inputTokens;
    this.outputTokens = count(fieldOf(usage, 'completion_tokens')) ?? this.outputTokens;
    const choices = fieldOf(chunk, 'choices');
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
    const finish = fieldOf(choice, 'finish_reason');
    if (typeof finish === 'string') this.finish = finish;
    const delta = fieldOf(choice, 'delta') ?? fieldOf(choice, 'message');
    const calls = fieldOf(delta, 'tool_calls');
    if (Array.isArray(calls)) for (const [at, call] of calls.entries()) this.#take(call, at);
    const content = fieldOf(delta, 'content');
    if (typeof content !== 'string' || content === '') return '';
    this.pieces += 1;
    return content;
  }

  calls(): Call[] {
    return [...this.#calls].toSorted(([a], [b]) => a - b).map(([, call]) => call);
  }

  #take(value: unknown, at: number): void {
    const index = count(fieldOf(value, 'index')) ?? at;
    const known = this.#calls.get(index) ?? { name: '', arguments: '' };
    if (!this.#calls.has(index) && this.#calls.size >= MOST_CALLS) return;
    this.#calls.set(index, known);
    const named = fieldOf(fieldOf(value, 'function'), 'name');
    const given = fieldOf(fieldOf(value, 'function'), 'arguments');
    if (typeof named === 'string' && known.name === '') known.name = named;
    const text = typeof given === 'string' ? given : typeof given === 'object' && given !== null ? JSON.stringify(given) : '';
    if (known.arguments.length + text.length <= MOST_ARGUMENTS) known.arguments += text;
    this.pieces += 1;
  }
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
