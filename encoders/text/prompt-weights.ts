// Weighted words as users of Stable Diffusion write them: `(word)`, `(word:1.3)`, `[word]`, `\(` for a parenthesis, BREAK.
// Knows characters; nothing of tokens and towers. Same meaning as in the AUTOMATIC1111 web interface.

/** A stretch of a prompt that counts with one weight; null stands for BREAK, after which a new chunk begins. */
export type Fragment = { readonly text: string; readonly weight: number } | null;

const ROUND = 1.1;
const SQUARE = 1 / 1.1;
const tokens = /\\\(|\\\)|\\\[|\\\]|\\\\|\\|\(|\[|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|\)|\]|[^\\()[\]:]+|:/g;

/** The fragments of a prompt; parentheses that are not closed count to the end. Neighbours of one weight are one fragment. */
export function weightedFragments(prompt: string): Fragment[] {
  const pieces: ({ text: string; weight: number } | null)[] = [];
  const opened: { readonly bracket: '(' | '['; readonly from: number }[] = [];
  const multiply = (from: number, factor: number): void => {
    for (const piece of pieces.slice(from)) if (piece !== null) piece.weight *= factor;
  };
  const close = (bracket: '(' | '[', factor: number): boolean => {
    const at = opened.findLastIndex((each) => each.bracket === bracket);
    if (at < 0) return false;
    multiply(opened.splice(at, 1)[0]!.from, factor);
    return true;
  };

  for (const match of prompt.matchAll(tokens)) {
    const [text, weight] = match;
    if (text.startsWith('\\')) pieces.push({ text: text.slice(1), weight: 1 });
    else if (text === '(' || text === '[') opened.push({ bracket: text, from: pieces.length });
    else if (weight !== undefined && close('(', Number(weight))) continue;
    else if (text === ')' && close('(', ROUND)) continue;
    else if (text === ']' && close('[', SQUARE)) continue;
    else {
      text.split(/\s*\bBREAK\b\s*/).forEach((part, index) => {
        if (index > 0) pieces.push(null);
        pieces.push({ text: part, weight: 1 });
      });
    }
  }
  for (const { bracket, from } of opened) multiply(from, bracket === '(' ? ROUND : SQUARE);
  return merged(pieces);
}

function merged(pieces: readonly Fragment[]): Fragment[] {
  const fragments: Fragment[] = [];
  for (const piece of pieces) {
    if (piece === null) {
      fragments.push(null);
      continue;
    }
    if (piece.text === '') continue;
    const last = fragments.at(-1);
    if (last !== undefined && last !== null && last.weight === piece.weight) fragments[fragments.length - 1] = { text: last.text + piece.text, weight: last.weight };
    else fragments.push({ ...piece });
  }
  return fragments;
}
