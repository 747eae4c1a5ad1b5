// One tool for each output: what the language model is offered, and what its calls mean. A call is a stranger's text: read leniently, limited, checked.
// Knows no server.

export interface Tool {
  readonly type: 'function';
  readonly function: { readonly name: string; readonly description: string; readonly parameters: Readonly<Record<string, unknown>> };
}

/** What a call asks for. */
export interface Asked {
  readonly prompt: string;
  readonly references: readonly number[];
}

/** Longest prompt that is taken from a call, in characters; those of decoders are far shorter. */
export const MOST_PROMPT = 4000;

const does: Readonly<Record<string, string>> = {
  image: 'Draws a picture and shows it to the user.',
  audio: 'Makes a sound or music and plays it to the user.',
  video: 'Makes a short video and shows it to the user.',
  speech: 'Speaks words aloud to the user.',
};
const wanted: Readonly<Record<string, string>> = {
  speech: 'The words to speak, exactly as they are to be heard.',
};

/** Name of the tool for an output: `make_image`. Outputs have names like `my-sound`, tools none with a dash at some servers. */
export function nameOfTool(output: string): string {
  return `make_${output.replaceAll('-', '_')}`;
}

/**
 * The tool for an output.
 *
 * @param media how many media the conversation has; with none there is nothing to refer to
 */
export function toolOf(output: string, media: number): Tool {
  const prompt = { type: 'string', description: wanted[output] ?? `What the ${output} shows or sounds like, in plain words: everything that matters, since nothing else is known to who makes it.` };
  const references = { type: 'array', items: { type: 'integer', minimum: 1, maximum: media }, description: `Numbers of the media in this conversation that the ${output} changes or follows, such as 1 for [image 1]; empty for something new.` };
  return {
    type: 'function',
    function: {
      name: nameOfTool(output),
      description: `${does[output] ?? `Makes ${output} and gives it to the user.`} Call it whenever the user asks for one.`,
      parameters: { type: 'object', additionalProperties: false, properties: { prompt, ...(media > 0 && { references }) }, required: ['prompt'] },
    },
  };
}

/** What the arguments of a call ask for; null where no prompt can be found in them. */
export function readArguments(text: string, media: number): Asked | null {
  const value = parsed(text);
  const prompt = promptIn(value);
  if (prompt === null) return null;
  const listed: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'references') : undefined;
  const numbers = (Array.isArray(listed) ? listed : [listed]).map((each: unknown) => (typeof each === 'string' ? Number(/\d+/.exec(each)?.[0]) : each));
  const references = [...new Set(numbers)].filter((each): each is number => typeof each === 'number' && Number.isInteger(each) && each >= 1 && each <= media);
  return { prompt: prompt.slice(0, MOST_PROMPT), references };
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    // Some models write JSON into the JSON.
    return typeof value === 'string' && /^\s*\{/.test(value) ? parsed(value) : value;
  } catch {
    // A reply that was cut, or one with words around it.
    const found = /"prompt"\s*:\s*"((?:[^"\\]|\\.)*)/.exec(text)?.[1];
    return found === undefined ? null : { prompt: found.replaceAll(/\\(["\\/])/g, '$1').replaceAll(/\\[a-z]/g, ' ') };
  }
}

function promptIn(value: unknown): string | null {
  if (typeof value === 'string') return nonEmpty(value);
  if (typeof value !== 'object' || value === null) return null;
  const prompt: unknown = Reflect.get(value, 'prompt') ?? Object.values(value).find((each) => typeof each === 'string');
  return typeof prompt === 'string' ? nonEmpty(prompt) : null;
}

function nonEmpty(text: string): string | null {
  const words = text.replaceAll(/\s+/g, ' ').trim();
  return words === '' ? null : words;
}
