// A medium of an answer from its first step to its file: previews sharpen in a frame that keeps its size.
import type { JSX } from 'preact';
import type { JobInput } from '../../../src/client/index.ts';
import { secondsLeft, type MediaView } from '../state/job-view.ts';
import { nameOf, text } from '../text.ts';
import { Medium } from './medium.tsx';
import { MediumActions } from './medium-actions.tsx';

export function MediaCard({ view, ended, title, request, onDetails }: {
  readonly view: MediaView;
  /** The job is over; what is not finished will not be. */
  readonly ended: boolean;
  readonly title: string | null;
  readonly request: JobInput | null;
  readonly onDetails: (() => void) | null;
}): JSX.Element | null {
  if (view.media === null && ended) return null;
  const kind = nameOf(view.output);
  const label = text.media.alt(title, kind);
  const preview = view.previews.at(-1);
  const left = secondsLeft(view, Date.now());
  const shape = view.modality === 'audio' ? 'flat' : 'square';
  return (
    <figure class={`card ${shape} ${view.media === null ? 'making' : ''}`} aria-busy={view.media === null}>
      <div class="frame">
        {view.media !== null ? <Medium media={view.media} label={label} /> : preview !== undefined ? <img class="medium preview" src={preview.url} alt={text.media.previewOf(preview.step)} /> : <span class="shimmer" />}
      </div>
      {view.media === null ? (
        <figcaption class="progress">
          <progress value={view.step} max={Math.max(1, view.steps)} aria-label={kind} />
          <span>{kind} · {view.steps === 0 ? text.media.starting : text.media.step(view.step, view.steps)}{left === null ? '' : ` · ${text.media.secondsLeft(left)}`}</span>
        </figcaption>
      ) : (
        <MediumActions view={view} request={request} onDetails={onDetails} />
      )}
    </figure>
  );
}
