// How an answer was made: the chain as a picture with what flowed along each edge, the time of each step, previews as a film strip.
import type { JSX } from 'preact';
import { followJob } from '../state/jobs.ts';
import type { JobView, MediaView, Trace } from '../state/job-view.ts';
import { nameOf, text } from '../text.ts';
import { IconButton } from './icons.tsx';

const ORDER = ['encoder', 'input-projector', 'language-model', 'signal', 'output-projector', 'decoder', 'join'];

export function TracePanel({ id, onClose }: { readonly id: string; readonly onClose: () => void }): JSX.Element {
  const job = followJob(id).value;
  const media = job.parts.filter((part): part is MediaView => part.type === 'media');
  return (
    <aside class="panel" aria-label={text.trace.title}>
      <header>
        <h2>{text.trace.title}</h2>
        <IconButton name="close" label={text.close} onClick={onClose} />
      </header>
      <div class="panel-body">
        {job.traces.length === 0 ? <p class="quiet">{text.trace.empty}</p> : <Chain job={job} />}
        {media.map((view) => (
          <section key={`${view.variant}/${view.part}`}>
            <h3>{nameOf(view.output)}</h3>
            <dl class="facts">
              <dt>{text.media.seed}</dt><dd><code>{view.seed}</code></dd>
              {view.references.length > 0 && <><dt>{text.trace.signals}</dt><dd>{view.references.map((ordinal) => text.trace.points(ordinal)).join(', ')}</dd></>}
              {view.prompt !== null && <><dt>{text.trace.flow}</dt><dd>“{view.prompt}”</dd></>}
              {view.endedAt !== null && <><dt>{text.trace.time}</dt><dd>{text.trace.milliseconds(view.endedAt - view.startedAt)}</dd></>}
            </dl>
            {view.previews.length > 0 && (
              <ol class="strip" aria-label={text.trace.strip}>
                {view.previews.map((preview) => <li key={preview.step}><img src={preview.url} alt={text.media.previewOf(preview.step)} loading="lazy" /></li>)}
              </ol>
            )}
          </section>
        ))}
        {job.tokens !== null && <p class="quiet">{text.trace.tokens(job.tokens.input, job.tokens.output)}{job.seed !== null && <> · {text.media.seed} {job.seed}</>}</p>}
      </div>
    </aside>
  );
}

/** Steps in the order of the chain, one box a component, wide as its share of the time. */
function Chain({ job }: { readonly job: JobView }): JSX.Element {
  const traces = job.traces.toSorted((a, b) => rank(a) - rank(b));
  const most = Math.max(...traces.map(({ milliseconds }) => milliseconds), 1);
  return (
    <ol class="chain">
      {traces.map((trace, index) => (
        <li key={index} class={`stage ${trace.stage}`}>
          <div class="stage-head">
            <strong>{text.trace.stages[trace.stage] ?? trace.stage}</strong>
            <span>{text.trace.milliseconds(trace.milliseconds)}</span>
          </div>
          <code>{trace.component}</code>
          <svg class="bar" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true"><rect class="bar-back" width="100" height="3" rx="1.5" /><rect class="bar-front" width={Math.max(1.5, (trace.milliseconds / most) * 100)} height="3" rx="1.5" /></svg>
          {Object.keys(trace.shapes).length > 0 && <span class="flow">{Object.entries(trace.shapes).map(([port, shape]) => `${port} ${shape.join(' × ')}`).join(' · ')}</span>}
        </li>
      ))}
    </ol>
  );
}

function rank({ stage }: Trace): number {
  const place = ORDER.indexOf(stage);
  return place === -1 ? ORDER.length : place;
}
