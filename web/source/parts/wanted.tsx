// Which outputs the answer shall have: none chosen lets the model decide; several come in the order in which they were chosen.
import type { JSX } from 'preact';
import { outputNames } from '../state/models.ts';
import { wanted } from '../state/settings.ts';
import { nameOf, text } from '../text.ts';

export function Wanted(): JSX.Element {
  const names = outputNames.value;
  const chosen = wanted.value.filter((name) => names.includes(name));
  const toggle = (name: string): void => {
    wanted.value = chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen, name];
  };
  return (
    <div class="wanted" role="group" aria-label={text.chat.wanted}>
      <button type="button" class="chip" aria-pressed={chosen.length === 0} title={text.chat.autoHint} onClick={() => (wanted.value = [])}>{text.chat.auto}</button>
      {names.map((name) => (
        <button type="button" key={name} class="chip" aria-pressed={chosen.includes(name)} onClick={() => toggle(name)}>
          {nameOf(name)}
          {chosen.length > 1 && chosen.includes(name) && <sup>{chosen.indexOf(name) + 1}</sup>}
        </button>
      ))}
    </div>
  );
}
