// Job events to what a person or a program reads: text and paths, or one JSON object a line.
// Knows no engine and writes no media file.
import type { JobEvent } from '../contracts.ts';
import { createProgress } from './progress.ts';
import { dim, type Shell } from './shell.ts';

export interface Report {
  /** Something is under way that has no steps yet. */
  readonly waiting: (text: string) => void;
  /** Shows an event; `path` is where its medium was written, null where it has none or was not written. */
  readonly event: (event: JobEvent, path: string | null) => void;
  /** A line for the person at the terminal, never part of the result. */
  readonly note: (text: string) => void;
  /** A line that only a terminal is shown, such as which device was taken. */
  readonly detail: (text: string) => void;
  /** An error before or outside of a job: its message, and on `--json` a `job-error` of job `job`. */
  readonly failure: (code: string, message: string, job: string) => void;
  /** Ends a line of text that is open. */
  readonly finish: () => void;
}

/** Results for a person: the reply's text and the paths of its media on stdout, all else on stderr. */
export function createPlainReport(shell: Shell): Report {
  const progress = createProgress(shell.stderr, shell.environment);
  const labels = new Map<string, string>();
  /** The text that was written last, and whether its line is open. */
  let last: string | null = null;
  let open = false;
  const write = (text: string): void => {
    progress.clear();
    shell.stdout.write(text);
  };
  const endLine = (): void => {
    if (open) write('\n');
    open = false;
  };
  return {
    waiting: (text) => {
      progress.waiting(text);
    },
    event(event, path) {
      switch (event.type) {
        case 'text-delta': {
          const place = `${event.variant}/${event.part}`;
          if (last !== place) endLine();
          // The model's white space before a text is no part of what a person reads; that before its later lines is.
          const text = last === place ? event.text : event.text.trimStart();
          if (text === '') return;
          write(printable(text));
          [last, open] = [place, !text.endsWith('\n')];
          return;
        }
        case 'media-start':
          endLine();
          labels.set(`${event.variant}/${event.part}`, event.variant === 0 ? event.output : `${event.output} of seed ${event.seed}`);
          progress.waiting(`${event.output} ...`);
          return;
        case 'media-progress':
          progress.step(labels.get(`${event.variant}/${event.part}`) ?? 'medium', event.step, event.steps);
          return;
        case 'media-preview':
          if (path !== null) progress.line(`preview ${path}`);
          return;
        case 'media-end':
          endLine();
          if (path !== null) write(`${path}\n`);
          return;
        case 'job-warning':
          endLine();
          progress.line(`warning: ${event.message} (${event.code})`);
          return;
        case 'job-error':
          endLine();
          progress.line(`anymodal: ${event.message}`);
          return;
        case 'job-abort':
          endLine();
          progress.line('anymodal: cancelled');
          return;
        case 'job-end':
          endLine();
          progress.clear();
          return;
        default:
      }
    },
    note: (text) => {
      progress.line(text);
    },
    detail: (text) => {
      if (shell.stderr.isTTY === true) progress.line(dim(text, shell.stderr, shell.environment));
    },
    failure(_code, message) {
      endLine();
      progress.line(`anymodal: ${message}`);
    },
    finish() {
      endLine();
      progress.clear();
    },
  };
}

/** One JSON object a line on stdout; media bytes are replaced by `path`. Errors and progress also on stderr. */
export function createJsonReport(shell: Shell): Report {
  const plain = createPlainReport({ ...shell, stdout: shell.stderr });
  const print = (value: unknown): void => {
    shell.stdout.write(`${JSON.stringify(value)}\n`);
  };
  return {
    waiting: plain.waiting,
    event(event, path) {
      print(withPath(event, path));
      if (event.type !== 'text-delta' && event.type !== 'media-end') plain.event(event, path);
    },
    note: plain.note,
    detail: plain.detail,
    failure(code, message, job) {
      print({ type: 'job-error', code, message, job, attempt: 1 });
      plain.failure(code, message, job);
    },
    finish: plain.finish,
  };
}

/** The event as a plain object, `type` first, with the path of its medium in place of the medium. */
export function withPath(event: JobEvent, path: string | null): Record<string, unknown> {
  if (event.type !== 'media-end' && event.type !== 'media-preview') return { ...event };
  const { media, ...rest } = event;
  return { ...rest, ...(event.type === 'media-preview' ? { mediaType: media.mediaType } : {}), ...(path === null ? {} : { path }) };
}

/** `text` without the control characters by which the text of a model or the name of a file could drive a terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}
