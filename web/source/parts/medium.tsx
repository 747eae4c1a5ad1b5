// A finished medium of any modality, shown as what it is; files of a modality that browsers do not know are offered as files.
import type { JSX } from 'preact';
import type { MediaObject } from '../../../src/client/index.ts';
import { nameOf, text } from '../text.ts';
import { SoundPlayer } from './sound-player.tsx';

export function Medium({ media, label, small }: { readonly media: MediaObject; readonly label?: string; readonly small?: boolean }): JSX.Element {
  const alt = label ?? text.media.alt(media.title ?? null, nameOf(media.modality));
  if (media.mediaType.startsWith('image/')) return <img class={`medium ${media.modality}`} src={media.url} alt={alt} loading="lazy" decoding="async" />;
  if (media.mediaType.startsWith('video/')) {
    return small === true ? <video class="medium" src={media.url} muted loop playsInline preload="metadata" aria-label={alt} onMouseEnter={(event) => void event.currentTarget.play()} onMouseLeave={(event) => event.currentTarget.pause()} /> : <video class="medium" src={media.url} controls loop playsInline autoPlay muted aria-label={alt} />;
  }
  if (media.mediaType.startsWith('audio/')) return <SoundPlayer url={media.url} id={media.id} label={alt} />;
  return (
    <a class="file" href={media.url} download>
      {alt}
    </a>
  );
}
