// How far the media in hand are: one line that is redrawn on a terminal, a few plain lines elsewhere.
// Writes to one stream that is no one else's result; knows no job event.
import type { Environment } from './environment.ts';
import { canRedraw, dim, type Output } from './shell.ts';

export interface Progress {
  /** A state without steps, such as loading; shown on a terminal alone. */
  waiting(text: string): void;
  /** `step` of `steps` of what `label` names is done. */
  step(label: string, step: number, steps: number): void;
  /** A lasting line, such as a warning. */
  line(text: string): void;
  /** Takes the redrawn line away, so that others can write. */
  clear(): void;
}

const BAR_WIDTH = 24;

/** Progress on `stream`: redrawn where it is a terminal, and else a line at every quarter. */
export function createProgress(stream: Output, environment: Environment, now: () => number = () => performance.now()): Progress {
  const redraws = canRedraw(stream, environment);
  let drawn = false;
  let label = '';
  let started = 0;
  let firstStep = 0;

  const clear = (): void => {
    if (drawn) stream.write('\r\u001b[K');
    drawn = false;
  };
  const draw = (text: string): void => {
    // A line longer than the terminal would wrap, and a wrapped line cannot be taken back.
    const width = (stream.columns ?? 0) > 0 ? (stream.columns ?? 0) - 1 : 79;
    stream.write(`\r\u001b[K${dim(text.slice(0, width), stream, environment)}`);
    drawn = true;
  };

  return {
    waiting(text) {
      if (redraws) draw(text);
    },
    step(name, step, steps) {
      if (name !== label || step <= firstStep) [label, started, firstStep] = [name, now(), step];
      if (redraws) {
        const filled = Math.round((step / steps) * BAR_WIDTH);
        const bar = '#'.repeat(filled) + '-'.repeat(BAR_WIDTH - filled);
        const perStep = step > firstStep ? (now() - started) / (step - firstStep) : null;
        const left = perStep === null ? '' : `  ${seconds((steps - step) * perStep)} left`;
        draw(`${name}  [${bar}]  step ${step} of ${steps}${left}`);
      } else if (step === steps || Math.floor((step * 4) / steps) > Math.floor(((step - 1) * 4) / steps)) {
        stream.write(`${name}: step ${step} of ${steps}\n`);
      }
    },
    line(text) {
      clear();
      stream.write(`${text}\n`);
    },
    clear,
  };
}

function seconds(milliseconds: number): string {
  return milliseconds < 60_000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}
