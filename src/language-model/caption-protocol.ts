// How a stock instruction model, which has no signal tokens, asks for outputs in words: what it is told and how it reads a conversation.
// What its reply means is in caption-reply.ts. Works on text alone; knows no token, no graph and no server.

import type { PromptMedia, PromptMessage, TextPart, Wants } from '../contracts.ts';

/** What a reply is to hold. */
export interface CaptionTask {
  /** Outputs that the model can be told of, by name. */
  readonly outputs: readonly string[];
  readonly wants: Wants;
  /** Outputs that do where another is required, such as `{ speech: 'audio' }`. */
  readonly satisfies?: Readonly<Record<string, string>>;
  readonly messages: readonly PromptMessage[];
}

/** One turn as text. */
export interface CaptionMessage {
  readonly role: PromptMessage['role'];
  readonly text: string;
}

/** What the words of an output are to say, and examples of them: a request, the words of a tag. */
const descriptions: Readonly<Record<string, { readonly words: string; readonly asked: string; readonly example: string }>> = {
  image: { words: 'what is to be seen in the picture', asked: 'draw a yellow boat', example: 'a yellow boat' },
  audio: { words: 'what is to be heard', asked: 'the sound of rain', example: 'rain falling' },
  video: { words: 'what is to be seen and what moves', asked: 'a video of a running horse', example: 'a horse running' },
  speech: { words: 'exactly the words to be spoken', asked: 'say "good morning"', example: 'good morning' },
};

/** Outputs that the reply may or must ask for, in the order in which they are told. */
export function offeredOutputs({ outputs, wants, satisfies = {} }: CaptionTask): string[] {
  const required = Object.keys(wants).filter((name) => wants[name] === 'required' && outputs.includes(name));
  const others = outputs.filter((name) => !required.includes(name) && (wants[name] === 'allowed' || wants[satisfies[name] ?? ''] === 'required'));
  return [...required, ...others];
}

/**
 * What is said to the model beside the conversation's own system message: how to ask for outputs, and which the reply must have. Empty where
 * it can ask for none.
 */
export function captionInstructions(task: CaptionTask): string {
  const offered = offeredOutputs(task);
  if (offered.length === 0) return '';
  const required = Object.keys(task.wants).filter((name) => task.wants[name] === 'required');
  const lines = [
    'You can make media. To make one, write a tag with a short description; the finished medium takes the place of the tag:',
    ...offered.map((name) => tag(name, descriptions[name]?.words ?? `what the ${name} is to be`)),
    'Write a tag when the user asks for such a thing, and answer in plain words otherwise. You can make these things: never say that you cannot, and write no links, no code and no other markup for them.',
  ];
  const [first] = offered;
  if (first !== undefined && mediaOf(task.messages).length > 0) {
    lines.push(`Media of this conversation have numbers, such as [${mediaOf(task.messages)[0]?.modality} 1] or id="1". To change one, or to make something from it, name its number and say what is to change, such as <${first} from="1">make it blue</${first}>.`);
  }
  if (required.length > 0) {
    const parts = required.map((name) => (name === 'text' ? 'text in plain words' : tag(name, '...')));
    lines.push(`Your answer must have, in this order: ${parts.join(', then ')}.${task.wants['text'] === 'forbidden' ? ' Write nothing else.' : ''}`);
  }
  return lines.join('\n');
}

/** Turns before the conversation that show a model how it is done, which small ones need: a request for each output, and an answer in plain words. */
export function captionExamples(task: CaptionTask): CaptionMessage[] {
  const shown = offeredOutputs(task).flatMap((name) => (descriptions[name] === undefined ? [] : [{ name, ...descriptions[name] }]));
  if (shown.length === 0) return [];
  const withText = task.wants['text'] !== 'forbidden';
  const examples = shown.flatMap(({ name, asked, example }): CaptionMessage[] => [
    { role: 'user', text: asked },
    { role: 'assistant', text: `${withText ? 'Here it is. ' : ''}${tag(name, example)}` },
  ]);
  const plain: CaptionMessage[] = [{ role: 'user', text: 'what is two plus two?' }, { role: 'assistant', text: 'Two plus two is four.' }];
  return task.wants['text'] === 'allowed' ? [...examples, ...plain] : examples;
}

/**
 * The conversation as the model reads it: media by their numbers, what it asked for as it would have written it, and the instructions in the
 * system message, examples before it all. What is said once is never said otherwise later, so that a cache of it stays valid.
 *
 * @param systemPrompt system message of a conversation that brings none
 * @param sees media of questions that stay beside their numbers, for a model that sees them
 */
export function captionConversation(task: CaptionTask, systemPrompt: string | null, sees: (medium: PromptMedia) => boolean): PromptMessage[] {
  const own = task.messages.filter(({ role }) => role === 'system').map(({ parts }) => joined(parts.map((part) => (part.type === 'text' ? part.text : ''))));
  const system = [...(own.length === 0 && systemPrompt !== null ? [systemPrompt] : own), captionInstructions(task)].filter((text) => text !== '').join('\n\n');
  const turns = task.messages.filter(({ role }) => role !== 'system');
  // A number is for requests; a model that can make none is shown what it sees as its own processor would.
  const isNumbered = (part: PromptMedia): boolean => task.outputs.length > 0 || !sees(part);
  const told = turns.map(({ role, parts }): PromptMessage => {
    if (role === 'assistant') return { role, parts: [textPart(joined(parts.map(written)))] };
    return { role, parts: parts.flatMap((part) => (part.type === 'text' ? [part] : [...(isNumbered(part) ? [textPart(numberOf(part))] : []), ...(sees(part) ? [part] : [])])) };
  });
  const examples = captionExamples(task).map(({ role, text }): PromptMessage => ({ role, parts: [textPart(text)] }));
  return [...(system === '' ? [] : [{ role: 'system' as const, parts: [textPart(system)] }]), ...examples, ...told];
}

/** The conversation as text alone, for a model that is told of all media. */
export function captionMessages(task: CaptionTask, systemPrompt: string | null = null): CaptionMessage[] {
  return captionConversation(task, systemPrompt, () => false).map(({ role, parts }) => ({ role, text: joined(parts.map((part) => (part.type === 'text' ? part.text : ''))) }));
}

function tag(name: string, words: string): string {
  return `${captionOpening(name)}${words}${captionClosing(name)}`;
}

/** The beginning of a request, with which a reply is continued that is to ask for `output`. */
export function captionOpening(output: string): string {
  return `<${output}>`;
}

/** The end of a request that has begun so. */
export function captionClosing(output: string): string {
  return `</${output}>`;
}

/**
 * The medium that a request means which names none: one of the output's own kind in the latest question, or the latest one there is where the
 * question speaks of changing something.
 */
export function impliedReferences(output: string, messages: readonly PromptMessage[]): number[] {
  const question = messages.findLast(({ role }) => role === 'user');
  const attached = mediaOf(question === undefined ? [] : [question]).findLast(({ modality }) => modality === output);
  if (attached !== undefined) return [attached.ordinal];
  const latest = mediaOf(messages).findLast(({ modality }) => modality === output);
  return latest !== undefined && speaksOfChange.test(latestText(messages)) ? [latest.ordinal] : [];
}

const speaksOfChange = /^\s*(please |now |and |then |ok(ay)?,? )*(can you |could you )?(make|turn|change|edit|modify|paint|colou?r|recolou?r|give|put|remove|delete|add|replace|mirror|rotate|brighten|darken)\b[^.?!]*\b(it|its|him|her|them|this|that|the (picture|image|photo|drawing|video|clip|sound|background|sky))\b|\b(instead|(the )?same (one|picture|image|but)|(this|that|the last|previous) (picture|image|photo|drawing|video|clip|sound))\b/i;

/** Media of a conversation in the order of their numbers. */
export function mediaOf(messages: readonly PromptMessage[]): PromptMedia[] {
  return messages.flatMap(({ parts }) => parts.filter((part) => part.type === 'media'));
}

/** A part of an answer as the model wrote it, with the number that the medium got. */
function written(part: PromptMessage['parts'][number]): string {
  if (part.type === 'text') return part.text;
  const { output, references, prompt } = part.made ?? { output: part.modality, references: [], prompt: undefined };
  const from = references.length === 0 ? '' : ` from="${references.join(',')}"`;
  // What the model reads of itself it imitates: the number stands where a request has one already.
  return `<${output} id="${part.ordinal}"${from}>${prompt ?? 'made before'}</${output}>`;
}

function numberOf({ modality, ordinal }: PromptMedia): string {
  return `[${modality} ${ordinal}]`;
}

function textPart(text: string): TextPart {
  return { type: 'text', text };
}

/** Pieces of a message with white space between them. */
function joined(pieces: readonly string[]): string {
  return pieces.reduce((text, piece) => (text === '' || /\s$/.test(text) || /^\s/.test(piece) ? text + piece : `${text} ${piece}`), '');
}

/** Words of the latest question, joined where media stood between them. */
export function latestText(messages: readonly PromptMessage[]): string {
  const parts = messages.findLast(({ role }) => role === 'user')?.parts ?? [];
  return parts.flatMap((part) => (part.type === 'text' && part.text.trim() !== '' ? [part.text.trim()] : [])).join(' ');
}
