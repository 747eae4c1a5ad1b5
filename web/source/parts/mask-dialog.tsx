// Painting a mask on a picture: white may change, black stays. With the pointer, or the arrow keys and Space.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { MediaObject } from '../../../src/client/index.ts';
import { text } from '../text.ts';
import { Dialog } from './dialog.tsx';

/** The brush, seen on light and dark pictures alike; the mask itself is black and white. */
const TINT = '#5140d6';
const TINT_BYTES = [0x51, 0x40, 0xd6];

interface Point {
  readonly x: number;
  readonly y: number;
}

export function MaskDialog({ picture, onUse, onClose }: { readonly picture: MediaObject; readonly onUse: (mask: Blob) => void; readonly onClose: () => void }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<Point | null>(null);
  const [brush, setBrush] = useState(18);
  const [size, setSize] = useState<{ readonly width: number; readonly height: number } | null>(null);
  const [cursor, setCursor] = useState<Point>({ x: 50, y: 50 });
  const [painted, setPainted] = useState(false);

  useEffect(() => {
    const image = new Image();
    image.addEventListener('load', () => setSize({ width: image.naturalWidth, height: image.naturalHeight }));
    image.src = picture.url;
  }, [picture.url]);

  // The brush is in hundredths of the picture's width.
  const stroke = (from: Point, to: Point): void => {
    const drawing = canvas.current?.getContext('2d');
    if (drawing === null || drawing === undefined || size === null) return;
    drawing.strokeStyle = TINT;
    drawing.lineCap = 'round';
    drawing.lineJoin = 'round';
    drawing.lineWidth = (brush / 100) * size.width;
    drawing.beginPath();
    drawing.moveTo(from.x, from.y);
    drawing.lineTo(to.x, to.y + 0.01);
    drawing.stroke();
    setPainted(true);
  };
  const pointOf = (event: PointerEvent): Point => {
    const box = canvas.current?.getBoundingClientRect();
    if (box === undefined || size === null) return { x: 0, y: 0 };
    return { x: ((event.clientX - box.left) / box.width) * size.width, y: ((event.clientY - box.top) / box.height) * size.height };
  };
  const pixels = (change: (alpha: number) => number): void => {
    const drawing = canvas.current?.getContext('2d');
    if (drawing === null || drawing === undefined || size === null) return;
    const image = drawing.getImageData(0, 0, size.width, size.height);
    for (let index = 0; index < image.data.length; index += 4) {
      image.data.set(TINT_BYTES, index);
      image.data[index + 3] = change(image.data[index + 3] ?? 0);
    }
    drawing.putImageData(image, 0, 0);
  };
  const use = (): void => {
    if (canvas.current === null || size === null) return;
    const mask = document.createElement('canvas');
    mask.width = size.width;
    mask.height = size.height;
    const drawing = mask.getContext('2d');
    if (drawing === null) return;
    drawing.drawImage(canvas.current, 0, 0);
    drawing.globalCompositeOperation = 'source-in';
    drawing.fillStyle = '#fff';
    drawing.fillRect(0, 0, size.width, size.height);
    drawing.globalCompositeOperation = 'destination-over';
    drawing.fillStyle = '#000';
    drawing.fillRect(0, 0, size.width, size.height);
    mask.toBlob((blob) => {
      if (blob !== null) onUse(blob);
    }, 'image/png');
  };

  return (
    <Dialog title={text.mask.title} onClose={onClose}>
      <p class="quiet">{text.mask.hint} {text.mask.keyboard}</p>
      <div class="mask-stage">
        <img src={picture.url} alt="" />
        {size !== null && (
          <canvas
            ref={canvas}
            width={size.width}
            height={size.height}
            tabIndex={0}
            role="application"
            aria-label={text.mask.title}
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              last.current = pointOf(event);
              stroke(last.current, last.current);
            }}
            onPointerMove={(event) => {
              if (last.current === null) return;
              const next = pointOf(event);
              stroke(last.current, next);
              last.current = next;
            }}
            onPointerUp={() => {
              last.current = null;
            }}
            onKeyDown={(event) => {
              const moves: Readonly<Record<string, Point>> = { ArrowLeft: { x: -4, y: 0 }, ArrowRight: { x: 4, y: 0 }, ArrowUp: { x: 0, y: -4 }, ArrowDown: { x: 0, y: 4 } };
              const move = moves[event.key];
              if (move !== undefined) setCursor({ x: Math.max(0, Math.min(100, cursor.x + move.x)), y: Math.max(0, Math.min(100, cursor.y + move.y)) });
              else if (event.key === ' ') {
                const at = { x: (cursor.x / 100) * size.width, y: (cursor.y / 100) * size.height };
                stroke(at, at);
              } else return;
              event.preventDefault();
            }}
          />
        )}
        {size !== null && (
          <svg class="mask-cursor" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
            <circle cx={cursor.x} cy={cursor.y} r={brush / 2} />
          </svg>
        )}
      </div>
      <label class="field">
        <span>{text.mask.brush}</span>
        <input type="range" min={4} max={50} value={brush} onInput={(event) => setBrush(Number(event.currentTarget.value))} />
      </label>
      <div class="row end">
        <button type="button" class="button" onClick={() => pixels(() => 0)}>{text.mask.clear}</button>
        <button type="button" class="button" onClick={() => { pixels((alpha) => 255 - alpha); setPainted(true); }}>{text.mask.invert}</button>
        <button type="button" class="button primary" disabled={!painted} onClick={use}>{text.mask.use}</button>
      </div>
    </Dialog>
  );
}
