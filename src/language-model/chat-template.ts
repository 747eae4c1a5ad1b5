// A model's own chat template (Jinja) rendered around messages whose content it never sees: what people write stands
// outside the rendered text, so nothing in it can be taken for a turn mark. Knows no token ids; alone imports Jinja.

import { Template } from '@huggingface/jinja';
import type { Role } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';

/** Text that the template wrote, or the content with this index: of a message, or of a text of `renderParts`. */
export type ChatPiece = { readonly type: 'template'; readonly text: string } | { readonly type: 'content'; readonly message: number };

export interface ChatTemplate {
  /** The conversation up to where the model's reply begins. Throws `bad_input` for an order of roles that the template refuses. */
  render(roles: readonly Role[]): ChatPiece[];
  /** The same for a template that wants the parts of each message, `text` or a modality, and places media itself; texts are counted through. */
  renderParts(messages: readonly { readonly role: Role; readonly parts: readonly string[] }[]): ChatPiece[];
}

// Private-use characters around the index of a message; a template has no reason to hold or change them.
const [OPEN, CLOSE] = ['\u{F0000}', '\u{F0001}'];
const PLACEHOLDER = new RegExp(`${OPEN}(\\d+)${CLOSE}`, 'u');

// Templates of models that can think aloud ask whether they shall; an answer is wanted.
const ALWAYS = { add_generation_prompt: true, enable_thinking: false };

/**
 * @param template Jinja source as in `chat_template` of tokenizer_config.json
 * @param settings content of tokenizer_config.json: its `*_token` entries are variables of the template
 * @param where file name for messages
 * Throws `bundle_invalid`.
 */
export function createChatTemplate(template: string, settings: Readonly<Record<string, unknown>>, where: string): ChatTemplate {
  const parsed = parse(template, where);
  const variables = specialTokens(settings);
  return {
    render(roles) {
      const messages = roles.map((role, index) => ({ role, content: `${OPEN}${index}${CLOSE}` }));
      const pieces = cut(renderWith(parsed, { ...variables, ...ALWAYS, messages }, where));
      for (const index of roles.keys()) {
        const times = pieces.filter((piece) => piece.type === 'content' && piece.message === index).length;
        if (times !== 1) throw new AnymodalError('bundle_invalid', `${where}: the chat template shows message ${index + 1} of ${roles.length} (${roles[index]}) ${times} times, expected once.`);
      }
      return pieces;
    },
    renderParts(given) {
      let texts = 0;
      const messages = given.map(({ role, parts }) => ({ role, content: parts.map((type) => (type === 'text' ? { type, text: `${OPEN}${texts++}${CLOSE}` } : { type })) }));
      const pieces = cut(renderWith(parsed, { ...variables, ...ALWAYS, messages }, where));
      const shown = pieces.flatMap((piece) => (piece.type === 'content' ? [piece.message] : []));
      if (shown.length !== texts || new Set(shown).size !== texts) throw new AnymodalError('bundle_invalid', `${where}: the chat template shows ${shown.length} of ${texts} texts, expected each once.`);
      return pieces;
    },
  };
}

function parse(template: string, where: string): Template {
  try {
    return new Template(template);
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${where}: the chat template cannot be read: ${reason(error)}`, { cause: error });
  }
}

function renderWith(template: Template, variables: Readonly<Record<string, unknown>>, where: string): string {
  try {
    return template.render({ ...variables });
  } catch (error) {
    throw new AnymodalError('bad_input', `${where}: the chat template refuses this conversation: ${reason(error)}`, { cause: error });
  }
}

function cut(text: string): ChatPiece[] {
  return text
    .split(PLACEHOLDER)
    .map((piece, i): ChatPiece => (i % 2 === 1 ? { type: 'content', message: Number(piece) } : { type: 'template', text: piece }))
    .filter((piece) => piece.type === 'content' || piece.text !== '');
}

/** `bos_token`, `eos_token` and the like, which the file gives as a string or as `{ content }`. */
function specialTokens(settings: Readonly<Record<string, unknown>>): Record<string, string> {
  const found = Object.entries(settings).flatMap(([key, value]): [string, string][] => {
    const text = typeof value === 'object' && value !== null && 'content' in value ? value.content : value;
    return key.endsWith('_token') && typeof text === 'string' ? [[key, text]] : [];
  });
  return Object.fromEntries(found);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
