// `anymodal generate`, which is also what a bare prompt runs: one reply to one message.
// Knows no modality and no option by itself: inputs and options are those of the bundle.
import { randomInt, randomUUID } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import type { EngineDescription, JobRequest, Media, Part, Route } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import { chooseBundle, summarise } from '../bundles.ts';
import { sharedFlags, type Command } from '../command.ts';
import { chooseDeviceFlag, withEngine } from '../engine.ts';
import { extensionsOf } from '../file-kinds.ts';
import { choiceFlag, integerFlag, parseFlags, parseLoosely, unknownFlags, type Flag, type ParsedFlags } from '../flags.ts';
import { readLater, readMedia, readMediaOf, type Reading } from '../inputs.ts';
import { runJob } from '../job.ts';
import { chooseFiles, type MadeFiles } from '../made-files.ts';
import { checkBesideMix, mixFlag, readMix } from '../mix.ts';
import { acceptsFormat, flagsOfOptions, jobOptions, standardOptionFlags, type JobOptions } from '../options.ts';
import { createJsonReport, createPlainReport, type Report } from '../report.ts';
import type { Shell } from '../shell.ts';
import { nearest } from '../suggest.ts';

const routes: readonly Route[] = ['auto', 'chat', 'direct'];
const largestCount = 64;
const defaultPreviewEvery = 4;

const ownFlags: readonly Flag[] = [
  { name: 'to', value: 'LIST', help: 'outputs to make, in order, such as image or text,image; without it the model decides' },
  { name: 'route', value: 'NAME', help: 'chat: through the language model; direct: the prompt straight to the decoder; auto (default)' },
  { name: 'count', short: 'n', value: 'N', help: `variants, 1 to ${largestCount}; variant i is the job at seed + i (default 1)` },
  { name: 'seed', short: 's', value: 'S', help: 'same seed, same bytes; chosen and reported where absent' },
  { name: 'negative', value: 'TEXT', help: 'what the medium should not show' },
  { name: 'mask', value: 'F', help: 'picture that says where an edit may change: white may, black stays' },
  mixFlag,
  { name: 'set', value: 'O.KEY=V', repeatable: true, help: 'any option of an output, such as image.steps=12 or text.temperature=0' },
  { name: 'output', short: 'o', value: 'PLACE', help: 'folder for new files (default outputs), or one file, which is replaced' },
  { name: 'previews', help: `write previews too, every ${defaultPreviewEvery} steps where --preview-every does not say` },
  { name: 'no-metadata', help: 'leave prompt and settings out of the files; the mark of generated media stays' },
  sharedFlags.model,
  sharedFlags.use,
  sharedFlags.device,
  sharedFlags.json,
  sharedFlags.help,
];

/** Stands in the help for the flags that the bundle's inputs make. */
const inputFlag: Flag = { name: 'image', value: 'F', repeatable: true, help: 'a file to look at or to edit, one flag for each modality that the bundle reads' };

export const generateCommand: Command = {
  name: 'generate',
  usage: '[PROMPT] [--image F]... [--to LIST] [FLAGS]',
  summary: 'answer one message with text and media',
  details: [
    'The text of the reply and the paths of its media go to standard output, all else to standard error.',
    'A prompt of - is read from standard input. Files are named OUTPUT-SEED-N in the folder and never overwrite;',
    'with -o FILE that file is replaced, and further media of the reply become FILE-2, FILE-3, ...',
    'Every option of the selected outputs is a flag of its own as well; an unknown one is answered with the list.',
  ],
  flags: [inputFlag, ...standardOptionFlags, ...ownFlags],
  examples: [
    ['anymodal "draw a red apple"', 'the model decides what the reply is made of'],
    ['anymodal generate "a house" --to image --seed 7 -n 4 -o houses', 'four pictures, seeds 7 to 10'],
    ['anymodal generate "make it green" --image apple.png -o green.png', 'edit a picture'],
    ['anymodal generate "a hat" --image cat.png --mask head.png --route direct --to image', 'change only what is white in the mask'],
    ['anymodal generate "what is this?" --image apple.png --to text', 'read a picture'],
    ['anymodal "a bouncing ball" --to video,audio -o ball/', 'a video with its sound in it, and the sound as a file'],
    ['anymodal "rain on a roof" --to audio --seconds 4 --format mp3', 'a sound; a video has --frames and --fps'],
    ['anymodal generate --audio rain.wav --video wave.mp4 --route direct --to image', 'a picture of what is heard and seen'],
    ['anymodal generate --mix 0.7=@cat.png --mix 0.3=@rain.wav --mix -0.2=blue --to image', 'a weighted mix; a text that begins with @ is written @@text'],
    ['echo "draw a fish" | anymodal generate - --json', 'prompt from standard input, events for a program'],
  ],
  async run(args, shell) {
    const report = args.includes('--json') ? createJsonReport(shell) : createPlainReport(shell);
    return shell.interruption.during((signal) => generate(args, shell, report, signal));
  },
};

/** What the flags ask for, as far as it can be judged without an engine. */
interface Request {
  readonly count: number;
  readonly seed: number;
  readonly route: Route;
  readonly outputs: readonly string[] | null;
  readonly parts: readonly Part[];
  readonly mask: Media | null;
  readonly mix: JobRequest['mix'];
  readonly files: MadeFiles;
}

async function generate(args: readonly string[], shell: Shell, report: Report, signal: AbortSignal): Promise<number> {
  // Which bundle it is decides which flags there are, so it is looked for before they are read.
  const early = parseLoosely(args, ownFlags);
  const folder = await chooseBundle(early.value('model'), shell, early.values('use'));
  const device = chooseDeviceFlag(early.value('device'), shell);
  const bundle = await summarise(folder);
  const fixed = [...standardOptionFlags, ...ownFlags];
  const inputFlags = bundle.inputs.filter((modality) => modality !== 'text' && !fixed.some((flag) => flag.name === modality)).map((name) => ({ ...inputFlag, name }));
  const known = [...fixed, ...inputFlags];
  const hint = `Bundle ${bundle.id} reads ${bundle.inputs.join(', ')} and makes ${bundle.outputs.join(', ')}; \`anymodal generate --help\` lists the flags.`;

  // A flag that is not known by now can still be an option of a decoder, which only the engine can tell.
  let flags = unknownFlags(args, known).length === 0 ? parseFlags(args, known, hint) : null;
  let request = flags === null ? null : await readRequest(flags, inputFlags, shell, signal).catch((error: unknown) => readLater(error, bundle.inputs));

  return withEngine(shell, folder, device, report, async (engine) => {
    signal.throwIfAborted();
    const description = await engine.describe();
    const optionFlags = flagsOfOptions(description.outputs, known);
    flags ??= parseFlags(args, [...known, ...optionFlags], hint);
    request ??= await readRequest(flags, inputFlags, shell, signal, { inputs: description.inputs });
    const options = optionsOf(flags, [...standardOptionFlags, ...optionFlags], request, description);
    if (description.deviceNote !== null) report.detail(description.deviceNote);
    for (const note of description.notes ?? []) report.note(note);
    if (flags.value('seed') === null) report.note(`seed ${request.seed} (--seed ${request.seed} makes the same again)`);
    const job: JobRequest = {
      id: randomUUID(),
      messages: [{ role: 'user', parts: request.parts }],
      outputs: request.outputs,
      route: request.route,
      seed: request.seed,
      count: request.count,
      options,
      negativePrompt: flags.value('negative'),
      mask: request.mask,
      mix: request.mix,
      metadata: !flags.on('no-metadata'),
    };
    signal.throwIfAborted();
    return (await runJob(engine, job, request.files, report, { previews: flags.on('previews') || flags.value('preview-every') !== null }, signal)).exitCode;
  }, signal);
}

/** Reads and checks what needs no engine, except files of formats that only its encoders know (`reading`); throws for the first thing that is wrong. */
async function readRequest(flags: ParsedFlags, inputFlags: readonly Flag[], shell: Shell, signal: AbortSignal, reading: Reading = {}): Promise<Request> {
  const count = integerFlag('-n', flags.value('count') ?? '1', 1, largestCount);
  const seedText = flags.value('seed');
  const seed = seedText === null ? randomInt(2 ** 32) : integerFlag('--seed', seedText, 0, Number.MAX_SAFE_INTEGER - largestCount);
  const chosenRoute = choiceFlag('--route', flags.value('route') ?? 'auto', routes);
  const outputs = outputsOf(flags.value('to'));
  const mixes = flags.values(mixFlag.name);
  if (mixes.length > 0) checkBesideMix({ positionals: flags.positionals, route: chosenRoute, outputs });
  const route = mixes.length > 0 ? 'direct' : chosenRoute;
  const files = chooseFiles(flags.value('output'), shell.folder);
  const media: Part[] = [];
  for (const { name } of inputFlags) {
    for (const path of flags.values(name)) media.push({ type: 'media', media: await readMediaOf(name, `--${name}`, path, shell.folder, reading.inputs) });
  }
  const maskPath = flags.value('mask');
  if (maskPath !== null && media.length === 0) {
    throw new AnymodalError('bad_input', `--mask: there is nothing to edit; add the picture that the mask belongs to with --${inputFlags[0]?.name ?? 'image'} F.`);
  }
  const mask = maskPath === null ? null : await readMedia(maskPath, shell.folder);
  const mix = await readMix(mixes, shell.folder, reading);
  const prompt = await promptOf(flags.positionals, shell, signal);
  if (prompt === null && media.length === 0 && mix === null) throw new AnymodalError('bad_input', 'there is no prompt; write one in quotes, such as anymodal "draw a red apple", or - to read it from standard input.');
  const parts: Part[] = prompt === null ? media : [...media, { type: 'text', text: prompt }];
  return { count, seed, route, outputs, parts, mask, mix, files };
}

async function promptOf(positionals: readonly string[], shell: Shell, signal: AbortSignal): Promise<string | null> {
  if (positionals.length > 1) {
    throw new AnymodalError('bad_input', `expected one prompt, got ${positionals.length} words; put the prompt in quotes: anymodal "${positionals.join(' ')}"`);
  }
  const [written] = positionals;
  if (written === undefined) return null;
  const prompt = (written === '-' ? await readAll(addAbortSignal(signal, shell.stdin)) : written).trim();
  if (prompt === '') throw new AnymodalError('bad_input', `the prompt is empty${written === '-' ? ': standard input had no text' : ''}; write what you want, such as "draw a red apple".`);
  return prompt;
}

function outputsOf(list: string | null): string[] | null {
  if (list === null) return null;
  const names = list.split(',').map((name) => name.trim());
  if (names.includes('')) throw new AnymodalError('bad_option', `--to: got "${list}", expected names separated by commas, such as text,image.`);
  return names;
}

/** The options of the job by output; throws for an output, a flag or a value that the engine does not have. */
function optionsOf(flags: ParsedFlags, optionFlags: readonly Flag[], request: Request, description: EngineDescription): JobOptions {
  const names = [...(description.text === null ? [] : ['text']), ...description.outputs.map((output) => output.name)];
  for (const name of request.outputs ?? []) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    throw new AnymodalError('unknown_output', `--to: bundle ${description.bundle} makes no "${name}"${near === null ? '' : `; did you mean ${near}?`}${near === null ? ';' : ''} it makes ${names.join(', ')}.`);
  }
  const selected = description.outputs.filter((output) => request.outputs?.includes(output.name) ?? true);
  if (flags.value('negative') !== null && !selected.some((output) => output.negative)) throw new AnymodalError('unsupported', '--negative: no selected output takes a negative prompt; leave it out.');
  if (request.mask !== null && !selected.some((output) => output.references.includes('mask'))) throw new AnymodalError('unsupported', '--mask: no selected output takes a mask; leave it out.');
  const given = optionFlags.flatMap(({ name }) => {
    const value = flags.value(name);
    return value === null ? [] : [[name, value] as const];
  });
  if (flags.on('previews') && flags.value('preview-every') === null) given.push(['preview-every', String(defaultPreviewEvery)]);
  const formats = request.files.mediaType === null ? [] : formatOf(flags, request.files.mediaType, selected);
  return jobOptions(given, [...formats, ...flags.values('set')], selected, description.text);
}

/** As values of `--set`, the format that the name in `-o` asks for, where no flag says otherwise. */
function formatOf(flags: ParsedFlags, mediaType: string, selected: readonly EngineDescription['outputs'][number][]): string[] {
  const extensions = extensionsOf(mediaType);
  const names = [mediaType.slice(mediaType.indexOf('/') + 1), ...extensions];
  const format = flags.value('format');
  const nameOf = (output: (typeof selected)[number], among: readonly string[]): string | undefined => among.find((name) => acceptsFormat(output, name));
  const own = selected.filter((output) => mediaType.startsWith(`${output.modality}/`) && nameOf(output, names) !== undefined);
  // An animated picture is a video too, where nothing else that is selected makes such a file.
  const takers = own.length > 0 ? own : selected.filter((output) => nameOf(output, extensions) !== undefined);
  if (takers.length === 0) throw new AnymodalError('bad_option', `-o: no selected output makes .${extensions[0]} files; choose another extension or a folder.`);
  const asked = takers.filter((output) => format !== null && acceptsFormat(output, format));
  if (asked.length > 0 && !names.includes(format ?? '')) throw new AnymodalError('bad_option', `--format: got "${format}", but -o names a .${extensions[0]} file; leave one of the two out.`);
  return takers
    .filter((output) => !asked.includes(output) && !flags.values('set').some((set) => set.startsWith(`${output.name}.format=`)))
    .map((output) => `${output.name}.format=${nameOf(output, names)}`);
}
