// Microphone and camera: a recording or a picture becomes an attached file. Nothing is kept where the person stops it.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { attachFile } from '../state/composer.ts';
import { notify } from '../state/notices.ts';
import { text } from '../text.ts';
import { Dialog } from './dialog.tsx';
import { IconButton } from './icons.tsx';

/** 16-bit PCM in a wav file: the one format that every decoder reads. */
async function wavOf(recording: Blob): Promise<Blob> {
  const context = new OfflineAudioContext(1, 1, 16_000);
  const sound = await context.decodeAudioData(await recording.arrayBuffer());
  const samples = sound.getChannelData(0);
  const bytes = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const ascii = (offset: number, word: string): void => {
    for (let index = 0; index < word.length; index += 1) bytes.setUint8(offset + index, word.charCodeAt(index));
  };
  ascii(0, 'RIFF');
  bytes.setUint32(4, 36 + 2 * samples.length, true);
  ascii(8, 'WAVEfmt ');
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true);
  bytes.setUint16(22, 1, true);
  bytes.setUint32(24, sound.sampleRate, true);
  bytes.setUint32(28, 2 * sound.sampleRate, true);
  bytes.setUint16(32, 2, true);
  bytes.setUint16(34, 16, true);
  ascii(36, 'data');
  bytes.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, index) => bytes.setInt16(44 + 2 * index, Math.max(-1, Math.min(1, sample)) * 32_767, true));
  return new Blob([bytes], { type: 'audio/wav' });
}

export function Microphone(): JSX.Element {
  const [recorder, setRecorder] = useState<MediaRecorder | null>(null);
  const toggle = async (): Promise<void> => {
    if (recorder !== null) {
      recorder.stop();
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const next = new MediaRecorder(stream);
      const pieces: Blob[] = [];
      next.addEventListener('dataavailable', ({ data }) => void pieces.push(data));
      next.addEventListener('stop', () => {
        for (const track of stream.getTracks()) track.stop();
        setRecorder(null);
        void wavOf(new Blob(pieces, { type: next.mimeType })).then(async (wav) => attachFile(wav, 'recording.wav'), () => notify(text.errors.microphone));
      });
      next.start();
      setRecorder(next);
    } catch {
      notify(text.errors.microphone);
    }
  };
  return <IconButton name={recorder === null ? 'microphone' : 'stop'} label={recorder === null ? text.chat.microphone : text.chat.microphoneStop} pressed={recorder !== null} kind={recorder === null ? '' : 'recording'} onClick={() => void toggle()} />;
}

export function Camera(): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <>
      <IconButton name="camera" label={text.chat.camera} onClick={() => setOpen(true)} />
      {open && <CameraDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function CameraDialog({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let open = true;
    navigator.mediaDevices.getUserMedia({ video: true }).then((given) => {
      stream = given;
      if (!open) stopAll(given);
      else if (video.current !== null) video.current.srcObject = given;
    }, () => {
      notify(text.errors.camera);
      onClose();
    });
    return () => {
      open = false;
      if (stream !== null) stopAll(stream);
    };
  }, [onClose]);
  const take = (): void => {
    if (video.current === null) return;
    const canvas = document.createElement('canvas');
    canvas.width = video.current.videoWidth;
    canvas.height = video.current.videoHeight;
    canvas.getContext('2d')?.drawImage(video.current, 0, 0);
    canvas.toBlob((blob) => {
      if (blob !== null) void attachFile(blob, 'camera.png');
      onClose();
    }, 'image/png');
  };
  return (
    <Dialog title={text.chat.camera} onClose={onClose}>
      <video ref={video} class="viewfinder" autoPlay playsInline muted />
      <div class="row end">
        <button type="button" class="button primary" onClick={take}>{text.chat.cameraTake}</button>
      </div>
    </Dialog>
  );
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
