// What can be done with a made medium: edit, mask, variations, animate, download, copy as request, details.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { JobInput } from '../../../src/client/index.ts';
import { attachFile, attachMedia, draft } from '../state/composer.ts';
import { send } from '../state/conversation.ts';
import type { MediaView } from '../state/job-view.ts';
import { outputs } from '../state/models.ts';
import { nameOf, text } from '../text.ts';
import { IconButton } from './icons.tsx';
import { MaskDialog } from './mask-dialog.tsx';
import { RequestDialog } from './request-dialog.tsx';

export function focusComposer(): void {
  document.querySelector<HTMLTextAreaElement>('#composer')?.focus();
}

const MOST_SEED = 2 ** 31;

export function MediumActions({ view, request, onDetails }: { readonly view: MediaView; readonly request: JobInput | null; readonly onDetails: (() => void) | null }): JSX.Element | null {
  const [open, setOpen] = useState<'mask' | 'request' | null>(null);
  const { media } = view;
  if (media === null) return null;
  const name = nameOf(view.output);
  const can = (role: string): boolean => outputs.value.some(({ modality, references }) => modality === media.modality && references.includes(role));
  const canAnimate = media.modality === 'image' && outputs.value.some((output) => output.modality === 'video' && output.references.includes('follow'));
  const edit = (): void => {
    attachMedia(media, name);
    focusComposer();
  };
  const vary = (): void => {
    const words = request?.input.find((part) => part.type === 'text')?.text ?? media.title ?? '';
    const input = words === '' ? [{ type: 'media' as const, id: media.id }] : (request?.input ?? [{ type: 'text' as const, text: words }]);
    void send(input, [{ type: 'text', text: `${text.media.variations}: ${words}` }], { outputs: [view.output], count: 4, seed: crypto.getRandomValues(new Uint32Array(1))[0]! % MOST_SEED });
  };
  const animate = (): void => {
    attachMedia(media, name);
    if (draft.value.trim() === '') draft.value = text.chat.animate;
    focusComposer();
  };
  return (
    <>
      <div class="medium-actions" role="toolbar" aria-label={name}>
        {can('edit') && <IconButton name="edit" label={text.media.edit} onClick={edit} />}
        {can('mask') && <IconButton name="mask" label={text.media.mask} onClick={() => setOpen('mask')} />}
        <IconButton name="variations" label={text.media.variations} onClick={vary} />
        {canAnimate && <IconButton name="animate" label={text.media.animate} onClick={animate} />}
        <a class="icon-button" href={`${media.url}${media.url.includes('?') ? '&' : '?'}download=1`} download aria-label={text.media.download} title={text.media.download}>
          <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 4v11M7 11l5 5 5-5M5 20h14" /></svg>
        </a>
        {request !== null && <IconButton name="code" label={text.media.copy} onClick={() => setOpen('request')} />}
        {onDetails !== null && <IconButton name="info" label={text.media.details} onClick={onDetails} />}
      </div>
      {open === 'mask' && (
        <MaskDialog
          picture={media}
          onClose={() => setOpen(null)}
          onUse={(mask) => {
            setOpen(null);
            attachMedia(media, name);
            void attachFile(mask, text.mask.title, true).then(focusComposer);
          }}
        />
      )}
      {open === 'request' && request !== null && <RequestDialog job={{ ...request, seed: view.seed }} onClose={() => setOpen(null)} />}
    </>
  );
}
