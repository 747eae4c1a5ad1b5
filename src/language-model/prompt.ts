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
  /** Ids before and after a medium's embeddings; null where the chat template places media, or the model reads none. */
  readonly mediaTokens: { readonly begin: number; readonly end: number } | null;
  /** Per modality that the chat template places: what it writes for a medium, and what stands around the embeddings. */
  readonly mediaPlaces: ReadonlyMap<string, MediaPlace>;
  /** Per modality the number of embeddings of one medium. */
  readonly mediaEmbeds: Readonly<Record<string, number>>;
  /** Id before each stretch of text; null where there is none. */
  readonly textStart: number | null;
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

export interface MediaPlace {
  readonly mark: string;
  readonly before: readonly (string | number)[];
  readonly after: readonly (string | number)[];
}

type Piece = string | Position;

/** More characters than a token has on average in any text worth reading: what is longer cannot fit, and is not taken apart to find out. */
const CHARACTERS_PER_TOKEN = 16;

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

  // To cut a text into tokens takes time that nobody else has meanwhile: none of hopeless length is.
  const room = limit * CHARACTERS_PER_TOKEN;
  let most = turns.length - 1;
  const least = charactersOf(without(most));
  if (least > room) throw new AnymodalError('bad_input', `language model: the last message has ${least} characters with the system message, at most some ${room} fit. Shorten it or attach less.`);
  let fewest = 0;
  while (charactersOf(without(fewest)) > room) fewest += 1;

  // Fewer turns never make a longer prompt, so the fewest to leave out are found by halving.
  let kept = without(fewest);
  let positions = positionsOf(kept, format);
  if (positions.length > limit) {
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

function charactersOf(messages: readonly PromptMessage[]): number {
  return messages.reduce((sum, { parts }) => sum + parts.reduce((length, part) => length + (part.type === 'text' ? part.text : (part.made?.prompt ?? '')).length, 0), 0);
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
  if (format.mediaPlaces.size > 0) return encoded(placedPieces(messages, format), format);
  const pieces = format.template.render(messages.map((message) => message.role)).flatMap((piece): Piece[] => {
    if (piece.type === 'template') return format.tokenizer.splitControl(piece.text);
    const { role, parts } = messages[piece.message]!;
    return role === 'assistant' ? replyPieces(parts, format) : questionPieces(parts, format);
  });
  return encoded(pieces, format);
}

/** The conversation as a template writes it that places media itself: each mark of a modality stands for the next medium of it. */
function placedPieces(messages: readonly PromptMessage[], format: PromptFormat): Piece[] {
  const media = messages.flatMap(({ parts }) => parts).filter((part) => part.type === 'media');
  const texts = messages.flatMap(({ parts }) => parts.flatMap((part, i) => (part.type === 'text' ? [closeText(parts, part.text, i)] : [])));
  for (const { modality, embeds, ordinal } of media) if (!format.mediaPlaces.has(modality)) blockPieces(modality, embeds, ordinal, format);
  const places = [...format.mediaPlaces.values()];
  const shown = messages.map(({ role, parts }) => ({ role, parts: parts.map((part) => (part.type === 'text' ? 'text' : part.modality)) }));
  const pieces = format.template.renderParts(shown).flatMap((piece): Piece[] => {
    if (piece.type === 'content') return [texts[piece.message]!];
    return splitMarks(piece.text, [...new Set(places.map(({ mark }) => mark))]).flatMap(({ text, mark }): Piece[] => {
      if (mark === null) return format.tokenizer.splitControl(text);
      const next = media.findIndex(({ modality }) => format.mediaPlaces.get(modality)?.mark === mark);
      return next < 0 ? [] : media.splice(next, 1).flatMap((medium) => mediumPieces(medium, format));
    });
  });
  if (media.length > 0) throw new AnymodalError('bundle_invalid', `language model: the chat template has no place for medium ${media[0]!.ordinal} (${media[0]!.modality}) where it stands. Correct the template or mediaPlaces.`);
  return pieces;
}

function splitMarks(text: string, marks: readonly string[]): { text: string; mark: string | null }[] {
  const [mark, ...others] = marks;
  if (mark === undefined) return text === '' ? [] : [{ text, mark: null }];
  return text.split(mark).flatMap((piece, i) => [...(i === 0 ? [] : [{ text: mark, mark }]), ...splitMarks(piece, others)]);
}

/** What a person wrote, each medium at its place. */
function questionPieces(parts: PromptMessage['parts'], format: PromptFormat): Piece[] {
  return parts.flatMap((part, i): Piece[] => (part.type === 'media' ? mediumPieces(part, format) : [closeText(parts, part.text, i)]));
}

/** Text without white space beside a medium, which only parted them for the eye. */
function closeText(parts: PromptMessage['parts'], text: string, i: number): string {
  const afterMedium = parts[i - 1]?.type === 'media' ? text.trimStart() : text;
  return parts[i + 1]?.type === 'media' ? afterMedium.trimEnd() : afterMedium;
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

function blockPieces(modality: string, embeds: Tensor | null, ordinal: number, { mediaTokens, mediaPlaces, mediaEmbeds, modelWidth }: PromptFormat): Piece[] {
  const expected = mediaEmbeds[modality];
  const known = Object.keys(mediaEmbeds).join(', ');
  const around = mediaPlaces.get(modality) ?? (mediaTokens === null ? undefined : { before: [mediaTokens.begin], after: [mediaTokens.end] });
  if (around === undefined || expected === undefined || embeds === null) {
    throw new AnymodalError('unsupported', `language model: it reads ${known === '' ? 'no media' : `only ${known}`}, got ${modality} as medium ${ordinal}.`);
  }
  const [count, width] = embeds.shape;
  if (count !== expected || width !== modelWidth) {
    throw new AnymodalError('bundle_invalid', `language model: medium ${ordinal} (${modality}) has embeddings [${embeds.shape.join(', ')}], expected [${expected}, ${modelWidth}]. Its projector and the config of the language model disagree.`);
  }
  const rows = Array.from({ length: count }, (_, row) => embeds.data.subarray(row * width, (row + 1) * width));
  return [...around.before, ...rows, ...around.after];
}

/** Neighbouring texts are encoded as one, as the tokenizer would see them in a whole rendered conversation. */
function encoded(pieces: readonly Piece[], { tokenizer, textStart }: PromptFormat): Position[] {
  const positions: Position[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '' && textStart !== null) positions.push(textStart);
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
