// Where a message is written: words, attached media, what the answer shall have, send and stop.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { attachFiles, attachments, canSend, detach, draft } from '../state/composer.ts';
import { running, sendDraft, stop } from '../state/conversation.ts';
import { changes } from '../state/settings.ts';
import { text } from '../text.ts';
import { Camera, Microphone } from './capture.tsx';
import { IconButton } from './icons.tsx';
import { Medium } from './medium.tsx';
import { Wanted } from './wanted.tsx';

function submit(): void {
  if (canSend.value && running.value === null) void sendDraft();
}

export function Composer({ onSettings, settingsOpen }: { readonly onSettings: () => void; readonly settingsOpen: boolean }): JSX.Element {
  const area = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const element = area.current;
    if (element === null) return;
    element.style.height = 'auto';
    element.style.height = `${Math.min(220, element.scrollHeight)}px`;
  }, [draft.value]);
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {attachments.value.length > 0 && (
        <ul class="attachments">
          {attachments.value.map((attachment) => (
            <li key={attachment.key} class={attachment.media === null ? 'loading' : ''}>
              {attachment.media === null ? <span class="shimmer" /> : <Medium media={attachment.media} label={attachment.name} small />}
              {attachment.isMask && <span class="badge">{text.media.mask}</span>}
              <IconButton name="close" label={`${text.chat.remove}: ${attachment.name}`} onClick={() => detach(attachment.key)} kind="small" />
            </li>
          ))}
        </ul>
      )}
      <textarea
        id="composer"
        ref={area}
        rows={1}
        value={draft.value}
        placeholder={text.chat.placeholder}
        aria-label={text.chat.placeholder}
        onInput={(event) => (draft.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            submit();
          }
        }}
        onPaste={(event) => {
          const pasted = [...(event.clipboardData?.files ?? [])];
          if (pasted.length === 0) return;
          event.preventDefault();
          void attachFiles(pasted);
        }}
      />
      <div class="composer-bar">
        <IconButton name="clip" label={text.chat.attach} onClick={() => files.current?.click()} />
        <input
          ref={files}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            void attachFiles([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = '';
          }}
        />
        <Microphone />
        <Camera />
        <IconButton name="settings" label={changes() === 0 ? text.chat.settings : `${text.chat.settings} (${changes()})`} onClick={onSettings} pressed={settingsOpen} kind={changes() > 0 ? 'changed' : ''} />
        <Wanted />
        {running.value === null ? (
          <button type="submit" class="icon-button send" aria-label={text.chat.send} title={text.chat.send} disabled={!canSend.value}>
            <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="M12 19V5M6 11l6-6 6 6" /></svg>
          </button>
        ) : (
          <IconButton name="stop" label={text.chat.stop} onClick={() => void stop()} kind="send stop" />
        )}
      </div>
    </form>
  );
}
