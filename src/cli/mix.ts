// `--mix W=PART`: weighted texts and files that a medium is made from, in the place of a prompt.
// Knows no modality; the engine places the parts in the joint space and adds them up.
import type { JobRequest } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import type { Flag } from './flags.ts';
import { readPart, type Reading } from './inputs.ts';

export const mixFlag: Flag = { name: 'mix', value: 'W=PART', repeatable: true, help: 'a text or @file and its weight, in the place of a prompt; needs --to' };

/**
 * The mix that the values of `--mix` give, or null without any; files are read from `folder`.
 * Throws `bad_option` for what is no `W=PART`, `bad_input` for an empty part, `bad_media` for a file that is no readable medium.
 */
export async function readMix(values: readonly string[], folder: string, reading: Reading = {}): Promise<JobRequest['mix']> {
  if (values.length === 0) return null;
  const mix: { weight: number; part: Awaited<ReturnType<typeof readPart>> }[] = [];
  for (const value of values) {
    const [, weight = '', word = ''] = /^\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*=(.*)$/s.exec(value) ?? [];
    if (weight === '') throw new AnymodalError('bad_option', `--mix: got "${value}", expected WEIGHT=PART, such as 0.7=@cat.png or -0.2=blue.`);
    const part = await readPart(word, folder, reading).catch((error: unknown) => {
      throw error instanceof AnymodalError ? new AnymodalError(error.code, `--mix ${weight}: ${error.message}`, { cause: error }) : error;
    });
    mix.push({ weight: Number(weight), part });
  }
  return mix;
}

/** Throws `bad_input` or `bad_option` for what cannot stand beside a mix: a prompt, the route through the language model, no output. */
export function checkBesideMix(request: { readonly positionals: readonly string[]; readonly route: string; readonly outputs: readonly string[] | null }): void {
  if (request.positionals.length > 0) throw new AnymodalError('bad_input', '--mix: takes the place of the prompt; leave the prompt out, or add its words as a part: --mix 1="a red apple".');
  if (request.route === 'chat') throw new AnymodalError('bad_option', '--mix: the language model reads none; leave --route chat out.');
  if (request.outputs === null) throw new AnymodalError('bad_option', '--mix: does not say what to make of it; add --to, such as --to image.');
  if (request.outputs.includes('text')) throw new AnymodalError('bad_option', '--mix: makes media alone; leave text out of --to.');
}
