// The frame of the page: its views, the list of conversations, theme, notices.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Icon, IconButton, type IconName } from './parts/icons.tsx';
import { addressOf, place, views, type View } from './state/address.ts';
import { conversation, conversations, loadConversations, newConversation } from './state/conversation.ts';
import { listed, loadModels, model } from './state/models.ts';
import { dismiss, notices } from './state/notices.ts';
import { loadSession, signedIn } from './state/session.ts';
import { theme, type Theme } from './state/settings.ts';
import { text } from './text.ts';
import { ChatView } from './views/chat.tsx';
import { LibraryView } from './views/library.tsx';
import { MixerView } from './views/mixer.tsx';
import { ModelView } from './views/model.tsx';
import { SignInView } from './views/sign-in.tsx';

const shown: Readonly<Record<View, () => JSX.Element>> = { chat: ChatView, mixer: MixerView, library: LibraryView, model: ModelView };
const nextTheme: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };
const themeIcon: Readonly<Record<Theme, IconName>> = { auto: 'half', light: 'sun', dark: 'moon' };

export function App(): JSX.Element {
  const [menu, setMenu] = useState(false);
  useEffect(() => void loadSession(), []);
  useEffect(() => {
    if (signedIn.value !== true) return;
    void loadModels();
    void loadConversations();
  }, [signedIn.value]);
  useEffect(() => setMenu(false), [place.value]);
  if (signedIn.value === false) return <SignInView />;
  const Shown = shown[place.value.view];
  return (
    <div class={`shell ${menu ? 'menu-open' : ''}`}>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>{text.skip}</a>
      <header class="top">
        <IconButton name="menu" label={text.chat.history} onClick={() => setMenu(!menu)} pressed={menu} kind="menu-button" />
        <a class="brand" href={addressOf('chat')} onClick={newConversation}><img src="./icon.svg" alt="" width="26" height="26" /> {text.name}</a>
        <nav aria-label={text.name}>
          {views.map((view) => (
            <a key={view} href={addressOf(view, view === 'chat' ? (conversation.value?.id ?? null) : null)} aria-current={place.value.view === view ? 'page' : undefined}>
              <Icon name={view} /> <span>{text.tabs[view]}</span>
            </a>
          ))}
        </nav>
        <span class="model-name quiet" aria-live="polite">{listed.value === null ? '' : model.value === null ? text.chat.opening(listed.value.id) : listed.value.id}</span>
        <IconButton name={themeIcon[theme.value]} label={text.theme[theme.value]} onClick={() => (theme.value = nextTheme[theme.value])} />
      </header>
      <aside class="history" aria-label={text.chat.history}>
        <button type="button" class="button wide" onClick={newConversation}><Icon name="plus" /> {text.chat.new}</button>
        <ul>
          {conversations.value.map(({ id, title }) => (
            <li key={id}><a href={addressOf('chat', id)} aria-current={conversation.value?.id === id ? 'page' : undefined}>{title ?? text.library.untitled}</a></li>
          ))}
        </ul>
      </aside>
      <main id="main" tabIndex={-1}><Shown /></main>
      <div class="notices" role="alert">
        {notices.value.map(({ id, message }) => <p key={id}>{message} <IconButton name="close" label={text.errors.dismiss} onClick={() => dismiss(id)} kind="small" /></p>)}
      </div>
    </div>
  );
}
