import { expect, test } from 'vitest';
import { createPlainReport } from '../../src/cli/report.ts';
import { fakeShell } from './fake-shell.ts';

test('white space before a text goes, that before its later lines stays, and each text has lines of its own', () => {
  const shell = fakeShell({ folder: '.' });
  const report = createPlainReport(shell);
  const say = (part: number, text: string): void => report.event({ type: 'text-delta', variant: 0, part, text, job: 'job-1', attempt: 1 }, null);
  for (const text of [' ', '\n', ' if x:', '\n', '    y', '\n']) say(0, text);
  say(2, ' z');
  say(4, 'end');
  report.finish();
  expect(shell.out()).toBe('if x:\n    y\nz\nend\n');
});
