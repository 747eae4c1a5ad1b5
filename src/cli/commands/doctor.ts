// `anymodal doctor`: what this machine and this installation can do, what is missing, and how to get it.
// Looks and tells; changes nothing.
import { arch, cpus, freemem, platform, release, totalmem } from 'node:os';
import type { AnyFactory } from '../../contracts.ts';
import { closeMedia, decodeImage, encodeImage } from '../../../media/index.ts';
import { openBundle } from '../../bundle/open.ts';
import { chooseBundle, summarise } from '../bundles.ts';
import { sharedFlags, type Command } from '../command.ts';
import { checkDevices, type Check } from '../device-checks.ts';
import { factoryModules } from '../factory-modules.ts';
import { parseFlags, type Flag } from '../flags.ts';
import { exitCode, type Shell } from '../shell.ts';
import { packageVersion } from './version.ts';

const flagTable: readonly Flag[] = [sharedFlags.model, sharedFlags.json, sharedFlags.help];

export const doctorCommand: Command = {
  name: 'doctor',
  usage: '[--model ID] [--json]',
  summary: 'check Node, devices, memory and the bundle, all its faults at once',
  details: ['Exit code 1 where something is broken; a device that is missing is not.'],
  flags: flagTable,
  examples: [['anymodal doctor', 'what to mend, and how']],
  async run(args, shell) {
    const flags = parseFlags(args, flagTable, 'See `anymodal doctor --help`.');
    const checks: Check[] = [];
    for (const check of [checkProgram, checkMemory, checkDevices, checkPictures]) checks.push(...(await check()));
    checks.push(...(await checkBundle(flags.value('model'), shell)));
    for (const check of checks) shell.stdout.write(flags.on('json') ? `${JSON.stringify(check)}\n` : lineOf(check));
    return checks.some((check) => check.state === 'broken') ? exitCode.failed : exitCode.good;
  },
};

function lineOf({ what, state, found }: Check): string {
  const mark = { good: 'ok', missing: '--', broken: 'XX' }[state];
  return `${mark}  ${what.padEnd(14)}${found.replaceAll('\n', `\n${''.padEnd(18)}`)}\n`;
}

async function checkProgram(): Promise<Check[]> {
  return [
    { what: 'anymodal', state: 'good', found: await packageVersion() },
    { what: 'node', state: 'good', found: `${process.versions.node} (${process.execPath})` },
    { what: 'platform', state: 'good', found: `${platform()} ${arch()}, release ${release()}; tested is linux x64` },
    { what: 'processor', state: 'good', found: `${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}` },
  ];
}

async function checkMemory(): Promise<Check[]> {
  const available = process.availableMemory();
  return [{ what: 'memory', state: 'good', found: `${gigabytes(available)} available to this process of ${gigabytes(totalmem())} (${gigabytes(freemem())} unused)` }];
}

async function checkPictures(): Promise<Check[]> {
  const what = 'pictures';
  try {
    const media = await encodeImage({ width: 1, height: 1, pixels: new Uint8Array(3) }, { format: 'png', provenance: null, mark: true });
    await decodeImage(media, { width: 1, height: 1, fit: 'fill', background: [255, 255, 255] });
    return [{ what, state: 'good', found: 'one was written and read back' }];
  } catch (error) {
    return [{ what, state: 'broken', found: `${messageOf(error)}; run npm install again on this platform` }];
  } finally {
    await closeMedia();
  }
}

async function checkBundle(model: string | null, shell: Shell): Promise<Check[]> {
  try {
    const folder = await chooseBundle(model, shell);
    const modules: { readonly factories: readonly AnyFactory[] }[] = await Promise.all(factoryModules.map(async (url) => import(url.href)));
    const { bundle } = await openBundle(folder, modules.flatMap((module) => module.factories));
    const { bytes } = await summarise(folder);
    return [{ what: 'bundle', state: 'good', found: `${bundle.id} ${bundle.version}, ${gigabytes(bytes)}, every file as declared (${folder})` }];
  } catch (error) {
    return [{ what: 'bundle', state: 'broken', found: messageOf(error) }];
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
