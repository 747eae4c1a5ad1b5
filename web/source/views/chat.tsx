// The conversation: what was said, the answers while they come, and the composer below.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobInput } from '../../../src/client/index.ts';
import { Answer, traced } from '../parts/answer.tsx';
import { Composer } from '../parts/composer.tsx';
import { focusComposer } from '../parts/medium-actions.tsx';
import { Medium } from '../parts/medium.tsx';
import { SettingsPanel } from '../parts/settings-panel.tsx';
import { TracePanel } from '../parts/trace-panel.tsx';
import { place } from '../state/address.ts';
import { attachFiles, draft } from '../state/composer.ts';
import { openConversation, opening, running, turns, type Turn } from '../state/conversation.ts';
import { followJob } from '../state/jobs.ts';
import { text } from '../text.ts';

export function ChatView(): JSX.Element {
  const [settings, setSettings] = useState(false);
  const [dropping, setDropping] = useState(false);
  const list = useRef<HTMLDivElement>(null);
  const { id } = place.value;
  useEffect(() => {
    traced.value = null;
    void openConversation(id);
  }, [id]);
  useScrollToEnd(list);
  const shown = turns.value;
  return (
    <div
      class={`chat ${traced.value !== null || settings ? 'with-panel' : ''}`}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes('Files') !== true) return;
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={(event) => {
        if (event.currentTarget === event.target || event.relatedTarget === null) setDropping(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setDropping(false);
        void attachFiles([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      <div class="chat-column">
        <div class="turns" ref={list} tabIndex={-1} id="turns" aria-label={text.tabs.chat} role="log">
          {shown.length === 0 && (opening.value ? <p class="waiting">{text.chat.loading}</p> : <Welcome />)}
          {shown.map((turn, index) => <TurnView key={turn.key} turn={turn} before={shown[index - 1]} />)}
        </div>
        <Composer onSettings={() => { traced.value = null; setSettings(!settings); }} settingsOpen={settings} />
      </div>
      {traced.value !== null ? <TracePanel id={traced.value} onClose={() => (traced.value = null)} /> : settings && <SettingsPanel onClose={() => setSettings(false)} />}
      {dropping && <div class="drop" aria-hidden="true">{text.chat.drop}</div>}
    </div>
  );
}

function TurnView({ turn, before }: { readonly turn: Turn; readonly before: Turn | undefined }): JSX.Element {
  if (turn.type === 'answer') return <Answer id={turn.job} asked={askedOf(before)} />;
  return (
    <article class={`turn said ${turn.role}`} aria-label={turn.role === 'user' ? text.chat.you : text.name}>
      {turn.parts.map((part, index) => (part.type === 'text' ? <p key={index} class="words">{part.text}</p> : <figure key={index} class="given"><Medium media={part.media} small /></figure>))}
    </article>
  );
}

/** What the person asked for in a turn, as a job on its own. */
function askedOf(turn: Turn | undefined): JobInput | null {
  if (turn?.type !== 'said') return null;
  return { input: turn.parts.map((part) => (part.type === 'text' ? { type: 'text', text: part.text } : { type: 'media', id: part.media.id })) };
}

function Welcome(): JSX.Element {
  return (
    <div class="welcome">
      <h1>{text.chat.empty}</h1>
      <p class="quiet">{text.chat.emptyMore}</p>
      <ul class="suggestions">
        {text.chat.suggestions.map((suggestion) => (
          <li key={suggestion}>
            <button
              type="button"
              onClick={() => {
                draft.value = suggestion;
                focusComposer();
              }}
            >
              {suggestion}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Keeps the end in view while an answer grows, unless the person scrolled away from it. */
function useScrollToEnd(list: { readonly current: HTMLDivElement | null }): void {
  const near = useRef(true);
  const count = turns.value.length;
  const job = running.value;
  const parts = job === null ? '' : followJob(job).value.parts.map((part) => (part.type === 'text' ? part.text.length : `${part.media === null}`)).join();
  useEffect(() => {
    const element = list.current;
    if (element === null) return undefined;
    let last = element.scrollTop;
    const watch = (): void => {
      // What grows below is no reason to stop; going up is.
      if (element.scrollTop < last) near.current = false;
      if (element.scrollHeight - element.scrollTop - element.clientHeight < 160) near.current = true;
      last = element.scrollTop;
    };
    element.addEventListener('scroll', watch, { passive: true });
    return () => element.removeEventListener('scroll', watch);
  }, [list]);
  useEffect(() => {
    near.current = true;
  }, [count]);
  useEffect(() => {
    if (near.current) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [count, parts, job, list]);
}
