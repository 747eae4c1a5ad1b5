// What is sent in one round of a reply: messages, tools, and whether the model may choose.
// Knows no server; the rounds are language-model.ts's.

import { captionInstructions, captionMessages, captionOpening, offeredOutputs, type CaptionTask } from '../../src/language-model/caption-protocol.ts';
import type { Call } from './chunks.ts';
import type { ChatConfig } from './chat-config.ts';
import { chatMessages, type ChatMessage, type ContentPart } from './messages.ts';
import { nameOfTool, toolOf, type Tool } from './tools.ts';

/** What a round before this one gave. */
export interface Round {
  readonly text: string;
  readonly calls: readonly Call[];
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly Tool[];
  readonly tool_choice?: 'auto' | 'required';
}

const whatTools = 'You can make media with your tools. Call a tool when the user asks for such a thing, and describe in its prompt all that matters. Otherwise answer in words. Write no links and no markup for media.';

/**
 * A round of a reply.
 *
 * @param next what must come now: `text`, an output, or null where the model is free
 * @param before the rounds so far
 * @param byTools whether the model is offered tools; else it is told of tags
 */
export function chatRequest(task: CaptionTask, config: Pick<ChatConfig, 'reads' | 'systemPrompt'>, next: string | null, before: readonly Round[], byTools: boolean): ChatRequest {
  const offered = offeredOutputs(task);
  const media = countOf(task);
  const forced = next !== null && next !== 'text';
  if (!byTools) return { messages: [...taggedMessages(task, config), ...continued(before, next, false)] };
  const own = task.messages.some(({ role }) => role === 'system') || config.systemPrompt === null ? [] : [config.systemPrompt];
  const messages = withSystem(chatMessages(task.messages, config.reads, null), [...own, ...(offered.length > 0 ? [whatTools] : [])]);
  const makers = forced ? offered.filter((output) => output === next || task.satisfies?.[output] === next) : offered;
  // Words that must come before or after a call come in a round of their own.
  const isFree = !forced && !(next === 'text' && before.length > 0);
  const tools = isFree || forced ? makers.map((output) => toolOf(output, media)) : [];
  return { messages: [...messages, ...continued(before, next, true)], ...(tools.length > 0 && { tools, tool_choice: forced ? 'required' : 'auto' }) };
}

function countOf({ messages }: CaptionTask): number {
  return messages.reduce((sum, { parts }) => sum + parts.filter(({ type }) => type === 'media').length, 0);
}

/** The conversation with the instructions for tags, and the media that the server is given. */
function taggedMessages(task: CaptionTask, { reads, systemPrompt }: Pick<ChatConfig, 'reads' | 'systemPrompt'>): ChatMessage[] {
  const shown = chatMessages(task.messages, reads, () => '').filter(({ role }) => role !== 'system');
  let at = 0;
  return captionMessages(task, systemPrompt).map(({ role, text }): ChatMessage => {
    if (role === 'system') return { role, content: text };
    const content: unknown = shown[at]?.content;
    at += 1;
    const media = Array.isArray(content) ? content.filter((part: ContentPart) => part.type !== 'text') : [];
    return role === 'assistant' ? { role, content: text } : { role, content: media.length === 0 ? text : [{ type: 'text', text }, ...media] };
  });
}

function withSystem(messages: readonly ChatMessage[], added: readonly string[]): ChatMessage[] {
  if (added.length === 0) return [...messages];
  const own = messages.flatMap(({ role, content }) => (role === 'system' && typeof content === 'string' ? [content] : []));
  return [{ role: 'system', content: [...own, ...added].join('\n\n') }, ...messages.filter(({ role }) => role !== 'system')];
}

/** What came of earlier rounds, and what is still to come. */
function continued(before: readonly Round[], next: string | null, byTools: boolean): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const [round, { text, calls }] of before.entries()) {
    const made = calls.map((call, at) => ({ id: `round_${round}_${at}`, type: 'function' as const, function: { name: call.name, arguments: call.arguments } }));
    if (text === '' && made.length === 0) continue;
    messages.push({ role: 'assistant', content: text === '' ? null : text, ...(made.length > 0 && { tool_calls: made }) });
    for (const { id } of made) messages.push({ role: 'tool', tool_call_id: id, content: 'Made.' });
  }
  if (before.length === 0 || next === null) return messages;
  const how = byTools ? `Call ${nameOfTool(next)}` : `Write ${captionOpening(next)}`;
  return [...messages, { role: 'user', content: next === 'text' ? 'Now answer in plain words.' : `${how} now, for what was asked above.` }];
}

/** Whether the model is told of anything that it could ask for. */
export function offers(task: CaptionTask): boolean {
  return captionInstructions(task) !== '';
}
