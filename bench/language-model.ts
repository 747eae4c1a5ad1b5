// Measures the language model: `node bench/language-model.ts [BUNDLE FOLDER]`, by default models/nano, else the tiny graphs.
// Prints a token at context 64 and 1,024 against the bare graph, a prompt, the next turn, cold start and peak memory.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ComponentSource, Context, LanguageModel, PromptMessage } from '../src/contracts.ts';
import { causalLanguageModel } from '../src/language-model/causal-lm.ts';
import { createRandom } from '../src/runtime/random.ts';
import { bareToken } from './bare-token.ts';
import { machine, median, milliseconds, printTable, timed } from './table.ts';

type Component = { uses: string; files: Record<string, { path: string }>; config: Record<string, unknown> };
type Cold = { openMs: number; tokenMs: number; totalMs: number; peakMegabytes: number };
type Row = [name: string, value: string, remark: string];

const TOKENS = 48;
const CONTEXTS = [64, 1024];

const [given, mode] = process.argv.slice(2);
const folder = given ?? fileURLToPath(new URL('../models/nano', import.meta.url));
const { title, source } = componentOf(folder);

if (mode === '--cold') console.log(JSON.stringify(await coldStart()));
else await report();

async function report(): Promise<void> {
  const runs = [1, 2, 3].map((): Cold => JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), folder, '--cold'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })));
  const model = await causalLanguageModel.open(source);
  try {
    const rows: Row[] = [];
    for (const length of CONTEXTS) if (length + TOKENS <= size('contextLength')) rows.push(...(await tokenAt(model, length)));
    printTable(`Language model, ${title}: ${machine(cpus(), process.version)}`, [
      ...rows,
      ['cold start: files open', milliseconds(median(runs.map((run) => run.openMs))), 'tokenizer and graphs, median of 3 new processes'],
      ['cold start: first text', milliseconds(median(runs.map((run) => run.tokenMs))), 'after opening, a prompt of one line'],
      ['cold start: whole', milliseconds(median(runs.map((run) => run.totalMs))), 'from the start of the process to the first text'],
      ['peak memory', `${median(runs.map((run) => run.peakMegabytes)).toFixed(0)} MB`, 'resident, of a process with this model alone'],
    ]);
  } finally {
    await model.dispose();
  }
}

/** A token in the middle of a reply at about `length` positions, in turns with the bare graph. */
async function tokenAt(model: LanguageModel, length: number): Promise<Row[]> {
  const messages = await promptOf(model, length - TOKENS / 2);
  const bare = await bareToken(source, length);
  const times: Record<'greedy' | 'top-p' | 'bare', number[]> = { greedy: [], 'top-p': [], bare: [] };
  const firsts: number[] = [];
  for (const kind of ['greedy', 'top-p', 'greedy', 'top-p'] as const) {
    const events = reply(model, messages, TOKENS, kind);
    firsts.push(await timed(async () => events.next()));
    for (let token = 1; token < TOKENS; token += 1) {
      let type: string | undefined;
      const time = await timed(async () => (type = (await events.next()).value?.type));
      if (type !== 'text-delta') break;
      times[kind].push(time);
      times.bare.push(await timed(bare.run));
    }
    await events.return(undefined);
  }
  await bare.release();
  const [greedy, topP, run] = [median(times.greedy), median(times['top-p']), median(times.bare)];
  const above = (time: number): string => `${(100 * (time / run - 1)).toFixed(1)} % above the bare graph`;
  return [
    [`token at ${length}`, milliseconds(greedy), `${(1000 / greedy).toFixed(0)} a second, ${above(greedy)}; median of ${times.greedy.length}`],
    [`token at ${length}, top-p`, milliseconds(topP), `${(1000 / topP).toFixed(0)} a second, ${above(topP)}; median of ${times['top-p'].length}`],
    [`bare session.run at ${length}`, milliseconds(run), 'the same graph, alternating with ours'],
    [`first text at ${length}`, milliseconds(firsts[0]!), 'a new prompt, warm'],
    [`first text at ${length}, again`, milliseconds(median(firsts.slice(1))), 'the same prompt, its whole chunks cached'],
  ];
}

/** A conversation whose prompt has about `length` positions and that invites a long reply. */
async function promptOf(model: LanguageModel, length: number): Promise<PromptMessage[]> {
  const [without, withSome] = [await promptLength(model, ask(0)), await promptLength(model, ask(8))];
  return ask(Math.max(0, Math.round((8 * (length - without)) / (withSome - without))));
}

function ask(sentences: number): PromptMessage[] {
  return [{ role: 'user', parts: [{ type: 'text', text: `${'The dragon flew over the hills. '.repeat(sentences)}Write a long story about it, with many words.` }] }];
}

async function promptLength(model: LanguageModel, messages: readonly PromptMessage[]): Promise<number> {
  for await (const event of reply(model, messages, 1, 'greedy')) if (event.type === 'end') return event.usage.inputTokens;
  return 0;
}

function reply(model: LanguageModel, messages: readonly PromptMessage[], maxTokens: number, kind: 'greedy' | 'top-p'): ReturnType<LanguageModel['generate']> {
  const context: Context = { signal: new AbortController().signal, random: createRandom(0), warn: () => undefined };
  const sampling = kind === 'greedy' ? { temperature: 0 } : { temperature: 0.8, topP: 0.95 };
  return model.generate({ messages, wants: {}, options: { maxTokens, ...sampling } }, context);
}

/** Opens everything and says one word in this process, which did nothing before. */
async function coldStart(): Promise<Cold> {
  let model: LanguageModel | null = null;
  const openMs = await timed(async () => (model = await causalLanguageModel.open(source)));
  const events = reply(model!, [{ role: 'user', parts: [{ type: 'text', text: 'What is the capital of France?' }] }], 8, 'greedy');
  const tokenMs = await timed(async () => events.next());
  const totalMs = performance.now();
  await events.return(undefined);
  await model!.dispose();
  return { openMs, tokenMs, totalMs, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}

function size(key: string): number {
  return Number(source.config[key]);
}

/** The language model of a bundle, or the tiny graphs where the folder holds no bundle. */
function componentOf(path: string): { title: string; source: ComponentSource } {
  const root = resolve(path);
  const manifest = join(root, 'bundle.json');
  if (path !== '' && existsSync(manifest)) {
    const bundle: { id: string; components: Record<string, Component> } = JSON.parse(readFileSync(manifest, 'utf8'));
    for (const [name, component] of Object.entries(bundle.components)) {
      if (component.uses !== causalLanguageModel.name) continue;
      const file = (key: string): string => join(root, component.files[key]?.path ?? key);
      return { title: bundle.id, source: { name, config: component.config, device: 'cpu', path: file } };
    }
  }
  const tiny: Record<string, string> = { model: 'model.onnx', embed: 'embed.onnx', tokenizer: 'tokenizer.json', tokenizerConfig: 'tokenizer_config.json' };
  const config = { layers: 2, kvHeads: 1, headDim: 8, modelWidth: 32, vocabulary: 394, contextLength: 2048, stopTokens: ['<|im_end|>'] };
  const file = (key: string): string => fileURLToPath(new URL(`../test/fixtures/tiny/language-model/${tiny[key]}`, import.meta.url));
  return { title: 'tiny random weights', source: { name: 'language-model', config, device: 'cpu', path: file } };
}
