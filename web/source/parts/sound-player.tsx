// A sound as its waveform: click or arrow keys to seek, Space to play. Reads the file once to draw it.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { text } from '../text.ts';
import { IconButton } from './icons.tsx';

const BARS = 96;
const drawn = new Map<string, readonly number[]>();

/** The loudest sample of each of `BARS` equal stretches, the loudest of all being 1. */
async function peaksOf(url: string, id: string): Promise<readonly number[]> {
  const known = drawn.get(id);
  if (known !== undefined) return known;
  const bytes = await (await fetch(url)).arrayBuffer();
  const context = new OfflineAudioContext(1, 1, 22_050);
  const samples = (await context.decodeAudioData(bytes)).getChannelData(0);
  const size = Math.max(1, Math.floor(samples.length / BARS));
  const peaks = Array.from({ length: BARS }, (_, bar) => {
    let peak = 0;
    for (let index = bar * size; index < Math.min(samples.length, (bar + 1) * size); index += 1) peak = Math.max(peak, Math.abs(samples[index] ?? 0));
    return peak;
  });
  const most = Math.max(...peaks, 1e-4);
  const scaled = peaks.map((peak) => peak / most);
  drawn.set(id, scaled);
  return scaled;
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
}

export function SoundPlayer({ url, id, label }: { readonly url: string; readonly id: string; readonly label: string }): JSX.Element {
  const audio = useRef<HTMLAudioElement>(null);
  const [peaks, setPeaks] = useState<readonly number[] | null>(drawn.get(id) ?? null);
  const [playing, setPlaying] = useState(false);
  const [time, setTime] = useState(0);
  const [length, setLength] = useState(0);
  useEffect(() => {
    let open = true;
    peaksOf(url, id).then((found) => open && setPeaks(found), () => undefined);
    return () => {
      open = false;
    };
  }, [url, id]);
  useEffect(() => {
    if (!playing) return undefined;
    let frame = requestAnimationFrame(function tick() {
      setTime(audio.current?.currentTime ?? 0);
      frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing]);
  const seek = (share: number): void => {
    if (audio.current === null || length === 0) return;
    audio.current.currentTime = Math.max(0, Math.min(1, share)) * length;
    setTime(audio.current.currentTime);
  };
  const toggle = (): void => {
    if (playing) audio.current?.pause();
    else void audio.current?.play();
  };
  const share = length === 0 ? 0 : time / length;
  return (
    <div class="sound">
      <IconButton name={playing ? 'pause' : 'play'} label={playing ? text.media.pause : text.media.play} onClick={toggle} kind="filled" />
      <div
        class="wave"
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={Math.round(length * 10) / 10}
        aria-valuenow={Math.round(time * 10) / 10}
        onClick={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          seek((event.clientX - box.left) / box.width);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowRight') seek(share + 0.05);
          else if (event.key === 'ArrowLeft') seek(share - 0.05);
          else if (event.key === ' ') toggle();
          else return;
          event.preventDefault();
        }}
      >
        <svg viewBox={`0 0 ${BARS} 40`} preserveAspectRatio="none" aria-hidden="true">
          {(peaks ?? Array.from({ length: BARS }, () => 0.05)).map((peak, bar) => (
            <rect key={bar} class={bar / BARS < share ? 'heard' : ''} x={bar + 0.2} width={0.6} y={20 - Math.max(0.6, peak * 19)} height={Math.max(1.2, peak * 38)} rx={0.3} />
          ))}
        </svg>
      </div>
      <span class="clock">{clock(playing || time > 0 ? time : length)}</span>
      <audio
        ref={audio}
        src={url}
        preload="metadata"
        onLoadedMetadata={() => setLength(Number.isFinite(audio.current?.duration) ? (audio.current?.duration ?? 0) : 0)}
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => {
          setPlaying(false);
          setTime(0);
        }}
      />
    </div>
  );
}
