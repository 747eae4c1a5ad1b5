// The settings: a field for each option that the model's outputs declare in their schemas, and those of the job.
// Knows no option by name.
import type { JSX } from 'preact';
import { outputs } from '../state/models.ts';
import { changes, count, negative, options, resetSettings, route, seed, setOption, wanted } from '../state/settings.ts';
import { nameOf, text } from '../text.ts';
import { IconButton } from './icons.tsx';

interface OptionSchema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
  /** False for what does not determine the medium, such as how often it is previewed: the page sees to that. */
  readonly metadata?: boolean;
}

function schemasOf(schema: Readonly<Record<string, unknown>>): readonly (readonly [string, OptionSchema])[] {
  const properties = schema['properties'];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a JSON Schema of the server
  return typeof properties === 'object' && properties !== null ? (Object.entries(properties) as [string, OptionSchema][]) : [];
}

/** `guidanceScale` as `Guidance scale`. */
function words(name: string): string {
  const spaced = name.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return spaced[0]?.toUpperCase() + spaced.slice(1);
}

export function SettingsPanel({ onClose }: { readonly onClose: () => void }): JSX.Element {
  const shown = outputs.value.filter(({ name }) => wanted.value.length === 0 || wanted.value.includes(name));
  return (
    <aside class="panel" aria-label={text.settings.title}>
      <header>
        <h2>{text.settings.title}</h2>
        <IconButton name="close" label={text.close} onClick={onClose} />
      </header>
      <div class="panel-body">
        <label class="field">
          <span>{text.settings.seed}</span>
          <input type="number" min={0} step={1} placeholder={text.settings.seedRandom} value={seed.value ?? ''} onInput={(event) => (seed.value = event.currentTarget.value === '' ? null : Math.max(0, Math.trunc(Number(event.currentTarget.value))))} />
        </label>
        <label class="field">
          <span>{text.settings.count}</span>
          <input type="number" min={1} max={8} value={count.value} onInput={(event) => (count.value = Math.max(1, Math.min(8, Math.trunc(Number(event.currentTarget.value)) || 1)))} />
        </label>
        <label class="field">
          <span>{text.settings.route}</span>
          <select value={route.value} onChange={(event) => (route.value = event.currentTarget.value === 'chat' ? 'chat' : event.currentTarget.value === 'direct' ? 'direct' : 'auto')}>
            {Object.entries(text.settings.routes).map(([name, label]) => <option key={name} value={name}>{label}</option>)}
          </select>
        </label>
        <label class="field">
          <span>{text.settings.negative}</span>
          <input type="text" placeholder={text.settings.negativeHint} value={negative.value} onInput={(event) => (negative.value = event.currentTarget.value)} />
        </label>
        {shown.map((output) => (
          <details key={output.name} open={wanted.value.length === 1}>
            <summary>{nameOf(output.name)}</summary>
            {schemasOf(output.options).filter(([, { metadata }]) => metadata !== false).map(([name, schema]) => <Option key={name} output={output.name} name={name} schema={schema} />)}
          </details>
        ))}
        <button type="button" class="button" disabled={changes() === 0} onClick={resetSettings}>{text.settings.reset}</button>
      </div>
    </aside>
  );
}

function Option({ output, name, schema }: { readonly output: string; readonly name: string; readonly schema: OptionSchema }): JSX.Element | null {
  const value = options.value[output]?.[name];
  const fallback = schema.default;
  const set = (next: unknown): void => setOption(output, name, next === fallback ? undefined : next);
  const shown = value ?? fallback;
  const hint = schema.description ?? '';
  if (schema.enum !== undefined) {
    if (schema.enum.length < 2) return null;
    return (
      <label class="field" title={hint}>
        <span>{words(name)}</span>
        <select value={String(shown)} onChange={(event) => set(schema.enum?.find((item) => String(item) === event.currentTarget.value))}>
          {schema.enum.map((item) => <option key={String(item)} value={String(item)}>{String(item)}</option>)}
        </select>
      </label>
    );
  }
  if (schema.type === 'boolean') {
    return (
      <label class="field check" title={hint}>
        <input type="checkbox" checked={shown === true} onChange={(event) => set(event.currentTarget.checked)} />
        <span>{words(name)}</span>
      </label>
    );
  }
  if (schema.type !== 'number' && schema.type !== 'integer') return null;
  const { minimum, maximum } = schema;
  const step = schema.type === 'integer' ? 1 : 0.1;
  const read = (raw: string): number | undefined => {
    const number = Number(raw);
    if (raw === '' || !Number.isFinite(number)) return undefined;
    return Math.min(maximum ?? Number.POSITIVE_INFINITY, Math.max(minimum ?? Number.NEGATIVE_INFINITY, schema.type === 'integer' ? Math.trunc(number) : number));
  };
  return (
    <label class="field" title={hint}>
      <span>{words(name)}{value !== undefined && <em> · {text.settings.default} {String(fallback)}</em>}</span>
      <input type="number" min={minimum} max={maximum} step={step} value={typeof shown === 'number' ? shown : ''} onChange={(event) => set(read(event.currentTarget.value))} />
    </label>
  );
}
