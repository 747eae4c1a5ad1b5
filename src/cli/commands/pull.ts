// `anymodal pull`: fetches a model by its name, from a hub or an address, into the shared cache, after its licence is settled.
// Knows flags, questions and lines; hubs and downloads are the bundle room's.
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fetchAddress, nameOfFile, planAddress } from '../../bundle/address-pull.ts';
import { readCatalogue, type CatalogueModel } from '../../bundle/catalogue.ts';
import { gigabytes } from '../../bundle/fetch-files.ts';
import { fetchPlan, planPull, sumOf, type PullEvents, type PullSettings } from '../../bundle/hub-pull.ts';
import { folderOfAddress, opens, pulledFolder, type Meant } from '../../bundle/pulled.ts';
import { AnymodalError } from '../../errors.ts';
import { sharedFlags, type Command } from '../command.ts';
import { parseFlags, type Flag, type ParsedFlags } from '../flags.ts';
import { endpointOf, hubOfSettings, meaningOf, settingsOf } from '../hub.ts';
import { createProgress } from '../progress.ts';
import { createSpeed, pullLine } from '../pull-progress.ts';
import { printable } from '../report.ts';
import { exitCode, type Shell } from '../shell.ts';
import { nearest } from '../suggest.ts';

const flagTable: readonly Flag[] = [
  { name: 'accept-licence', help: 'accept the licence of the model without being asked' },
  { name: 'revision', value: 'NAME', help: 'branch, tag or commit (default main)' },
  { name: 'include', value: 'PATTERN', repeatable: true, help: 'files to fetch, such as "onnx/*q4*"; without it those that can be opened' },
  { name: 'exclude', value: 'PATTERN', repeatable: true, help: 'files to leave out' },
  { name: 'variant', value: 'NAME', help: 'which of several kinds of the same weights: q4, quantized, fp16, fp32, ...' },
  { name: 'hub', value: 'URL', help: 'mirror to fetch from (ANYMODAL_HUB, HF_ENDPOINT, setting hub; default huggingface.co)' },
  { name: 'offline', help: 'ask no server: from the cache, or an error (ANYMODAL_OFFLINE, HF_HUB_OFFLINE)' },
  { name: 'list', help: 'the models that are known by name' },
  sharedFlags.json,
  sharedFlags.help,
];

export const pullCommand: Command = {
  name: 'pull',
  usage: 'NAME | ORG/NAME[@REVISION] | URL  [FLAGS]',
  summary: 'fetch a model from a hub into the shared cache',
  details: [
    'What is interrupted goes on where it stopped. Every file is checked by its SHA-256. The cache is the one of other programs',
    '(HF_HOME, HF_HUB_CACHE). A private or gated repository wants HF_TOKEN; it is sent to the hub and to no other host.',
    'A URL is a page of the hub, a bundle.json with its files beside it, or one file.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal pull --list', 'names, sizes and licences'],
    ['anymodal pull smollm2-135m', 'one of them'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal pull --help`.');
    if (flags.on('list')) return list(flags.on('json'), shell);
    const [name, ...more] = flags.positionals;
    if (name === undefined || more.length > 0) throw new AnymodalError('bad_input', `got ${flags.positionals.length} names, expected one; \`anymodal pull --list\` shows those that are known.`);
    const endpoint = endpointOf(flags.value('hub'), shell.environment.hub, await hubOfSettings(shell.environment.server, shell.folder));
    const meant = withFlags(await meaningOf(name, endpoint), flags);
    if (meant === null) throw await unknown(name);
    if (flags.on('offline') || shell.environment.hub.offline) return offline(name, meant, flags.on('json'), shell);
    const settings = await settingsOf(endpoint, shell.environment.hub);
    return shell.interruption.during(async (signal) => {
      try {
        await pull(name, meant, flags, settings, shell, signal);
        return exitCode.good;
      } catch (error) {
        if (!signal.aborted) throw error;
        shell.stderr.write('anymodal: cancelled; what was fetched is kept, and the same command goes on from there\n');
        if (flags.on('json')) shell.stdout.write(`${JSON.stringify({ type: 'pull-abort', model: name })}\n`);
        return exitCode.cancelled;
      }
    });
  },
};

async function pull(name: string, meant: Meant, flags: ParsedFlags, settings: PullSettings, shell: Shell, signal: AbortSignal): Promise<void> {
  const json = flags.on('json');
  const print = (event: object): void => {
    if (json) shell.stdout.write(`${JSON.stringify(event)}\n`);
  };
  const progress = createProgress(shell.stderr, shell.environment);
  progress.waiting(`looking up ${name} ...`);
  const wish = { include: flags.values('include'), exclude: flags.values('exclude'), variant: flags.value('variant') };
  let found: { missing: readonly { readonly bytes: number | null }[]; files: readonly { readonly bytes: number | null }[]; folder: string; fetch: (events: PullEvents) => Promise<void> };
  let licence: Licence | null = meant.model?.licence ?? null;
  let commit: string | null = null;
  try {
    if (meant.kind === 'hub') {
      const plan = await planPull({ ...wish, repository: meant.repository, revision: meant.revision, include: meant.include }, settings, signal);
      found = { ...plan, fetch: async (events) => fetchPlan(plan, settings, events, signal) };
      const { revision } = plan;
      commit = revision.commit;
      licence ??= revision.licence === null ? null : { name: revision.licence, accept: false, ...(revision.licenceAddress === null ? {} : { address: revision.licenceAddress }) };
    } else {
      const { address } = meant;
      const source = meant.model?.source;
      const sha256 = source !== undefined && 'sha256' in source ? (source.sha256 ?? null) : null;
      const plan = await planAddress(address, sha256, folderOfAddress(shell.environment.hub.ownCache, address), settings, signal);
      found = { ...plan, fetch: async (events) => fetchAddress(address, plan, settings, events, signal) };
    }
  } finally {
    progress.clear();
  }

  const { files, missing, folder } = found;
  const [bytes, missingBytes] = [sumOf(files), sumOf(missing)];
  print({ type: 'pull-start', model: name, revision: commit, files: files.length, bytes, missingFiles: missing.length, missingBytes, licence: licence?.name ?? null, folder });
  if (missing.length > 0) {
    progress.line(`${name}: ${missing.length} of ${files.length} files to fetch, ${sizeOf(missing)}; licence ${licence?.name ?? 'not stated by its owner'}${licence?.address === undefined ? '' : ` (${licence.address})`}`);
    if (licence?.accept === true && !flags.on('accept-licence')) await askLicence(name, licence, shell, signal);
  }
  await found.fetch(eventsOf(print, progress, shell));
  progress.clear();
  const next = await nextStep(name, meant, folder);
  print({ type: 'pull-end', model: name, folder, next });
  if (!json) shell.stdout.write(`${folder}\n`);
  progress.line(`${missing.length === 0 ? 'everything was there already' : 'done'}; ${next}`);
}

/** What is to be fetched, where its server tells. */
function sizeOf(files: readonly { readonly bytes: number | null }[]): string {
  const untold = files.filter(({ bytes }) => bytes === null).length;
  if (untold === 0) return gigabytes(sumOf(files));
  return untold === files.length ? 'size unknown until they come' : `${gigabytes(sumOf(files))} and ${untold} of unknown size`;
}

type Licence = CatalogueModel['licence'];

/** Shows a pull's events: on a terminal a line that is redrawn, elsewhere a line a file. */
function eventsOf(print: (event: object) => void, progress: ReturnType<typeof createProgress>, shell: Shell): PullEvents {
  const speed = createSpeed();
  let shownAt = -Infinity;
  return {
    progress(received, bytes) {
      speed.note(received);
      const now = performance.now();
      // A terminal cannot be read faster, and a program wants no event for each packet.
      if (now - shownAt < 250 && received < bytes) return;
      shownAt = now;
      const bytesPerSecond = speed.bytesPerSecond();
      print({ type: 'pull-progress', received, bytes, bytesPerSecond: bytesPerSecond === null ? null : Math.round(bytesPerSecond), secondsLeft: bytesPerSecond === null ? null : Math.ceil((bytes - received) / bytesPerSecond) });
      progress.waiting(pullLine(received, bytes, bytesPerSecond));
    },
    waiting(label) {
      print({ type: 'pull-waiting', file: label });
      progress.line(`${printable(label)}: another pull is fetching it; waiting for that`);
    },
    fetched(label) {
      print({ type: 'pull-file', file: label });
      if (shell.stderr.isTTY !== true) progress.line(`fetched ${printable(label)}`);
    },
    warn(code, message) {
      print({ type: 'pull-warning', code, message });
      progress.line(`warning: ${printable(message)} (${code})`);
    },
  };
}

/** Asks on a terminal whether the licence is accepted; throws `access_denied` where it is not, or where nobody can be asked. */
async function askLicence(name: string, licence: Licence, shell: Shell, signal: AbortSignal): Promise<void> {
  if (licence.terms !== undefined) shell.stderr.write(`${licence.terms}\n`);
  const refused = (why: string): AnymodalError => new AnymodalError('access_denied', `${name}: its licence ${licence.name} ${why}. Read it${licence.address === undefined ? '' : ` at ${licence.address}`} and add --accept-licence.`);
  if (shell.stdin.isTTY !== true || shell.stderr.isTTY !== true) throw refused('has to be accepted first');
  const lines = createInterface({ input: shell.stdin, output: shell.stderr, terminal: false });
  try {
    const answer = await new Promise<string>((resolve) => {
      signal.addEventListener('abort', () => resolve(''), { once: true });
      lines.once('close', () => resolve(''));
      lines.question(`Accept the licence ${licence.name}? [y/N] `, resolve);
    });
    signal.throwIfAborted();
    if (!/^\s*y(es)?\s*$/i.test(answer)) throw refused('was not accepted');
  } finally {
    lines.close();
  }
}

/** What can be done with what was pulled. */
async function nextStep(name: string, { model, ...meant }: Meant, folder: string): Promise<string> {
  if (await opens(folder)) return `use it with --model ${name}`;
  const source = meant.kind === 'address' ? join(folder, nameOfFile(meant.address)) : folder;
  if (model?.export !== undefined) return `make a bundle of it once: ${model.export.replaceAll('{source}', JSON.stringify(source))}`;
  if (model?.form === 'weights') return `this version of anymodal has no exporter that makes a bundle of it; the weights are in ${source}`;
  if (meant.kind === 'address') return `it is ${source}`;
  return model?.makes.includes('text') === true ? `use it with --use language-model=${name}` : `use it with --use OUTPUT=${name}`;
}

/** From the cache alone. Throws `unknown_model` where it is not there. */
async function offline(name: string, meant: Meant, json: boolean, shell: Shell): Promise<number> {
  const folder = await pulledFolder(meant, shell.environment.hub);
  if (folder === null) throw new AnymodalError('unknown_model', `${name}: it is not in the cache (${meant.kind === 'hub' ? shell.environment.hub.cache : shell.environment.hub.ownCache}), and no server may be asked (--offline, ANYMODAL_OFFLINE or HF_HUB_OFFLINE). Pull it once with a connection.`);
  shell.stdout.write(json ? `${JSON.stringify({ type: 'pull-end', model: name, folder, next: await nextStep(name, meant, folder) })}\n` : `${folder}\n`);
  return exitCode.good;
}

async function list(json: boolean, shell: Shell): Promise<number> {
  const models = await readCatalogue();
  if (json) {
    for (const model of models) shell.stdout.write(`${JSON.stringify(model)}\n`);
    return exitCode.good;
  }
  const rows = models.map(({ id, title, bytes, licence, form, export: command }) => {
    const use = form !== 'weights' ? 'as it is' : command === undefined ? 'weights' : 'export once';
    return [id, bytes === null ? 'size unknown' : gigabytes(bytes), licence.name, use, title];
  });
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) shell.stdout.write(`${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}\n`);
  return exitCode.good;
}

function withFlags(meant: Meant | null, flags: ParsedFlags): Meant | null {
  if (meant === null || meant.kind === 'address') return meant;
  const include = flags.values('include');
  return { ...meant, revision: flags.value('revision') ?? meant.revision, include: include.length > 0 ? include : meant.include };
}

async function unknown(name: string): Promise<AnymodalError> {
  const ids = (await readCatalogue()).map(({ id }) => id);
  const near = nearest(name, ids);
  return new AnymodalError('unknown_model', `"${name}" is no known model${near === null ? '' : `; did you mean ${near}?`} Known are ${ids.join(', ')}; any other is written ORG/NAME or as an address.`);
}
