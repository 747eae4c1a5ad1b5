// `anymodal connect`: looks at a server and writes a bundle whose components it does the work of, alone or put into another bundle.
// Knows flags and lines; servers are the room remote's, folders the bundle room's.
import { basename, resolve } from 'node:path';
import { bundleOf, combine, type Identity } from '../../bundle/combine.ts';
import { placedBundle, writeFolder, type Placed } from '../../bundle/write-folder.ts';
import { survey, type Survey, type Use } from '../../../remote/connect/survey.ts';
import { partsOf, uses, type Wish } from '../../../remote/connect/parts-of-survey.ts';
import { AnymodalError } from '../../errors.ts';
import { folderOf } from '../bundles.ts';
import { sharedFlags, type Command } from '../command.ts';
import { choiceFlag, integerFlag, parseFlags, type Flag, type ParsedFlags } from '../flags.ts';
import { createProgress } from '../progress.ts';
import { printable } from '../report.ts';
import { exitCode, type Shell } from '../shell.ts';

const flagTable: readonly Flag[] = [
  { name: 'with', value: 'MODEL', help: 'bundle that the server becomes part of, such as nano; again with the result for another server' },
  { name: 'as', value: 'USE', repeatable: true, help: `what it is to do: ${uses.join(', ')}` },
  { name: 'name', value: 'MODEL', help: 'model at the server; without it the first that fits' },
  { name: 'workflow', value: 'FILE', help: 'ComfyUI: the workflow in API format' },
  { name: 'map', value: 'FIELD=NODE.INPUT', repeatable: true, help: 'ComfyUI: where a field goes, such as prompt=6.text; without it found by the kinds of nodes' },
  { name: 'output', value: 'NAME', repeatable: true, help: 'outputs to take from it (anymodal), or name of the one that it makes (ComfyUI)' },
  { name: 'key-variable', value: 'NAME', help: 'environment variable that holds the key; the key itself is never written' },
  { name: 'concurrency', value: 'N', help: 'requests under way at a time (default 1)' },
  { name: 'timeout-ms', value: 'MS', help: 'most milliseconds of a request (default 600000)' },
  { name: 'out', value: 'FOLDER', help: 'folder to write (default: the name of the server, here)' },
  { name: 'id', value: 'ID', help: 'id of the bundle (default: the name of the folder)' },
  { name: 'overwrite', help: 'replace a bundle.json that is there' },
  sharedFlags.json,
  sharedFlags.help,
];

export const connectCommand: Command = {
  name: 'connect',
  usage: 'URL [--with MODEL] [FLAGS]',
  summary: 'make a bundle of a server that runs elsewhere',
  details: [
    'Knows llama.cpp, Ollama, vLLM, LocalAI and others with OpenAI\'s routes, ComfyUI, and other servers of anymodal. Writes a folder',
    'with a bundle.json that names the server; nothing is asked of it before the bundle is opened. See docs/remote.md.',
  ],
  flags: flagTable,
  examples: [
    ['anymodal connect http://127.0.0.1:11434 --with nano', 'Ollama writes, nano draws'],
    ['anymodal connect http://127.0.0.1:8188 --workflow flow.json --with nano', 'nano writes, ComfyUI draws'],
    ['anymodal connect http://192.168.0.7:8080', 'another anymodal as if it were here'],
  ],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal connect --help`.');
    const [url, ...more] = flags.positionals;
    if (url === undefined || more.length > 0) throw new AnymodalError('bad_input', `got ${flags.positionals.length} addresses, expected one, such as http://127.0.0.1:11434.`);
    return shell.interruption.during(async (signal) => connect(url, flags, shell, signal));
  },
};

async function connect(url: string, flags: ParsedFlags, shell: Shell, signal: AbortSignal): Promise<number> {
  const wish = wishOf(flags, shell);
  const progress = createProgress(shell.stderr, shell.environment);
  progress.waiting('asking the server ...');
  let found: Survey;
  let base: Placed | null;
  let parts;
  try {
    found = await survey(url, wish.keyVariable, wish.model, signal);
    const other = flags.value('with');
    base = other === null ? null : await placedBundle(await folderOf(other, shell));
    parts = await partsOf(found, { ...wish, isWhole: other === null, baseOutputs: Object.keys(base?.bundle.outputs ?? {}) }, signal);
  } finally {
    progress.clear();
  }
  const folder = resolve(shell.folder, flags.value('out') ?? `${new URL(found.url).host.replaceAll(/[^A-Za-z0-9.-]/g, '-')}${base === null ? '' : `-with-${base.bundle.id}`}`);
  const identity = identityOf(found, base, flags.value('id') ?? basename(folder).toLowerCase().replaceAll(/[^a-z0-9._-]/g, '-').replace(/^[^a-z0-9]+/, ''), parts.limits);
  const { bundle, lost } = base === null ? { bundle: bundleOf(identity, parts), lost: [] } : combine(base.bundle, identity, parts);
  const copied = await writeFolder(folder, bundle, (component, key) => parts.files.get(component)?.[key] ?? (parts.components[component] === undefined ? (base?.place(component, key) ?? null) : null), flags.on('overwrite'));

  const did = [...(bundle.languageModel === null ? [] : ['text']), ...Object.keys(bundle.outputs), ...(bundle.engine === undefined ? [] : ['what the server makes'])];
  if (flags.on('json')) shell.stdout.write(`${JSON.stringify({ type: 'connect-end', server: found.kind, version: found.version, folder, model: bundle.id, inputs: Object.keys(bundle.inputs), outputs: did, components: Object.keys(parts.components), copiedBytes: copied, lost })}\n`);
  else shell.stdout.write(`${folder}\n`);
  progress.line(`${new URL(found.url).origin} is ${found.kind}${found.version === '' ? '' : ` ${printable(found.version)}`}; the bundle ${bundle.id} makes ${did.join(', ')}`);
  for (const note of parts.notes) progress.line(printable(note));
  for (const name of lost) progress.line(`warning: ${name} of ${base?.bundle.id} cannot be asked for in words and is left out (output_lost)`);
  if (copied > 0) progress.line(`${Math.round(copied / 1e6)} MB were copied, since this folder is on another file system than the bundle`);
  progress.line(`use it with --model ${folder}`);
  return exitCode.good;
}

function wishOf(flags: ParsedFlags, shell: Shell): Omit<Wish, 'baseOutputs' | 'isWhole'> {
  const number = (name: string, most: number): number | null => {
    const value = flags.value(name);
    return value === null ? null : integerFlag(`--${name}`, value, 1, most);
  };
  const keyVariable = flags.value('key-variable');
  if (keyVariable !== null && !/^[A-Z][A-Z0-9_]*$/.test(keyVariable)) throw new AnymodalError('bad_option', '--key-variable: expected the name of an environment variable, such as OPENAI_API_KEY; the key itself stays in the environment.');
  const workflow = flags.value('workflow');
  return {
    uses: flags.values('as').map((use): Use => choiceFlag('--as', use, uses)),
    model: flags.value('name'),
    outputs: flags.values('output'),
    workflow: workflow === null ? null : resolve(shell.folder, workflow),
    fields: flags.values('map'),
    keyVariable,
    concurrency: number('concurrency', 1024),
    timeoutMs: number('timeout-ms', 86_400_000),
  };
}

function identityOf({ kind, url }: Survey, base: Placed | null, id: string, limits: readonly string[]): Identity {
  const { host, origin } = new URL(url);
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(id)) throw new AnymodalError('bad_option', '--id: expected small letters, digits, dots and dashes, such as my-bundle.');
  return {
    id,
    version: '1.0.0',
    title: base === null ? `${kind} at ${host}` : `${base.bundle.title}; with ${kind} at ${host}`,
    licence: base === null ? 'LicenseRef-remote' : `${base.bundle.licence} AND LicenseRef-remote`,
    source: `${base === null ? '' : `${base.bundle.source}; `}${origin}`,
    limits,
  };
}
