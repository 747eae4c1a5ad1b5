// Everything that is kept: conversations and media, searched by words and by likeness, renamed, deleted, exported.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Conversation, MediaObject } from '../../../src/client/index.ts';
import { Icon, IconButton } from '../parts/icons.tsx';
import { Medium } from '../parts/medium.tsx';
import { client } from '../server.ts';
import { addressOf, go, place } from '../state/address.ts';
import { attachMedia } from '../state/composer.ts';
import { conversation, loadConversations, newConversation } from '../state/conversation.ts';
import { attempt } from '../state/notices.ts';
import { nameOf, text } from '../text.ts';

const PAGE = 24;
const tab = signal<'conversations' | 'media'>('media');
const words = signal('');
const byLikeness = signal(false);
const modality = signal('');
const media = signal<readonly MediaObject[]>([]);
const talks = signal<readonly Conversation[]>([]);
const more = signal(false);
const loaded = signal(false);
let request = 0;

async function load(after?: string): Promise<void> {
  request += 1;
  const mine = request;
  await attempt(async () => {
    if (tab.value === 'conversations') {
      const list = await client.conversations({ limit: PAGE, after, ...(words.value.trim() !== '' && { text: words.value.trim() }) });
      if (mine !== request) return;
      talks.value = after === undefined ? list.data : [...talks.value, ...list.data];
      more.value = list.hasMore;
    } else {
      const like = byLikeness.value && words.value.trim() !== '';
      const list = like ? await client.searchMedia({ text: words.value.trim() }, { limit: PAGE }) : await client.listMedia({ limit: PAGE, after, ...(modality.value !== '' && { modality: modality.value }), ...(words.value.trim() !== '' && { text: words.value.trim() }) });
      if (mine !== request) return;
      const found = list.data.filter((item) => modality.value === '' || item.modality === modality.value);
      media.value = after === undefined ? found : [...media.value, ...found];
      more.value = !like && list.hasMore;
    }
    loaded.value = true;
  });
}

async function similar(item: MediaObject): Promise<void> {
  request += 1;
  await attempt(async () => {
    media.value = (await client.searchMedia({ id: item.id }, { limit: PAGE })).data;
    more.value = false;
  });
}

export function LibraryView(): JSX.Element {
  useEffect(() => {
    const timer = setTimeout(() => void load(), 200);
    return () => clearTimeout(timer);
  }, [tab.value, words.value, byLikeness.value, modality.value]);
  const empty = loaded.value && (tab.value === 'media' ? media.value.length === 0 : talks.value.length === 0);
  return (
    <div class="page library">
      <h1>{text.library.title}</h1>
      <div class="library-bar">
        <div class="segments" role="group" aria-label={text.library.title}>
          <button type="button" aria-pressed={tab.value === 'media'} onClick={() => (tab.value = 'media')}>{text.library.media}</button>
          <button type="button" aria-pressed={tab.value === 'conversations'} onClick={() => (tab.value = 'conversations')}>{text.library.conversations}</button>
        </div>
        <label class="search">
          <Icon name="search" />
          <input type="search" value={words.value} placeholder={text.library.search} aria-label={text.library.search} onInput={(event) => (words.value = event.currentTarget.value)} />
        </label>
        {tab.value === 'media' && (
          <>
            <label class="field check"><input type="checkbox" checked={byLikeness.value} onChange={(event) => (byLikeness.value = event.currentTarget.checked)} /><span>{text.library.likeness}</span></label>
            <select aria-label={text.library.all} value={modality.value} onChange={(event) => (modality.value = event.currentTarget.value)}>
              <option value="">{text.library.all}</option>
              {['image', 'audio', 'video'].map((name) => <option key={name} value={name}>{nameOf(name)}</option>)}
            </select>
          </>
        )}
      </div>
      {!loaded.value && <p class="hint" aria-busy="true">{text.loading}</p>}
      {empty && <p class="hint">{words.value === '' ? text.library.empty : text.library.nothing}</p>}
      {tab.value === 'media' ? <ul class="grid">{media.value.map((item) => <MediaItem key={item.id} item={item} />)}</ul> : <ul class="list">{talks.value.map((item) => <TalkItem key={item.id} item={item} />)}</ul>}
      {more.value && <button type="button" class="button" onClick={() => void load((tab.value === 'media' ? media.value : talks.value).at(-1)?.id)}>{text.library.more}</button>}
    </div>
  );
}

function MediaItem({ item }: { readonly item: MediaObject }): JSX.Element {
  const name = item.title ?? nameOf(item.modality);
  return (
    <li class="tile">
      <div class="frame"><Medium media={item} label={name} small /></div>
      <p class="tile-title" title={name}>{name}</p>
      <div class="tile-actions">
        <IconButton name="edit" label={`${text.library.use}: ${name}`} onClick={() => { attachMedia(item, name); go('chat', conversation.value?.id ?? null); }} />
        <IconButton name="likeness" label={`${text.library.similar}: ${name}`} onClick={() => void similar(item)} />
        <a class="icon-button" href={`${item.url}${item.url.includes('?') ? '&' : '?'}download=1`} download aria-label={`${text.media.download}: ${name}`}><Icon name="download" /></a>
        <IconButton
          name="trash"
          label={`${text.library.delete}: ${name}`}
          onClick={() => {
            if (confirm(text.library.confirm(name))) void attempt(async () => {
              await client.removeMedia(item.id);
              media.value = media.value.filter(({ id }) => id !== item.id);
            });
          }}
        />
      </div>
    </li>
  );
}

function TalkItem({ item }: { readonly item: Conversation }): JSX.Element {
  const title = item.title ?? text.library.untitled;
  const [naming, setNaming] = useState(false);
  const remove = (): void => {
    if (confirm(text.library.confirm(title))) void attempt(async () => {
      await client.removeConversation(item.id);
      if (conversation.value?.id === item.id) newConversation();
      go('library');
      await Promise.all([load(), loadConversations()]);
    });
  };
  const save = (): void => void attempt(async () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await client.exportConversation(item.id));
    link.download = `${title.replaceAll(/[^\p{L}\p{N}]+/gu, '-').slice(0, 60)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  return (
    <li class="talk">
      {naming ? <TitleForm id={item.id} title={title} done={() => setNaming(false)} /> : <a href={addressOf('chat', item.id)} aria-current={place.value.id === item.id}>{title}</a>}
      <time class="quiet" dateTime={new Date(item.updatedAt).toISOString()}>{new Date(item.updatedAt).toLocaleString()}</time>
      <span class="row">
        <IconButton name="rename" label={`${text.library.rename}: ${title}`} pressed={naming} onClick={() => setNaming(!naming)} />
        <IconButton name="download" label={`${text.library.export}: ${title}`} onClick={save} />
        <IconButton name="trash" label={`${text.library.delete}: ${title}`} onClick={remove} />
      </span>
    </li>
  );
}

/** The title as a field in its own place: Enter keeps it, Escape and leaving it unchanged do not. */
function TitleForm({ id, title, done }: { readonly id: string; readonly title: string; readonly done: () => void }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const keep = (): void => {
    const next = field.current?.value.trim() ?? '';
    if (next === '' || next === title) {
      done();
      return;
    }
    void attempt(async () => {
      await client.renameConversation(id, next);
      await Promise.all([load(), loadConversations()]);
      done();
    });
  };
  return (
    <form class="title-form" onSubmit={(event) => { event.preventDefault(); keep(); }} onKeyDown={(event) => { if (event.key === 'Escape') done(); }}>
      <input ref={field} type="text" defaultValue={title} maxLength={200} aria-label={text.library.renameTo} />
      <IconButton name="check" label={text.library.keep} onClick={keep} kind="small" />
      <IconButton name="close" label={text.library.leave} onClick={done} kind="small" />
    </form>
  );
}
