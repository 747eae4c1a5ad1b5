// Runs every mix of inputs against every mix of outputs on a bundle: `npm run matrix -- [--model FOLDER] [--only IN:OUT] [--steps K] [--tokens K] [--json]`.
// Prints milliseconds a cell or an x, then the faults, then how many of the cells hold; fewer than all is exit code 1.

import { closeMedia } from '../media/index.ts';
import { resolveModel } from '../src/bundle/resolve.ts';
import { defaultBundle } from '../src/cli/bundles.ts';
import { startChildEngine } from '../src/cli/engine.ts';
import { integerFlag, parseFlags, type Flag } from '../src/cli/flags.ts';
import type { EngineDescription } from '../src/contracts.ts';
import { AnymodalError } from '../src/errors.ts';
import { cells, makeSamples, mixes, modalities, runCell, type Cell, type Modality, type Options, type Outcome } from './mixes.ts';

const flags: readonly Flag[] = [
  { name: 'model', value: 'FOLDER', help: 'bundle, by default the embedded one' },
  { name: 'only', value: 'IN:OUT', help: 'cells of these modalities alone, such as image,audio:video; a side left empty is every mix' },
  { name: 'steps', value: 'K', help: 'denoising steps of every decoder, by default its own' },
  { name: 'tokens', value: 'K', help: 'most tokens of a text, by default as many as the bundle says' },
  { name: 'json', help: 'outcomes as JSON in place of the table' },
];

const given = parseFlags(process.argv.slice(2), flags, `Flags: ${flags.map(({ name, value }) => `--${name}${value === undefined ? '' : ` ${value}`}`).join(', ')}.`);
const chosen = cellsOf(given.value('only'));
const outcomes = await run();
const whole = outcomes.filter(({ faults }) => faults.length === 0).length;
if (given.on('json')) console.log(JSON.stringify(outcomes));
else report();
if (whole < chosen.length) process.exitCode = 1;

async function run(): Promise<Outcome[]> {
  const engine = await startChildEngine(await resolveModel(given.value('model') ?? defaultBundle, process.cwd()), 'cpu');
  try {
    const options = optionsOf(await engine.describe());
    const samples = await makeSamples(engine, options);
    const done: Outcome[] = [];
    for (const cell of chosen) {
      const outcome = await runCell(engine, cell, samples, options);
      done.push(outcome);
      // The table comes when all is done; who waits sees this.
      console.error(`${done.length}/${chosen.length} ${nameOf(cell)} ${outcome.milliseconds.toFixed(0)} ms ${outcome.faults.join('; ')}`);
    }
    return done;
  } finally {
    await engine.close();
    await closeMedia();
  }
}

function report(): void {
  const shown = new Map(outcomes.map((outcome) => [outcome.index, outcome.faults.length > 0 ? 'x' : outcome.milliseconds.toFixed(0)]));
  const lines = [['in \\ out', ...mixes.map(letters)], ...mixes.map((inputs, row) => [letters(inputs), ...mixes.map((_, column) => shown.get(row * mixes.length + column) ?? '')])];
  console.log(`Milliseconds a cell: ${modalities.map((modality) => `${letters([modality])} ${modality}`).join(', ')}\n`);
  for (const line of lines) console.log(line.map((cell, column) => (column === 0 ? cell.padEnd(8) : cell.padStart(6))).join(' '));
  console.log('');
  for (const outcome of outcomes) for (const fault of outcome.faults) console.log(`${nameOf(outcome)}: ${fault}`);
  const spoken = outcomes.filter(({ made }) => made.includes('speech')).length;
  if (spoken > 0) console.log(`speech came as the audio in ${spoken}`);
  console.log(`${whole} of ${chosen.length}`);
}

function cellsOf(only: string | null): readonly Cell[] {
  if (only === null) return cells;
  const sides = only.split(':').map((side) => (side === '' ? null : side.split(',').map(modalityOf)));
  if (sides.length !== 2) throw new AnymodalError('bad_option', `--only: got "${only}", expected IN:OUT such as image,audio:video`);
  return cells.filter(({ inputs, outputs }) => fits(inputs, sides[0]) && fits(outputs, sides[1]));
}

/** Whether a mix is this one; no side is any. */
function fits(mix: readonly Modality[], side: readonly Modality[] | null | undefined): boolean {
  return !side || modalities.every((modality) => mix.includes(modality) === side.includes(modality));
}

function modalityOf(name: string): Modality {
  const found = modalities.find((modality) => modality === name);
  if (found === undefined) throw new AnymodalError('bad_option', `--only: got "${name}", expected one of ${modalities.join(', ')}`);
  return found;
}

function optionsOf({ outputs, text }: EngineDescription): Options {
  const [steps, tokens] = (['steps', 'tokens'] as const).map((name) => {
    const value = given.value(name);
    return value === null ? null : integerFlag(`--${name}`, value, 1, 1000);
  });
  const stepped = outputs.filter(({ options }) => Object.hasOwn(Object(options['properties']), 'steps'));
  return {
    ...(typeof steps === 'number' && Object.fromEntries(stepped.map(({ name }) => [name, { steps }]))),
    ...(typeof tokens === 'number' && text !== null && { text: { maxTokens: tokens } }),
  };
}

function nameOf({ inputs, outputs }: Cell): string {
  return `${inputs.join(',')}:${outputs.join(',')}`;
}

/** T, I, A and V. */
function letters(mix: readonly Modality[]): string {
  return mix.map((modality) => modality.charAt(0).toUpperCase()).join('');
}
