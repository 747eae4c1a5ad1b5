import { describe, expect, test } from 'vitest';
import { integerFlag, parseFlags, unknownFlags, type Flag } from '../../src/cli/flags.ts';
import { createInterruption } from '../../src/cli/interruption.ts';
import { nearest } from '../../src/cli/suggest.ts';

const flags: readonly Flag[] = [
  { name: 'seed', short: 's', value: 'S', help: '' },
  { name: 'image', value: 'F', repeatable: true, help: '' },
  { name: 'json', help: '' },
];

describe('flags', () => {
  test('values, repeated values, switches and the rest', () => {
    const parsed = parseFlags(['a prompt', '--image', 'a.png', '--image=b.png', '-s', '3', '--json', '--', '--not-a-flag'], flags, '');
    expect(parsed.positionals).toEqual(['a prompt', '--not-a-flag']);
    expect(parsed.values('image')).toEqual(['a.png', 'b.png']);
    expect(parsed.value('seed')).toBe('3');
    expect(parsed.on('json')).toBe(true);
  });

  test('a value may begin with a dash', () => {
    expect(parseFlags(['--seed', '-1'], flags, '').value('seed')).toBe('-1');
    expect(parseFlags(['-s', '-1'], flags, '').value('seed')).toBe('-1');
  });

  test('a dash alone is a word, whatever follows', () => {
    const parsed = parseFlags(['-', '--json', '--seed', '-'], flags, '');
    expect([parsed.positionals, parsed.on('json'), parsed.value('seed')]).toEqual([['-'], true, '-']);
  });

  test.each([
    [['--sead', '3'], '--sead: there is no such flag; did you mean --seed? HINT'],
    [['--audio', 'a.wav'], '--audio: there is no such flag. HINT'],
    [['--seed'], '--seed: a value is missing; write --seed S.'],
    [['--seed', '--json'], '--seed: a value is missing; write --seed S.'],
    [['--json=yes'], '--json: got the value "yes", but this flag takes none.'],
  ])('%j is refused', (args, message) => {
    expect(() => parseFlags(args, flags, 'HINT')).toThrow(message);
  });

  test('unknown flags are named as they were written', () => {
    expect(unknownFlags(['--sharpness=1', '-q', '--seed', '1'], flags)).toEqual(['--sharpness', '-q']);
  });

  test.each(['-1', '1.5', 'x', '', '9007199254740993', '1e3'])('"%s" is no integer of the range', (value) => {
    expect(() => integerFlag('--seed', value, 0, Number.MAX_SAFE_INTEGER)).toThrow(`--seed: got "${value}", expected an integer from 0 to 9007199254740991.`);
  });
});

test('the nearest word is suggested, a far one is not', () => {
  expect(nearest('genrate', ['generate', 'chat'])).toBe('generate');
  expect(nearest('caht', ['generate', 'chat'])).toBe('chat');
  expect(nearest('apple', ['generate', 'chat', 'embed'])).toBe(null);
});

describe('interruption', () => {
  test('the first cancels, an echo of it does nothing, the second ends the process', async () => {
    let [clock, kills] = [0, 0];
    const interruption = createInterruption(
      () => {
        kills += 1;
      },
      () => clock,
    );
    await interruption.during(async (signal) => {
      interruption.interrupt();
      expect(signal.aborted).toBe(true);
      clock = 100;
      interruption.interrupt();
      expect(kills).toBe(0);
      clock = 1000;
      interruption.interrupt();
      expect(kills).toBe(1);
    });
  });

  test('with nothing in hand it ends the process', () => {
    let kills = 0;
    createInterruption(() => {
      kills += 1;
    }).interrupt();
    expect(kills).toBe(1);
  });
});
