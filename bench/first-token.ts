// How long a chat turn waits for its first token while long videos are made on nano, in milliseconds and in the video's steps:
// from when the client sends it, from when it is accepted (`job-queued`), from when the engine has it (`job-start`).
// node bench/first-token.ts --rounds 20

import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { Client, isTerminal, type JobEvent } from '../src/client/index.ts';
import { startServer } from '../test/real-server.ts';
import { machine, median, milliseconds, printTable } from './table.ts';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } });

async function until(client: Client, job: string, found: (event: JobEvent) => boolean): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of client.events(job)) {
    events.push(event);
    if (found(event)) break;
  }
  return events;
}

interface Wait {
  readonly ms: number;
  readonly steps: number;
}

const waits: Record<'sent' | 'accepted' | 'begun', Wait[]> = { sent: [], accepted: [], begun: [] };
const stepMs: number[] = [];
const answerMs: number[] = [];
const server = await startServer();
try {
  const client = new Client({ baseUrl: server.address });
  await until(client, (await client.createJob({ input: [{ type: 'text', text: 'hello' }], outputs: ['text'], options: { text: { maxTokens: 2 } } })).id, isTerminal);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const video = await client.createJob({ input: [{ type: 'text', text: 'a red ball bouncing' }], outputs: ['video'], route: 'direct', count: 8, options: { video: { frames: 32, steps: 30 } } });
    await until(client, video.id, (event) => event.type === 'media-progress' && event.step === 2 + (round % 20));
    const sentAt = Date.now();
    const chat = await client.createJob({ input: [{ type: 'text', text: `hello, this is turn ${round}` }], outputs: ['text'], options: { text: { maxTokens: 4 } } });
    answerMs.push(Date.now() - sentAt);
    const talk = await until(client, chat.id, (event) => event.type === 'text-delta');
    await client.cancelJob(video.id);
    const steps = (await until(client, video.id, isTerminal)).filter((event) => event.type === 'media-progress').map(({ at }) => at);
    for (const [index, at] of steps.slice(1).entries()) stepMs.push(at - (steps[index] ?? at));
    const at = (type: JobEvent['type']): number => talk.find((event) => event.type === type)?.at ?? Number.NaN;
    const said = at('text-delta');
    for (const [from, since] of [['sent', sentAt], ['accepted', at('job-queued')], ['begun', at('job-start')]] as const) {
      waits[from].push({ ms: said - since, steps: steps.filter((step) => step > since && step <= said).length });
    }
  }
} finally {
  await server.stop();
}

const row = (name: string, remark: string, all: readonly Wait[]): readonly [string, string, string] => {
  const count = (most: number): number => all.filter(({ steps }) => steps <= most).length;
  return [name, `${milliseconds(median(all.map(({ ms }) => ms)))}, at most ${milliseconds(Math.max(...all.map(({ ms }) => ms)))}`, `${remark}; at most one, two, three steps of the video in ${count(1)}, ${count(2)}, ${count(3)} of ${all.length}; at most ${Math.max(...all.map(({ steps }) => steps))}`];
};
printTable(`first token beside a video: ${values.rounds} rounds; ${machine(cpus(), process.version)}; load ${loadavg()[0]?.toFixed(1)}`, [
  row('from sending', 'the request leaves the client', waits.sent),
  row('from acceptance', 'validated, about to be written to disk', waits.accepted),
  row('from the engine', 'it has read the turn', waits.begun),
  ['answered', milliseconds(median(answerMs)), 'from sending to 202'],
  ['step of the video', milliseconds(median(stepMs)), 'between two events of progress in the log, median'],
]);
