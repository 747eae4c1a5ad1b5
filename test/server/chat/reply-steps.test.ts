// The order in which a reply is told: whatever the order in which its parts are made, and across attempts. Small cases, then all of many random ones.

import { expect, test } from 'vitest';
import type { LoggedEvent } from '../../../src/queue/contracts.ts';
import { ReplyOrder, type ReplyStep } from '../../../src/server/chat/reply-steps.ts';
import { createRandom } from '../../../src/runtime/random.ts';

type Told = { readonly type: string; readonly variant: number; readonly part?: number; readonly text?: string };

const media = (part: number): { id: string; modality: string; mediaType: string; size: number } => ({ id: String(part), modality: 'image', mediaType: 'image/png', size: 1 });
const text = (part: number, words: string, variant = 0): object => ({ type: 'text-delta', variant, part, text: words });
const begun = (part: number, variant = 0): object => ({ type: 'media-start', variant, part, output: 'image', modality: 'image', seed: 1, references: [] });
const shown = (part: number, step: number, variant = 0): object => ({ type: 'media-preview', variant, part, step, media: media(part) });
const ended = (part: number, variant = 0): object => ({ type: 'media-end', variant, part, output: 'image', modality: 'image', mediaType: 'image/png', seed: 1, media: media(part) });
const end = { type: 'job-end', usage: { inputTokens: 1, outputTokens: 1 } };

/** An event with what every event has. */
function logged(event: object, id: number): LoggedEvent {
  return JSON.parse(JSON.stringify({ job: 'j', attempt: 1, id, at: 0, ...event }));
}

function steps(...events: readonly object[]): ReplyStep[] {
  const order = new ReplyOrder();
  return events.flatMap((event, index) => [...order.add(logged(event, index + 1))]);
}

const again = (event: object): object => ({ ...event, attempt: 2 });
const short = (told: readonly ReplyStep[]): string[] => told.map((step) => `${step.type}${'part' in step ? step.part : ''}${'text' in step ? `:${step.text}` : ''}`);

test('text flows at once and is whole when what follows begins', () => {
  const order = new ReplyOrder();
  const add = (event: object): string[] => short([...order.add(logged(event, 1))]);
  expect(add(text(0, 'Here '))).toEqual(['text-start0', 'text0:Here ']);
  expect(add(text(0, 'it is.'))).toEqual(['text0:it is.']);
  expect(add(begun(1))).toEqual(['text-end0:Here it is.', 'media-start1']);
  expect(add(shown(1, 2))).toEqual(['preview1']);
  expect(add(ended(1))).toEqual(['media-end1']);
  expect(add(end)).toEqual(['variant-end']);
});

test('text after a picture waits for it', () => {
  expect(short(steps(text(0, 'a'), text(2, 'b'), text(2, 'c'), begun(1), ended(1), end))).toEqual([
    'text-start0', 'text0:a', 'text-end0:a', 'media-start1', 'media-end1', 'text-start2', 'text2:b', 'text2:c', 'text-end2:bc', 'variant-end',
  ]);
});

test('a follower that is made before its leader is whole waits, as does a first picture', () => {
  expect(short(steps(text(2, 'x'), begun(0), begun(1), ended(1), ended(0), end))).toEqual(['media-start0', 'media-end0', 'media-start1', 'media-end1', 'text-start2', 'text2:x', 'text-end2:x', 'variant-end']);
});

test('a medium that never came holds nothing up at the end', () => {
  expect(short(steps(text(0, 'a'), text(2, 'b'), end))).toEqual(['text-start0', 'text0:a', 'text-end0:a', 'text-start2', 'text2:b', 'text-end2:b', 'variant-end']);
});

test('another attempt tells nothing twice', () => {
  expect(short(steps(text(0, 'abc'), begun(1), shown(1, 1), ...[text(0, 'ab'), text(0, 'cd'), begun(1), shown(1, 1), shown(1, 2), ended(1), end].map(again)))).toEqual([
    'text-start0', 'text0:abc', 'text-end0:abc', 'media-start1', 'preview1', 'preview1', 'media-end1', 'variant-end',
  ]);
  expect(short(steps(text(0, 'abc'), ...[text(0, 'ab'), text(0, 'cd'), end].map(again)))).toEqual(['text-start0', 'text0:abc', 'text0:d', 'text-end0:abcd', 'variant-end']);
});

test('the variant that was cut says so', () => {
  const cut = { type: 'job-warning', code: 'reply_cut', message: 'x' };
  expect(steps(text(0, 'a', 0), text(0, 'b', 1), cut, text(0, 'c', 2), end).flatMap((step) => (step.type === 'variant-end' ? [step.cut] : []))).toEqual([false, true, false]);
});

test('of random replies every part is told once, whole, in order', () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const draw = createRandom(seed);
    const upTo = (most: number): number => Math.floor(draw.uniform(1)[0]! * (most + 1));
    // Texts as the language model writes them, then media in any order.
    const kinds = Array.from({ length: 1 + upTo(5) }, () => (upTo(1) === 0 ? 'text' : 'media')).filter((kind, i, all) => !(kind === 'text' && all[i - 1] === 'text'));
    const written = kinds.flatMap((kind, part) => (kind === 'text' ? Array.from({ length: 1 + upTo(3) }, (_, k) => text(part, `${part}${k} `)) : []));
    const pictures = kinds.flatMap((kind, part) => (kind === 'media' ? [{ key: draw.uniform(1)[0]!, events: [begun(part), shown(part, 1), ended(part)] }] : [])).toSorted((a, b) => a.key - b.key);
    // Half of them: leaders end after their followers.
    const made = upTo(1) === 0 ? pictures.flatMap(({ events }) => events) : [...pictures.flatMap(({ events }) => events.slice(0, 2)), ...pictures.toReversed().flatMap(({ events }) => events.slice(2))];
    const told: readonly Told[] = steps(...written, ...made, end);
    const places = told.flatMap(({ part }) => (part === undefined ? [] : [part]));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    for (const [part, kind] of kinds.entries()) {
      const own = told.filter((step) => step.part === part).map(({ type }) => type);
      expect(own.at(0)).toBe(`${kind}-start`);
      expect(own.at(-1)).toBe(`${kind}-end`);
      expect(own.filter((type) => type.endsWith('-end'))).toHaveLength(1);
      if (kind === 'text') {
        const whole = told.find((step) => step.part === part && step.type === 'text-end')?.text;
        expect(told.filter((step) => step.part === part && step.type === 'text').map((step) => step.text).join('')).toBe(whole);
      }
    }
  }
});
