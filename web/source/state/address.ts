// Which view is open, as the part of the address after `#`: `#/chat/ID`, `#/mixer`, `#/library`, `#/model`.
import { signal } from '@preact/signals';

export const views = ['chat', 'mixer', 'library', 'model'] as const;
export type View = (typeof views)[number];

export interface Place {
  readonly view: View;
  /** Of a conversation. */
  readonly id: string | null;
}

function read(): Place {
  const [, name, id] = location.hash.split('/');
  const view = views.find((candidate) => candidate === name) ?? 'chat';
  return { view, id: id === undefined || id === '' ? null : decodeURIComponent(id) };
}

export const place = signal<Place>(read());

addEventListener('hashchange', () => {
  place.value = read();
});

export function addressOf(view: View, id: string | null = null): string {
  return `#/${view}${id === null ? '' : `/${encodeURIComponent(id)}`}`;
}

/** Opens a view; `replace` leaves no trace in the history. */
export function go(view: View, id: string | null = null, replace = false): void {
  const address = addressOf(view, id);
  if (replace) history.replaceState(null, '', address);
  else if (location.hash !== address) history.pushState(null, '', address);
  place.value = { view, id };
}

addEventListener('popstate', () => {
  place.value = read();
});
