// The model in use: what it reads and makes, its licence, its limits in plain words, and its card.
import type { JSX } from 'preact';
import { Markdown } from '../parts/markdown.tsx';
import { chosenModel, loadDetails, model, models } from '../state/models.ts';
import { nameOf, text } from '../text.ts';

export function ModelView(): JSX.Element {
  const shown = model.value;
  if (shown === null) return <div class="page"><p class="waiting">{text.loading}</p></div>;
  return (
    <div class="page model">
      <h1>{shown.title}</h1>
      {models.value.length > 1 && (
        <label class="field inline">
          <span>{text.model.choose}</span>
          <select value={shown.id} onChange={(event) => { chosenModel.value = event.currentTarget.value; void loadDetails(); }}>{models.value.map(({ id }) => <option key={id} value={id}>{id}</option>)}</select>
        </label>
      )}
      <dl class="facts">
        <dt>{text.model.state}</dt><dd>{shown.state}</dd>
        <dt>{text.model.version}</dt><dd>{`${shown.id} ${shown.version}, ${shown.device}`}</dd>
        <dt>{text.model.licence}</dt><dd>{shown.licence}</dd>
        <dt>{text.model.reads}</dt><dd>{shown.inputs.map(({ modality }) => nameOf(modality)).join(', ')}</dd>
        <dt>{text.model.makes}</dt><dd>{['text', ...shown.outputs.map(({ name }) => name)].map(nameOf).join(', ')}</dd>
      </dl>
      {shown.limits.length > 0 && (
        <>
          <h2>{text.model.limits}</h2>
          <ul class="limits">{shown.limits.map((limit) => <li key={limit}>{limit}</li>)}</ul>
        </>
      )}
      {shown.card !== null && (
        <>
          <h2>{text.model.card}</h2>
          <Markdown source={shown.card} />
        </>
      )}
      <h2>{text.model.options}</h2>
      {shown.outputs.map((output) => <OptionTable key={output.name} name={output.name} options={output.options} />)}
    </div>
  );
}

function OptionTable({ name, options }: { readonly name: string; readonly options: Readonly<Record<string, unknown>> }): JSX.Element {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a JSON Schema of the server
  const properties = Object.entries((options['properties'] ?? {}) as Readonly<Record<string, Readonly<Record<string, unknown>>>>);
  return (
    <details>
      <summary>{nameOf(name)}</summary>
      <div class="scroll" tabIndex={0}>
        <table>
          <tbody>
            {properties.map(([option, schema]) => (
              <tr key={option}>
                <th scope="row"><code>{option}</code></th>
                <td>{Array.isArray(schema['enum']) ? schema['enum'].join(', ') : [schema['minimum'], schema['maximum']].every((bound) => bound !== undefined) ? `${String(schema['minimum'])} – ${String(schema['maximum'])}` : String(schema['type'])}</td>
                <td>{text.settings.default} {String(schema['default'])}</td>
                <td class="quiet">{typeof schema['description'] === 'string' ? schema['description'] : ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
