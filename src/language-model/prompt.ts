// Conversation to prompt: token ids and media embeddings in the order in which the model reads them.
// Knows the chat template and the tokenizer; knows no graph and no cache.

import type { PromptMedia, PromptMessage, Tensor } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { ChatTemplate } from './chat-template.ts';
import type { Position } from './sequence.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** What a prompt is made with; token ids are resolved from the spellings in the component's config. */
export interface PromptFormat {
  readonly tokenizer: TextTokenizer;
  readonly template: ChatTemplate;
  readonly systemPrompt: string | null;
  readonly modelWidth: number;
  /** Ids before and after a medium's embeddings; null where the model reads no media. */
  readonly mediaTokens: { readonly begin: number; readonly end: number } | null;
  /** Per modality the number of embeddings of one medium. */
  readonly mediaEmbeds: Readonly<Record<string, number>>;
  /** Reference tokens by ordinal - 1. */
  readonly references: readonly number[];
  /** Signal group by output. */
  readonly groups: ReadonlyMap<string, readonly number[]>;
  /** Ids around the words that the model writes for an output. */
  readonly captions: ReadonlyMap<string, { readonly begin: number; readonly end: number }>;
}

export interface Prompt {
  readonly positions: readonly Position[];
  /** Ordinals of the media shown that have a reference token. */
  readonly ordinals: readonly number[];
  /** Oldest messages that were left out. */
  readonly dropped: number;
}

type Piece = string | Position;

/**
 * The prompt for a reply to `messages`, with whole old turns left out where it exceeds `limit` positions: a user
 * message goes together with its answers; system messages and the last turn stay.
 * Throws `bad_input` where the last turn alone is too long, `unsupported` for a medium that the model does not read.
 */
export function buildPrompt(messages: readonly PromptMessage[], format: PromptFormat, limit: number): Prompt {
  const all = messages.some((message) => message.role === 'system') || format.systemPrompt === null
    ? messages
    : [{ role: 'system' as const, parts: [{ type: 'text' as const, text: format.systemPrompt }] }, ...messages];
  const turns = turnStarts(all);
  const without = (count: number): PromptMessage[] => all.filter((message, i) => message.role === 'system' || i >= turns[count]!);

  // Fewer turns never make a longer prompt, so the fewest to leave out are found by halving.
  let fewest = 0;
  let kept = all;
  let positions = positionsOf(kept, format);
  if (positions.length > limit) {
    let most = turns.length - 1;
    const last = positionsOf(without(most), format);
    if (last.length > limit) throw new AnymodalError('bad_input', `language model: the last message needs ${last.length} tokens with the system message, at most ${limit} fit. Shorten it or attach less.`);
    while (fewest < most) {
      const middle = (fewest + most) >> 1;
      if (positionsOf(without(middle), format).length > limit) fewest = middle + 1;
      else most = middle;
    }
    kept = without(fewest);
    positions = positionsOf(kept, format);
  }
  const shown = kept.flatMap((message) => message.parts).filter((part) => part.type === 'media');
  return {
    positions,
    ordinals: shown.map((medium) => medium.ordinal).filter((ordinal) => ordinal <= format.references.length),
    dropped: all.length - kept.length,
  };
}

/** Index of the first message of each turn: the beginning, and every user message that follows an answer. */
function turnStarts(messages: readonly PromptMessage[]): number[] {
  const starts = [0];
  let answered = false;
  messages.forEach((message, i) => {
    if (message.role === 'user' && answered) starts.push(i);
    if (message.role !== 'system') answered = message.role === 'assistant';
  });
  return starts;
}

function positionsOf(messages: readonly PromptMessage[], format: PromptFormat): Position[] {
  const pieces = format.template.render(messages.map((message) => message.role)).flatMap((piece): Piece[] => {
    if (piece.type === 'template') return format.tokenizer.splitControl(piece.text);
    const { role, parts } = messages[piece.message]!;
    return role === 'assistant' ? replyPieces(parts, format) : questionPieces(parts, format);
  });
  return encoded(pieces, format.tokenizer);
}

/** What a person wrote, each medium at its place; white space between a medium and a text only parted them for the eye. */
function questionPieces(parts: PromptMessage['parts'], format: PromptFormat): Piece[] {
  return parts.flatMap((part, i): Piece[] => {
    if (part.type === 'media') return mediumPieces(part, format);
    const afterMedium = parts[i - 1]?.type === 'media' ? part.text.trimStart() : part.text;
    return [parts[i + 1]?.type === 'media' ? afterMedium.trimEnd() : afterMedium];
  });
}

/** A reply as the model wrote it, signal groups and captions at the places of its media, then the embeddings of those media. */
function replyPieces(parts: PromptMessage['parts'], format: PromptFormat): Piece[] {
  const written = parts.flatMap((part): Piece[] => {
    if (part.type === 'text') return [part.text];
    const { output, references, prompt } = part.made ?? { output: part.modality, references: [], prompt: undefined };
    const caption = format.captions.get(output);
    const group = format.groups.get(output) ?? (caption === undefined || prompt === undefined ? [] : [caption.begin, prompt, caption.end]);
    return group.length === 0 ? [] : [...references.flatMap((ordinal) => format.references[ordinal - 1] ?? []), ...group];
  });
  return [...written, ...parts.flatMap((part) => (part.type === 'media' ? mediumPieces(part, format) : []))];
}

/** The reference token of a medium, then its block and one for each track inside it. */
function mediumPieces(medium: PromptMedia, format: PromptFormat): Piece[] {
  const reference = format.references[medium.ordinal - 1];
  const blocks = [medium, ...(medium.tracks ?? [])].flatMap(({ modality, embeds }) => blockPieces(modality, embeds, medium.ordinal, format));
  return [...(reference === undefined ? [] : [reference]), ...blocks];
}

function blockPieces(modality: string, embeds: Tensor, ordinal: number, { mediaTokens, mediaEmbeds, modelWidth }: PromptFormat): Piece[] {
  const expected = mediaEmbeds[modality];
  const known = Object.keys(mediaEmbeds).join(', ');
  if (mediaTokens === null || expected === undefined) {
    throw new AnymodalError('unsupported', `language model: it reads ${known === '' ? 'no media' : `only ${known}`}, got ${modality} as medium ${ordinal}.`);
  }
  const [count, width] = embeds.shape;
  if (count !== expected || width !== modelWidth) {
    throw new AnymodalError('bundle_invalid', `language model: medium ${ordinal} (${modality}) has embeddings [${embeds.shape.join(', ')}], expected [${expected}, ${modelWidth}]. Its projector and the config of the language model disagree.`);
  }
  const rows = Array.from({ length: count }, (_, row) => embeds.data.subarray(row * width, (row + 1) * width));
  return [mediaTokens.begin, ...rows, mediaTokens.end];
}

/** Neighbouring texts are encoded as one, as the tokenizer would see them in a whole rendered conversation. */
function encoded(pieces: readonly Piece[], tokenizer: TextTokenizer): Position[] {
  const positions: Position[] = [];
  let text = '';
  const flush = (): void => {
    for (const id of tokenizer.encode(text)) positions.push(id);
    text = '';
  };
  for (const piece of pieces) {
    if (typeof piece === 'string') {
      text += piece;
      continue;
    }
    flush();
    positions.push(piece);
  }
  flush();
  return positions;
}
