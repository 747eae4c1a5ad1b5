// Words of conversations as they are searched, the same in every store. Knows no database.

import type { Message } from '../../contracts.ts';
import type { Stored } from '../../queue/contracts.ts';

/** Text as it is searched. */
export function folded(words: string): string {
  return words.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim();
}

/** What a search finds a message by. */
export function wordsOf({ parts }: Stored<Message>): string {
  return folded(parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(' '));
}
