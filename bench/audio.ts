// Measures sound in and out: `node bench/audio.ts [BUNDLE FOLDER]`, by default models/nano, else those of test/fixtures/tiny.
// Prints four seconds of sound against the floor of four seconds, the first preview, the encoder, cold start and peak memory.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { latentDiffusionAudio } from '../decoders/audio/latent-diffusion-audio.ts';
import { jointAudio } from '../encoders/audio/joint-audio.ts';
import { closeMedia, encodeAudio } from '../media/index.ts';
import type { ComponentSource, Context, DecodeRequest, Decoder, Media } from '../src/contracts.ts';
import { createRandom } from '../src/runtime/random.ts';
import { machine, median, milliseconds, printTable, timed } from './table.ts';

type Component = { uses: string; files: Record<string, { path: string }>; config: Record<string, unknown> };
type Cold = { openMs: number; soundMs: number; totalMs: number; peakMegabytes: number };

const ROUNDS = 5;
const SECONDS = 4;

const [given, mode] = process.argv.slice(2);
const folder = given ?? fileURLToPath(new URL('../models/nano', import.meta.url));
const { title, decoder: decoderSource, encoder: encoderSource } = componentsOf(folder);

if (mode === '--cold') console.log(JSON.stringify(await coldStart()));
else await report();

async function report(): Promise<void> {
  const runs = [1, 2, 3].map((): Cold => JSON.parse(execFileSync(process.execPath, [fileURLToPath(import.meta.url), folder, '--cold'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })));
  const decoder = await latentDiffusionAudio.open(decoderSource);
  const encoder = await jointAudio.open(encoderSource);
  try {
    const steps = Number(decoderSource.config['steps']);
    const [few, many] = [await whole(decoder, { steps: 2 }), await whole(decoder, { steps: 2 + 8 })];
    const preview = await untilFirst(decoder, 'preview', { previewEvery: 1 });
    const sound = await whole(decoder, {});
    const [short, long] = [await tone(SECONDS), await tone(60)];
    const heard = async (media: Media): Promise<number> => median(await repeated(async () => encoder.encode(media, context())));
    printTable(`Sound, ${title}: ${machine(cpus(), process.version)}`, [
      ['denoising step', milliseconds((many - few) / 8), 'batch 2 (guided)'],
      ['vocoder and wav', milliseconds(few - (2 * (many - few)) / 8), `${SECONDS} s of sound`],
      ['first preview', milliseconds(preview), `from the request, warm, after one step of ${steps}`],
      [`${SECONDS} s of sound`, milliseconds(sound), `${steps} steps and the wav, warm; the floor is ${SECONDS} s`],
      ['30 s of sound', milliseconds(await timed(async () => make(decoder, { seconds: 30 }))), 'windows that go on from each other, once'],
      ['cold start: graphs open', milliseconds(median(runs.map((run) => run.openMs))), 'median of 3 new processes'],
      [`cold start: ${SECONDS} s of sound`, milliseconds(median(runs.map((run) => run.soundMs))), 'after opening'],
      ['cold start: whole', milliseconds(median(runs.map((run) => run.totalMs))), 'from the start of the process'],
      ['peak memory', `${median(runs.map((run) => run.peakMegabytes)).toFixed(0)} MB`, 'resident, of a process with this decoder alone'],
      [`hearing ${SECONDS} s`, milliseconds(await heard(short)), 'wav to tokens, the decoding process warm'],
      ['hearing 60 s', milliseconds(await heard(long)), 'as many windows as the config allows'],
    ]);
  } finally {
    await decoder.dispose();
    await encoder.dispose();
    await closeMedia();
  }
}

async function whole(decoder: Decoder, options: Record<string, number>): Promise<number> {
  return median(await repeated(async () => make(decoder, { seconds: SECONDS, ...options })));
}

async function untilFirst(decoder: Decoder, type: string, options: Record<string, number>): Promise<number> {
  return median(await repeated(async () => {
    for await (const event of decoder.decode(request({ seconds: SECONDS, ...options }), context())) if (event.type === type) return;
  }));
}

async function make(decoder: Decoder, options: Record<string, number>): Promise<void> {
  for await (const event of decoder.decode(request(options), context())) if (event.type === 'media') return;
}

async function repeated(work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) times.push(await timed(work));
  return times;
}

/** Opens everything and makes one sound in this process, which did nothing before. */
async function coldStart(): Promise<Cold> {
  const start = performance.now();
  const decoder = await latentDiffusionAudio.open(decoderSource);
  const openMs = performance.now() - start;
  const soundMs = await timed(async () => make(decoder, { seconds: SECONDS }));
  const totalMs = performance.now();
  await decoder.dispose();
  await closeMedia();
  return { openMs, soundMs, totalMs, peakMegabytes: process.resourceUsage().maxRSS / 1024 };
}

async function tone(seconds: number): Promise<Media> {
  const samples = Float32Array.from({ length: seconds * 16_000 }, (_, i) => 0.4 * Math.sin(i / 6) * Math.sin(i / 4000));
  return encodeAudio({ samples, sampleRateHz: 16_000 }, { format: 'wav', provenance: null, mark: false });
}

function request(options: Record<string, number>): DecodeRequest {
  const tokens = decoderSource.config['tokens'];
  const shape = Array.isArray(tokens) ? tokens.map(Number) : [];
  const data = createRandom(1).normal(shape.reduce((a, b) => a * b, 1));
  return { conditioning: { tokens: { shape, data } }, negative: null, references: [], companions: {}, options, provenance: null };
}

function context(): Context {
  return { signal: new AbortController().signal, random: createRandom(0), warn: () => undefined };
}

/** The parts for sound of a bundle, or the tiny graphs where it has none. */
function componentsOf(path: string): { title: string; decoder: ComponentSource; encoder: ComponentSource } {
  const root = resolve(path);
  const manifest = existsSync(join(root, 'bundle.json')) ? join(root, 'bundle.json') : fileURLToPath(new URL('../test/fixtures/tiny/bundle.json', import.meta.url));
  const bundle: { id: string; components: Record<string, Component> } = JSON.parse(readFileSync(manifest, 'utf8'));
  const source = (uses: string): ComponentSource => {
    const entry = Object.entries(bundle.components).find(([, component]) => component.uses === uses);
    if (entry === undefined) throw new Error(`${manifest} has no ${uses}; give the folder of a bundle that makes and hears sound`);
    const [name, { files, config }] = entry;
    return { name, config, device: 'cpu', path: (key) => join(manifest, '..', files[key]?.path ?? key) };
  };
  return { title: bundle.id, decoder: source(latentDiffusionAudio.name), encoder: source(jointAudio.name) };
}
