// What the page shows of a job, from its events alone.
import { expect, test } from 'vitest';
import type { JobEvent, MediaObject } from '../../src/client/index.ts';
import { emptyJob, hasEnded, secondsLeft, withEvent, type JobView, type MediaView } from '../../web/source/state/job-view.ts';

const media: MediaObject = { id: 'a'.repeat(64), modality: 'image', mediaType: 'image/png', size: 3, url: '/v1/media/a/content?signature=x' };
type Body<T> = T extends unknown ? Omit<T, 'job' | 'attempt' | 'id' | 'at'> : never;

/** The job after these events, one a second, in attempts as given. */
function after(bodies: readonly Body<JobEvent>[], attempts: readonly number[] = []): JobView {
  let view = emptyJob('job_1');
  for (const [index, body] of bodies.entries()) {
    view = withEvent(view, { ...body, job: 'job_1', attempt: attempts[index] ?? 1, id: index + 1, at: 1000 * (index + 1) });
  }
  return view;
}

const start: Body<JobEvent> = { type: 'job-start', bundle: 'nano', device: 'cpu', seed: 5, count: 1 };
const picture: Body<JobEvent> = { type: 'media-start', variant: 0, part: 1, output: 'image', modality: 'image', seed: 5, references: [2] };

test('parts stand in the order of the reply, whatever the order of the events', () => {
  const view = after([start, picture, { type: 'text-delta', variant: 0, part: 2, text: 'bye' }, { type: 'text-delta', variant: 0, part: 0, text: 'Here ' }, { type: 'text-delta', variant: 0, part: 0, text: 'it is' }]);
  expect(view.parts.map((part) => (part.type === 'text' ? part.text : part.output))).toEqual(['Here it is', 'image', 'bye']);
  expect(view).toMatchObject({ status: 'running', model: 'nano', seed: 5, last: 5 });
});

test('previews and progress belong to their medium, and the time left follows the pace', () => {
  const view = after([start, picture, { type: 'media-progress', variant: 0, part: 1, step: 2, steps: 8 }, { type: 'media-preview', variant: 0, part: 1, step: 2, media }]);
  const [part] = view.parts;
  expect(part).toMatchObject({ step: 2, steps: 8, previews: [{ step: 2, url: media.url }], media: null, startedAt: 2000 });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- just seen
  expect(secondsLeft(part as MediaView, 4000)).toBe(6);
});

test('a second attempt makes what the first one made void', () => {
  const view = after([start, { type: 'text-delta', variant: 0, part: 0, text: 'half' }, start], [1, 1, 2]);
  expect(view).toMatchObject({ attempt: 2, parts: [], status: 'running' });
});

test.each([
  [{ type: 'job-end', usage: { inputTokens: 3, outputTokens: 4 } }, { status: 'completed', tokens: { input: 3, output: 4 } }],
  [{ type: 'job-abort', reason: 'cancelled' }, { status: 'cancelled' }],
  [{ type: 'job-error', code: 'bad_media', message: 'x.png: not a picture' }, { status: 'failed', error: { code: 'bad_media', message: 'x.png: not a picture' } }],
] as const)('%o ends it', (event, expected) => {
  const view = after([start, event]);
  expect(view).toMatchObject(expected);
  expect(hasEnded(view)).toBe(true);
});

test('an event of a medium that never started changes nothing', () => {
  expect(after([start, { type: 'media-progress', variant: 0, part: 4, step: 1, steps: 2 }]).parts).toEqual([]);
});
