// JSON as language models write it: found by its brackets, cut off, with single quotes or a comma too many. Knows no request.

/** Length of the JSON value at the start, null where it has no end. */
export function balanced(text: string): number | null {
  // Some write it as Python does.
  const quote = /^\[?\s*\{\s*'/.test(text) ? "'" : '"';
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString && character === '\\') at += 1;
    else if (character === quote) inString = !inString;
    else if (!inString && (character === '{' || character === '[')) depth += 1;
    else if (!inString && (character === '}' || character === ']')) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return null;
}

/** The value of a text; undefined where it is none. */
export function parsed(text: string): unknown {
  return strictly(text) ?? strictly(withoutLastCommas(text)) ?? strictly(withoutLastCommas(text.replaceAll(/'((?:[^'\\]|\\.)*)'/g, (_, inside: string) => JSON.stringify(inside.replaceAll(String.raw`\'`, "'")))));
}

/** The value of a text that was cut off; what of its last member is not whole is left out. */
export function repaired(text: string): unknown {
  const cut = text.trim();
  const shorter = [cut, cut.replace(/,\s*"[^"]*"?\s*(:\s*)?$/, ''), cut.replace(/,\s*$/, '')];
  const ends = ['}', '"}', '}}', '"}}', ']', '}]', '"}]', '}}]', '"}}]'];
  return shorter.flatMap((each) => ends.map((end) => each + end)).map((each) => strictly(each)).find((value) => value !== undefined);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutLastCommas(text: string): string {
  return text.replaceAll(/,(?=\s*[}\]])/g, '');
}

function strictly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
