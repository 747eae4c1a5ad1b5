import { expect, test } from 'vitest';
import { Recent } from '../../src/engine/recent.ts';

test('what was used last stays, within the limit', () => {
  const recent = new Recent<string>(6, (value) => value.length);
  recent.set('a', 'aa');
  recent.set('b', 'bb');
  recent.set('c', 'cc');
  expect(recent.get('a')).toBe('aa');
  recent.set('d', 'dd');
  expect(['a', 'b', 'c', 'd'].map((key) => recent.get(key))).toEqual(['aa', undefined, 'cc', 'dd']);
});

test('a value that is set again counts once, and one that is too large is not kept and displaces none', () => {
  const recent = new Recent<string>(4, (value) => value.length);
  recent.set('a', 'aa');
  recent.set('a', 'bb');
  recent.set('c', 'cc');
  expect(recent.get('a')).toBe('bb');
  recent.set('d', 'ddddd');
  expect(['a', 'c', 'd'].map((key) => recent.get(key))).toEqual(['bb', 'cc', undefined]);
  recent.set('a', 'eeeee');
  expect(['a', 'c'].map((key) => recent.get(key))).toEqual([undefined, 'cc']);
});
