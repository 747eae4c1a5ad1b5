// Speed beside peers on two cores: the same weights, the contenders in turns, ratios of neighbouring units, medians; a table with the targets.
// Usage: node bench/peers/run.ts FOLDER [flags]; bench/peers/README.md tells how FOLDER and the peers come to be. A peer that is not there is said and left out.

import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, median } from '../table.ts';
import { Contender, type Asked } from './contender.ts';

/** A ratio of ours to theirs; `most` is the largest time that meets the target. */
interface Match {
  readonly title: string;
  readonly ours: readonly [contender: string, asked: Asked];
  readonly theirs: readonly [contender: string, asked: Asked];
  readonly most: number;
  /** As the target is worded, and whether larger is better there. */
  readonly target: string;
  readonly speed: boolean;
}

interface Row {
  readonly title: string;
  readonly cells: readonly string[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    diffusers: { type: 'string', default: 'python3' },
    'stable-diffusion-cpp': { type: 'string', default: 'python3' },
    'llama-cpp': { type: 'string', default: 'python3' },
    gguf: { type: 'string', default: 'none' },
    'transformers-js': { type: 'string', default: 'none' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    out: { type: 'string' },
  },
});
const [folder] = positionals;
if (folder === undefined) throw new Error('give the folder that `python -m training.fixtures.peers` made');
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const nano = here('../../models/nano');
const everyRound = Number(values.rounds);

const contenders: Record<string, () => Contender> = {
  pictures: () => new Contender(process.execPath, [here('our-pictures.ts'), join(folder, 'stable-diffusion')]),
  diffusers: () => new Contender(values.diffusers, [here('diffusers_step.py'), join(folder, 'diffusers')]),
  'stable-diffusion.cpp': () => new Contender(values['stable-diffusion-cpp'], [here('stable_diffusion_cpp_step.py'), join(folder, 'diffusers')]),
  decoding: () => new Contender(process.execPath, [here('our-decoding.ts'), join(folder, 'language-model')]),
  'llama.cpp': () => new Contender(values['llama-cpp'], [here('llama_cpp_tokens.py'), values.gguf]),
  'transformers.js': () => new Contender(process.execPath, [here('transformers-js.ts'), join(folder, 'transformers-js'), values['transformers-js']]),
  'nano pictures': () => new Contender(process.execPath, [here('our-pictures.ts'), nano]),
  'nano decoding': () => new Contender(process.execPath, [here('our-decoding.ts'), nano]),
};

const step: Asked = { what: 'step' };
const bare: Asked = { what: 'bare' };
const token = (context: number): Asked => ({ what: 'decode', context });
const speed = (context: number, peer: string, least: number): Match => ({ title: `token at ${context}, SmolLM2-135M in 4 bits`, ours: ['decoding', token(context)], theirs: [peer, token(context)], most: 1 / least, target: `speed at least ${least} of ${peer}`, speed: true });
const loop = (title: string, contender: string, asked: Asked, most: number): Match => ({ title, ours: [contender, asked], theirs: [contender, { ...bare, ...(asked.context === undefined ? {} : { context: asked.context }) }], most, target: `time at most ${most} of the bare graph`, speed: false });

/** Groups of matches whose contenders are loaded together, one group after another. */
const groups: Record<string, readonly Match[]> = {
  language: [64, 1024].flatMap((context) => [speed(context, 'llama.cpp', 0.9), speed(context, 'transformers.js', context === 64 ? 1.2 : 2), loop(`token at ${context}, SmolLM2-135M in 4 bits`, 'decoding', token(context), 1.1)]),
  nano: [...[64, 1024].map((context) => loop(`token at ${context}, nano`, 'nano decoding', token(context), 1.1)), loop('guided step of a picture, nano', 'nano pictures', step, 1.02)],
  pictures: [
    { title: 'guided step, Stable Diffusion 1.5, 512 x 512, float32', ours: ['pictures', step], theirs: ['diffusers', step], most: 0.65, target: 'time at most 0.65 of diffusers', speed: false },
    { title: 'guided step, Stable Diffusion 1.5, 512 x 512, float32', ours: ['pictures', step], theirs: ['stable-diffusion.cpp', step], most: 0.25, target: 'time at most 0.25 of stable-diffusion.cpp', speed: false },
  ],
};

const rows: Row[] = [];
const head = ['', 'ours, ms', 'peer, ms', 'ratio', 'smallest to largest', 'target', 'met'];
for (const [name, matches] of Object.entries(groups)) {
  if (values.only !== undefined && !values.only.split(',').includes(name)) continue;
  rows.push(...(await measured(matches, name === 'pictures' ? Math.ceil(everyRound / 2) : everyRound)));
  // What is known so far stays if a later contender takes the machine with it.
  if (values.out !== undefined) writeFileSync(values.out, written());
}
console.log(written());

function written(): string {
  const table = [head, head.map(() => '---'), ...rows.map(({ title, cells }) => [title, ...cells])].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `${machine(cpus(), process.version)}\n\n${table}\n`;
}

/** All matches of a group, their units in turns: in both orders, so that whatever slows the machine falls on both. */
async function measured(matches: readonly Match[], rounds: number): Promise<Row[]> {
  const running = new Map<string, Contender>();
  const missing = new Map<string, string>();
  try {
    const start = async (name: string): Promise<void> => {
      if (running.has(name) || missing.has(name)) return;
      const contender = contenders[name]!();
      running.set(name, contender);
      const reason = await contender.ready();
      if (reason !== null) missing.set(name, reason);
      console.error(`${name}: ${reason ?? 'loaded'}`);
    };
    const ratios = new Map<Match, number[]>();
    const times = new Map<string, number[]>();
    const unit = async ([name, asked]: Match['ours'], counted: boolean): Promise<number> => {
      const found = await running.get(name)!.unit(asked);
      if (counted) times.set(key([name, asked]), [...(times.get(key([name, asked])) ?? []), found]);
      return found;
    };
    for (const [index, match] of matches.entries()) {
      const pair = [match.ours[0], match.theirs[0]];
      for (const name of pair) await start(name);
      if (pair.some((name) => missing.has(name))) continue;
      for (let round = -1; round < rounds; round += 1) {
        // In both orders; the first round warms up.
        const order = round % 2 === 0 ? [match.ours, match.theirs] : [match.theirs, match.ours];
        const found = new Map<Match['ours'], number>();
        for (const each of order) found.set(each, await unit(each, round >= 0));
        if (round >= 0) ratios.set(match, [...(ratios.get(match) ?? []), found.get(match.ours)! / found.get(match.theirs)!]);
      }
      console.error(`${match.title}: ${match.target}: ${median(ratios.get(match)!).toFixed(3)} of its time`);
      // Memory is for those that are still needed.
      const needed = matches.slice(index + 1).flatMap(({ ours, theirs }) => [ours[0], theirs[0]]);
      for (const name of pair) {
        if (needed.includes(name)) continue;
        running.get(name)?.end();
        running.delete(name);
      }
    }
    return matches.map((match) => rowOf(match, ratios.get(match), times, missing.get(match.theirs[0]) ?? missing.get(match.ours[0])));
  } finally {
    for (const contender of running.values()) contender.end();
  }
}

function key([name, { what, context }]: Match['ours']): string {
  return `${name} ${what} ${context ?? ''}`;
}

function rowOf(match: Match, ratios: readonly number[] | undefined, times: ReadonlyMap<string, readonly number[]>, reason: string | undefined): Row {
  if (ratios === undefined) return { title: match.title, cells: ['', '', 'not measured', '', match.target, reason ?? ''] };
  const shown = ratios.map((ratio) => (match.speed ? 1 / ratio : ratio));
  const milliseconds = (each: Match['ours']): string => median(times.get(key(each)) ?? []).toFixed(2);
  return {
    title: match.title,
    cells: [milliseconds(match.ours), milliseconds(match.theirs), median(shown).toFixed(3), `${Math.min(...shown).toFixed(3)} to ${Math.max(...shown).toFixed(3)}`, match.target, median(ratios) <= match.most ? 'yes' : 'no'],
  };
}
