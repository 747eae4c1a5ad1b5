// Small line drawings, 24 units wide, in the colour of the text around them.
import type { JSX } from 'preact';

const paths = {
  plus: 'M12 5v14M5 12h14',
  send: 'M12 19V5M6 11l6-6 6 6',
  stop: 'M7 7h10v10H7z',
  clip: 'M20 11.5 12 19.4a5 5 0 0 1-7-7l8.4-8.2a3.3 3.3 0 0 1 4.7 4.7l-8.3 8.1a1.7 1.7 0 0 1-2.4-2.4l7.4-7.2',
  microphone: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4zM12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4z',
  close: 'M6 6l12 12M18 6 6 18',
  edit: 'M5 19h3.5L19 8.5 15.5 5 5 15.5zM13.5 7l3.5 3.5',
  mask: 'M14 4l6 6-8.5 8.5a3 3 0 0 1-4.2 0L5 16.2a3 3 0 0 1 0-4.2zM9 20h11',
  variations: 'M4 8h11v12H4zM9 8V4h11v12h-5',
  animate: 'M4 6h16v12H4zM10.5 9.5v5l4-2.5z',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  code: 'M9 7l-5 5 5 5M15 7l5 5-5 5',
  info: 'M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5M12 7.8v.1',
  settings: 'M5 7h8M17 7h2M5 17h2M11 17h8M13 7a2 2 0 1 0 4 0 2 2 0 0 0-4 0zM7 17a2 2 0 1 0 4 0 2 2 0 0 0-4 0z',
  play: 'M8 5.5v13l11-6.5z',
  pause: 'M8 5.5v13M16 5.5v13',
  chat: 'M4 5h16v11H9l-5 4z',
  mixer: 'M6 4v16M12 4v16M18 4v16M4 9h4M10 15h4M16 8h4',
  library: 'M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z',
  model: 'M12 3l8 4.5v9L12 21l-8-4.5v-9zM12 12l8-4.5M12 12v9M12 12L4 7.5',
  trace: 'M6 5a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM18 15a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM6 9v4a4 4 0 0 0 4 4h6M8 7h6a4 4 0 0 1 4 4v4',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1 1M17.4 17.4l1 1M18.4 5.6l-1 1M6.6 17.4l-1 1',
  moon: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  half: 'M12 3.5a8.5 8.5 0 1 0 0 17zM12 3.5a8.5 8.5 0 0 1 0 17',
  search: 'M11 5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15.5 15.5 20 20',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7',
  rename: 'M4 20h16M7 15.5 16 6.5l2 2-9 9H7z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  dice: 'M5 5h14v14H5zM9 9v.1M15 15v.1M15 9v.1M9 15v.1M12 12v.1',
  likeness: 'M9 6a5 5 0 1 0 0 10A5 5 0 0 0 9 6zM15 8a5 5 0 1 1 0 10 5 5 0 0 1 0-10z',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

/** A round button with a drawing; `label` is its name for everyone. */
export function IconButton({ name, label, onClick, pressed, disabled, kind }: {
  readonly name: IconName;
  readonly label: string;
  readonly onClick: () => void;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly kind?: string;
}): JSX.Element {
  return (
    <button type="button" class={`icon-button ${kind ?? ''}`} aria-label={label} title={label} aria-pressed={pressed} disabled={disabled} onClick={onClick}>
      <Icon name={name} />
    </button>
  );
}
