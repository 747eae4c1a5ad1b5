import { expect, test } from 'vitest';
import { Order, type Waiting } from '../../src/queue/order.ts';
import { Rates, weightOf } from '../../src/queue/weight.ts';
import { chance, description } from './fakes.ts';

const slots = { all: 3, long: 1, longWeight: 10 };
const job = (id: string, owner = 'ann', weight = 1, others: Partial<Waiting> = {}): Waiting => ({ id, owner, weight, model: 'nano', suspect: false, ...others });

const of = (outputs: readonly string[] | null, options = {}, count = 1): number => weightOf({ outputs, count, options }, description);

/** Ids in the order in which they start, each alone. */
function started(order: Order): string[] {
  const ids: string[] = [];
  for (let next = order.next([]); next !== null; next = order.next([])) ids.push(next.id);
  return ids;
}

function orderOf(...jobs: Waiting[]): Order {
  const order = new Order(slots);
  for (const each of jobs) order.add(each);
  return order;
}

test('owners take turns', () => {
  expect(started(orderOf(job('a1'), job('a2'), job('a3'), job('b1', 'bob'), job('c1', 'cat'), job('b2', 'bob')))).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
});

test("an owner's short jobs go before a long one, but not for ever", () => {
  expect(started(orderOf(job('long', 'ann', 16), job('short'), job('video', 'bob', 16)))).toEqual(['short', 'video', 'long']);
  const order = orderOf(job('long', 'ann', 16), ...Array.from({ length: 20 }, (_, index) => job(`short ${index}`)));
  expect(started(order).indexOf('long')).toBe(8);
});

test('who has fewer jobs under way goes first', () => {
  expect(orderOf(job('a2'), job('b1', 'bob')).next([job('a1')])?.id).toBe('b1');
});

test('long jobs leave slots free, of each model its own', () => {
  const order = orderOf(job('l2', 'ann', 16), job('l3', 'bob', 16));
  expect(order.next([job('l1', 'cat', 16)])).toBeNull();
  order.add(job('s1', 'dan'));
  expect(order.next([job('l1', 'cat', 16)])?.id).toBe('s1');
  expect(order.next([job('x'), job('y'), job('z')])).toBeNull();
  order.add(job('other', 'dan', 16, { model: 'big' }));
  expect(order.next([job('x'), job('y'), job('z')])?.id).toBe('other');
});

test('a suspect runs next, and alone', () => {
  const order = orderOf(job('sound', 'bob'), job('s2', 'ann', 1, { suspect: true }));
  expect(order.next([job('s1', 'cat', 1, { suspect: true })])).toBeNull();
  expect(order.position('s2')).toBe(0);
  expect(order.next([])?.id).toBe('s2');
  expect(order.next([job('s2', 'ann', 1, { suspect: true })])).toBeNull();
  expect(order.next([job('s2', 'ann', 1, { suspect: true, model: 'big' })])?.id).toBe('sound');
});

test('positions are those in which jobs start', () => {
  const random = chance(5);
  for (let round = 0; round < 50; round += 1) {
    const order = orderOf(...Array.from({ length: 12 }, (_, index) => job(`j${index}`, `owner ${Math.floor(random() * 4)}`, random() < 0.3 ? 16 : 1)));
    const foreseen = Array.from({ length: 12 }, (_, index) => `j${index}`).toSorted((a, b) => (order.position(a) ?? 0) - (order.position(b) ?? 0));
    const came = job('new', 'owner 1');
    const position = order.foreseen(came);
    order.add(came);
    expect(order.position('new')).toBe(position);
    order.remove('new');
    expect(started(order)).toEqual(foreseen);
    expect(order.position('j0')).toBeNull();
  }
});

test('weights go by modality, options and variants', () => {
  expect(of(null)).toBe(1);
  expect(of(['image'])).toBeLessThan(slots.longWeight);
  expect(of(['video'])).toBeGreaterThan(slots.longWeight);
  expect(of(['image'], {}, 8)).toBeGreaterThan(slots.longWeight);
  expect(of(['audio'], { audio: { seconds: 40 } })).toBeGreaterThan(slots.longWeight);
  expect(of(['image'], { image: { steps: 20 } })).toBe(2 * of(['image']));
  expect(of(['smell'])).toBeGreaterThan(0);
});

test('the time to wait is measured, within what clients obey', () => {
  const rates = new Rates();
  expect(rates.retryAfterMs([])).toBe(1000);
  for (let round = 0; round < 40; round += 1) rates.add(2, 20_000);
  expect(rates.retryAfterMs([2, 2])).toBeCloseTo(10_000, -2);
  expect(rates.retryAfterMs([64])).toBe(60_000);
});
