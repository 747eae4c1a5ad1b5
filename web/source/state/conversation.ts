// The open conversation: its turns, in order, and sending one more. What runs is found again after a reload.
import { computed, signal } from '@preact/signals';
import type { ConversationMessage, Conversation, InputPart, MediaObject } from '../../../src/client/index.ts';
import { client } from '../server.ts';
import { go } from './address.ts';
import { takeDraft } from './composer.ts';
import { hasEnded } from './job-view.ts';
import { followJob } from './jobs.ts';
import { chosenModel, outputs } from './models.ts';
import { attempt } from './notices.ts';
import { settingsOf, wanted } from './settings.ts';

/** One turn as the page shows it: what was said, or the job that answers. */
export type Turn =
  | { readonly type: 'said'; readonly key: string; readonly role: 'user' | 'assistant'; readonly parts: readonly SaidPart[] }
  | { readonly type: 'answer'; readonly key: string; readonly job: string };
export type SaidPart = { readonly type: 'text'; readonly text: string } | { readonly type: 'media'; readonly media: MediaObject };

export const conversation = signal<Conversation | null>(null);
export const turns = signal<readonly Turn[]>([]);
export const opening = signal(false);
export const conversations = signal<readonly Conversation[]>([]);

/** The job of this conversation that has not ended. */
export const running = computed(() => {
  for (const turn of turns.value) if (turn.type === 'answer' && !hasEnded(followJob(turn.job).value)) return turn.job;
  return null;
});

export async function loadConversations(): Promise<void> {
  await attempt(async () => {
    conversations.value = (await client.conversations({ limit: 50 })).data;
  });
}

/** Opens a conversation with what it holds, or an empty one. */
export async function openConversation(id: string | null): Promise<void> {
  if (conversation.value?.id === id) return;
  turns.value = [];
  conversation.value = null;
  if (id === null) return;
  opening.value = true;
  await attempt(async () => {
    const [found, unfinished] = await Promise.all([client.conversation(id), client.jobs({ conversation: id, limit: 20 })]);
    const { messages, ...kept } = found;
    conversation.value = kept;
    const shown = messages.flatMap((message) => turnsOf(message));
    const answered = new Set(messages.map(({ job }) => job));
    const missing = unfinished.data.filter((job) => !answered.has(job.id)).toReversed();
    turns.value = [...shown, ...missing.map(({ id: job }): Turn => ({ type: 'answer', key: job, job }))];
  });
  opening.value = false;
}

function turnsOf({ id, role, parts, job }: ConversationMessage): Turn[] {
  if (role === 'system') return [];
  if (role === 'assistant' && job !== null) return [{ type: 'answer', key: id, job }];
  return [{ type: 'said', key: id, role, parts }];
}

export function newConversation(): void {
  conversation.value = null;
  turns.value = [];
  go('chat');
}

/** Sends what is in the composer. */
export async function sendDraft(): Promise<void> {
  const { input, media, mask, words } = takeDraft();
  await send(input, [...media.map((medium): SaidPart => ({ type: 'media', media: medium })), ...(words === '' ? [] : [{ type: 'text' as const, text: words }])], { mask, outputs: wanted.value });
}

export interface Sending {
  readonly mask?: string | null;
  readonly outputs?: readonly string[];
  readonly count?: number;
  readonly seed?: number;
}

/** Sends a message of this conversation; `said` is how the page shows it. */
export async function send(input: readonly InputPart[], said: readonly SaidPart[], { mask = null, outputs: asked = [], ...more }: Sending = {}): Promise<void> {
  await attempt(async () => {
    const title = input.find((part) => part.type === 'text')?.text.slice(0, 80) ?? null;
    if (conversation.value === null) {
      const created = await client.createConversation(title);
      conversation.value = created;
      go('chat', created.id, true);
    }
    const key = crypto.randomUUID();
    turns.value = [...turns.value, { type: 'said', key: `${key}/said`, role: 'user', parts: said }];
    const made = asked.length === 0 ? null : asked;
    try {
      const job = await client.createJob(
        { input, outputs: made, conversation: conversation.value.id, ...settingsOf(made, outputs.value), ...(chosenModel.value !== null && { model: chosenModel.value }), ...(mask !== null && { mask }), ...more },
        { idempotencyKey: key },
      );
      turns.value = [...turns.value, { type: 'answer', key: job.id, job: job.id }];
    } catch (error) {
      turns.value = turns.value.filter((turn) => turn.key !== `${key}/said`);
      throw error;
    }
  });
  void loadConversations();
}

export async function stop(): Promise<void> {
  const job = running.value;
  if (job !== null) await attempt(async () => client.cancelJob(job));
}
