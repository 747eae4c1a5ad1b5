// What an answer that is an error means: one of our codes, and as much of the server's own words as repeats nothing of the request.
// Knows no route.

import { AnymodalError, type ErrorCode } from '../../src/errors.ts';
import type { Call } from './server.ts';

const MOST_WORDS = 300;
/** Letters of a request in a row that an error may repeat, such as the name of an option. */
const MOST_REPEATED = 15;

/** The error of an answer with a status of 300 or more; reads its beginning. */
export async function errorOf(response: Response, name: string, origin: string, path: string, call: Call): Promise<AnymodalError> {
  const { status } = response;
  const words = wordsOf(await beginning(response), sentBy(call));
  const said = words === '' ? '' : `: ${words}`;
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  const retry = Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {};
  const error = (code: ErrorCode, text: string): AnymodalError => new AnymodalError(code, `${name}: ${origin} ${text}${said}`, retry);
  if (status === 401 || status === 403) return error('access_denied', `refuses the key (${status}); put the right one into the variable that config.keyVariable names`);
  if (status === 404) return error('unavailable', `knows no /${path.replace(/^\/+/, '').split('?')[0]} or not the model (404); correct config.url or config.model`);
  if (status === 413) return error('too_large', 'takes no request of this size (413)');
  if (status === 429) return error('unavailable', 'has too much to do (429)');
  if (status >= 400 && status < 500) return error('bad_input', `refuses the request (${status})`);
  if (status < 400) return error('unavailable', `answered with a redirect to nowhere (${status})`);
  return error('unavailable', `answered with an error of its own (${status})`);
}

async function beginning(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > 8192) break;
    }
  } catch {
    // What came until then has to do.
  }
  return text;
}

/** The message in an error's body, on one line; empty where it has none, or repeats what the request said. */
function wordsOf(body: string, sent: readonly string[]): string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return '';
  }
  const error = fieldOf(value, 'error') ?? value;
  const found = [error, fieldOf(error, 'message'), fieldOf(error, 'detail')].find((each) => typeof each === 'string');
  // oxlint-disable-next-line no-control-regex -- what a terminal would obey
  const words = typeof found === 'string' ? found.replaceAll(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ').trim().slice(0, MOST_WORDS) : '';
  return sent.some((text) => repeats(words, text)) ? '' : words;
}

function repeats(words: string, text: string): boolean {
  if (text.length <= MOST_REPEATED) return text.includes(' ') && words.includes(text);
  for (let at = 0; at + MOST_REPEATED <= words.length; at += 1) if (text.includes(words.slice(at, at + MOST_REPEATED))) return true;
  return false;
}

/** Texts that a user may have written: those of a request that are not names of its own making. */
function sentBy({ json, form }: Call): string[] {
  const texts: string[] = [];
  const gather = (value: unknown): void => {
    if (typeof value === 'string') texts.push(value.slice(0, 100_000));
    else if (typeof value === 'object' && value !== null) for (const [key, inner] of Object.entries(value)) if (key !== 'model') gather(inner);
  };
  gather(json);
  for (const [key, value] of form ?? []) if (typeof value === 'string' && key !== 'model') gather(value);
  return texts;
}

/** A field of something that may be no object. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
