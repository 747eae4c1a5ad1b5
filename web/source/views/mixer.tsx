// The mixer: a weighted sum of words and media in the joint space drives one decoder.
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { InputPart, JobInput, MediaObject } from '../../../src/client/index.ts';
import { Answer, traced } from '../parts/answer.tsx';
import { Icon, IconButton } from '../parts/icons.tsx';
import { Medium } from '../parts/medium.tsx';
import { TracePanel } from '../parts/trace-panel.tsx';
import { client } from '../server.ts';
import { chosenModel, outputs } from '../state/models.ts';
import { attempt } from '../state/notices.ts';
import { settingsOf } from '../state/settings.ts';
import { nameOf, text } from '../text.ts';

interface Item {
  readonly key: number;
  readonly weight: number;
  readonly words: string;
  readonly media: MediaObject | null;
}

const items = signal<readonly Item[]>([]);
const output = signal('image');
const live = signal(true);
const result = signal<{ readonly job: string; readonly asked: JobInput } | null>(null);
let keys = 0;
let seed: number | null = null;

function add(words: string, media: MediaObject | null): void {
  keys += 1;
  items.value = [...items.value, { key: keys, weight: 1, words, media }];
}

function change(key: number, to: Partial<Item>): void {
  items.value = items.value.map((item) => (item.key === key ? { ...item, ...to } : item));
}

function partOf(item: Item): InputPart | null {
  if (item.media !== null) return { type: 'media', id: item.media.id };
  return item.words.trim() === '' ? null : { type: 'text', text: item.words.trim() };
}

async function mix(): Promise<void> {
  const parts = items.value.flatMap((item) => {
    const part = partOf(item);
    return part === null || item.weight === 0 ? [] : [{ weight: item.weight, part }];
  });
  if (parts.length === 0) return;
  await attempt(async () => {
    // The same noise at every change, so that what changes is the sum.
    seed ??= crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const { route: _, count: __, ...settings } = settingsOf([output.value], outputs.value);
    const asked: JobInput = { input: [], mix: parts, outputs: [output.value], route: 'direct', seed, ...settings, ...(chosenModel.value !== null && { model: chosenModel.value }) };
    const before = result.value;
    const job = await client.createJob(asked);
    result.value = { job: job.id, asked };
    if (before !== null) await client.cancelJob(before.job).catch(() => undefined);
  });
}

export function MixerView(): JSX.Element {
  const files = useRef<HTMLInputElement>(null);
  const ready = items.value.filter((item) => partOf(item) !== null);
  const key = JSON.stringify([items.value.map(({ weight, words, media }) => [weight, words, media?.id]), output.value]);
  useEffect(() => {
    if (!live.value || ready.length < 2) return undefined;
    const timer = setTimeout(() => void mix(), 450);
    return () => clearTimeout(timer);
  }, [key]);
  return (
    <div class="page mixer">
      <h1>{text.mixer.title}</h1>
      <p class="quiet">{text.mixer.intro}</p>
      <div class="mixer-columns">
        <section aria-label={text.mixer.title}>
          {items.value.length === 0 && <p class="hint">{text.mixer.empty}</p>}
          <ul class="mix-items">
            {items.value.map((item) => (
              <li key={item.key}>
                <div class="mix-what">{item.media === null ? <input type="text" value={item.words} placeholder={text.mixer.words} aria-label={text.mixer.words} onInput={(event) => change(item.key, { words: event.currentTarget.value })} /> : <Medium media={item.media} small />}</div>
                <label class="mix-weight">
                  <span class="quiet">{text.mixer.weight}</span>
                  <input type="range" min={-1} max={1} step={0.05} value={item.weight} onInput={(event) => change(item.key, { weight: Number(event.currentTarget.value) })} />
                  <output>{item.weight > 0 ? '+' : item.weight < 0 ? '−' : ''}{Math.abs(item.weight).toFixed(2)}</output>
                </label>
                <IconButton name="close" label={text.mixer.remove} onClick={() => (items.value = items.value.filter((other) => other.key !== item.key))} kind="small" />
              </li>
            ))}
          </ul>
          <div class="row">
            <button type="button" class="button" onClick={() => add('', null)}><Icon name="plus" /> {text.mixer.addText}</button>
            <button type="button" class="button" onClick={() => files.current?.click()}><Icon name="clip" /> {text.mixer.addFile}</button>
            <input
              ref={files}
              type="file"
              multiple
              hidden
              onChange={(event) => {
                const chosen = [...(event.currentTarget.files ?? [])];
                event.currentTarget.value = '';
                void attempt(async () => {
                  for (const file of chosen) add('', await client.upload(file));
                });
              }}
            />
          </div>
          <div class="row">
            <label class="field inline">
              <span>{text.mixer.make}</span>
              <select value={output.value} onChange={(event) => (output.value = event.currentTarget.value)}>
                {outputs.value.filter(({ modality, name }) => modality === name).map(({ name }) => <option key={name} value={name}>{nameOf(name)}</option>)}
              </select>
            </label>
            <label class="field check">
              <input type="checkbox" checked={live.value} onChange={(event) => (live.value = event.currentTarget.checked)} />
              <span>{text.mixer.live}</span>
            </label>
            <button type="button" class="button primary" disabled={ready.length === 0} onClick={() => void mix()}>{text.mixer.run}</button>
          </div>
        </section>
        <section class="mix-result" aria-label={text.mixer.formula}>{result.value !== null && <Answer id={result.value.job} asked={result.value.asked} />}</section>
        {traced.value !== null && traced.value === result.value?.job && <TracePanel id={traced.value} onClose={() => (traced.value = null)} />}
      </div>
    </div>
  );
}
