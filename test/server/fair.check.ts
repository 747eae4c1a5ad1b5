// A chat turn that is sent while long videos are made on nano: its first token comes within two of their steps from when the client sends it.
// bench/first-token.ts measures how long that takes.
import { expect, test } from 'vitest';
import { Client, isTerminal, type JobEvent } from '../../src/client/index.ts';
import { startServer } from '../real-server.ts';

async function until(client: Client, job: string, found: (event: JobEvent) => boolean): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of client.events(job)) {
    events.push(event);
    if (found(event)) return events;
  }
  return events;
}

test('the first token within two steps of the video', { timeout: 300_000 }, async () => {
  const server = await startServer();
  try {
    const client = new Client({ baseUrl: server.address });
    // What a first turn has to read once is read before.
    await until(client, (await client.createJob({ input: [{ type: 'text', text: 'hello' }], outputs: ['text'], options: { text: { maxTokens: 2 } } })).id, isTerminal);
    for (let round = 0; round < 5; round += 1) {
      const video = await client.createJob({ input: [{ type: 'text', text: 'a red ball bouncing' }], outputs: ['video'], route: 'direct', count: 8, options: { video: { frames: 32, steps: 30 } } });
      await until(client, video.id, (event) => event.type === 'media-progress' && event.step === 2 + round);
      const sentAt = Date.now();
      const chat = await client.createJob({ input: [{ type: 'text', text: `hello, this is turn ${round}` }], outputs: ['text'], options: { text: { maxTokens: 4 } } });
      const talk = await until(client, chat.id, (event) => event.type === 'text-delta');
      const said = talk.at(-1);
      await client.cancelJob(video.id);
      const steps = (await until(client, video.id, isTerminal)).filter((event) => event.type === 'media-progress' && event.at < (said?.at ?? 0));
      expect(said?.type).toBe('text-delta');
      expect(steps.filter(({ at }) => at > sentAt).length, `round ${round}`).toBeLessThanOrEqual(2);
    }
  } finally {
    await server.stop();
  }
});
