// One answer: its parts in the order of the reply while they come, warnings, errors, and the way to how it was made.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { JobInput } from '../../../src/client/index.ts';
import { hasEnded, type JobView, type PartView } from '../state/job-view.ts';
import { followJob } from '../state/jobs.ts';
import { text } from '../text.ts';
import { Icon } from './icons.tsx';
import { MediaCard } from './media-card.tsx';

/** The job whose making is shown beside the conversation. */
export const traced = signal<string | null>(null);

export function Answer({ id, asked }: { readonly id: string; readonly asked: JobInput | null }): JSX.Element {
  const job = followJob(id).value;
  const ended = hasEnded(job);
  const words = asked?.input.find((part) => part.type === 'text')?.text ?? null;
  const variants = new Set(job.parts.map(({ variant }) => variant)).size;
  return (
    <article class="turn answer" aria-live="polite" aria-busy={!ended} data-job={id} data-status={job.status}>
      {job.attempt > 1 && !ended && <p class="quiet">{text.chat.restarted}</p>}
      <div class={variants > 1 ? 'parts variants' : 'parts'}>{job.parts.map((part) => <Part key={`${part.variant}/${part.part}`} part={part} job={job} title={words} asked={asked} />)}</div>
      {!ended && <Waiting job={job} />}
      {job.warnings.map(({ code, message }) => <p key={`${code}${message}`} class="note">{message}</p>)}
      {job.status === 'failed' && <p class="note bad" role="alert">{job.error?.message}</p>}
      {job.status === 'cancelled' && <p class="note">{text.chat.cancelled}</p>}
      {ended && job.traces.length > 0 && (
        <button type="button" class="link" aria-expanded={traced.value === id} onClick={() => (traced.value = traced.value === id ? null : id)}>
          <Icon name="trace" /> {text.trace.open}{job.startedAt !== null && job.endedAt !== null && <span class="quiet"> · {text.trace.milliseconds(job.endedAt - job.startedAt)}</span>}
        </button>
      )}
    </article>
  );
}


function Part({ part, job, title, asked }: { readonly part: PartView; readonly job: JobView; readonly title: string | null; readonly asked: JobInput | null }): JSX.Element | null {
  if (part.type === 'text') return <p class="words">{part.text}</p>;
  return <MediaCard view={part} ended={hasEnded(job)} title={part.prompt ?? title} request={asked} onDetails={() => (traced.value = job.id)} />;
}

function Waiting({ job }: { readonly job: JobView }): JSX.Element | null {
  if (job.status === 'queued') return <p class="waiting"><span class="dots" /> {text.chat.queued}{job.position === null ? '' : ` · ${text.chat.queuedBehind(job.position)}`}</p>;
  const making = job.parts.some((part) => part.type === 'media' && part.media === null);
  return making || job.parts.length > 0 ? null : <p class="waiting"><span class="dots" /> {text.chat.thinking}</p>;
}
