// Jobs that belong to conversations, while what keeps those is taken away: afterwards each turn is there once, with the answer of its job.
// Knows nothing of what is taken away.

import { expect } from 'vitest';
import type { Client, JobInput } from '../../src/client/index.ts';

/** Of so many jobs one is the turn of a conversation. */
const EVERY = 2;

export interface Talks {
  /** The job at `index` with its conversation, if it has one. */
  of(index: number, input: JobInput): JobInput;
  /** To be told the id of each job that was accepted. */
  accepted(index: number, id: string): void;
  /** Looks at all of it when every job has ended; how many turns there were. */
  check(): Promise<number>;
}

export async function startTalks(client: Client, count: number): Promise<Talks> {
  const ids: string[] = [];
  for (let talk = 0; talk < count; talk += 1) ids.push((await client.createConversation(`talk ${talk}`)).id);
  const jobs = new Map<number, string>();
  const talkOf = (index: number): string | undefined => (index % EVERY === 0 ? ids[(index / EVERY) % count] : undefined);
  return {
    of: (index, input) => {
      const conversation = talkOf(index);
      return conversation === undefined ? input : { ...input, conversation, input: [{ type: 'text', text: `turn ${index}` }] };
    },
    accepted: (index, id) => {
      if (talkOf(index) !== undefined) jobs.set(index, id);
    },
    check: async () => {
      for (const talk of ids) {
        const { messages } = await client.conversation(talk);
        const said = messages.map(({ role, parts }) => [role, parts[0]?.type === 'text' ? parts[0].text : (parts[0]?.type ?? 'nothing')]);
        const questions = said.filter(([role]) => role === 'user').map(([, text]) => text ?? '');
        const mine = [...jobs.keys()].filter((index) => talkOf(index) === talk);
        expect(questions.toSorted(), talk).toEqual(mine.map((index) => `turn ${index}`).toSorted());
        // Each is followed by its own answer, which has what the job made.
        expect(said.map(([role]) => role), talk).toEqual(questions.flatMap(() => ['user', 'assistant']));
        for (const [place, question] of questions.entries()) {
          const answer = messages[2 * place + 1];
          const job = await client.job(jobs.get(Number(question.slice('turn '.length))) ?? '');
          const made = job.outputs.flatMap((part) => (part.type === 'media' ? [part.media.id] : []));
          expect([answer?.job, answer?.parts.map((part) => (part.type === 'media' ? part.media.id : part.text))], question).toEqual([job.id, made]);
          expect(made, question).toHaveLength(1);
        }
      }
      return jobs.size;
    },
  };
}
