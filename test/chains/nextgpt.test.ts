// NExT-GPT's checkpoint as its exporter writes it, in a tiny shape: the prompt token for token as the demo's, replies and conditioning as those of the model
// with its low-rank pairs beside it (training/fixtures/nextgpt.py), and the rules by which its replies are read.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { closeMedia } from '../../media/index.ts';
import { sealBundle } from '../../src/bundle/seal.ts';
import type { DecodeResult, Media, Message } from '../../src/contracts.ts';
import type { OpenChain } from '../../src/engine/open-chain.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { fixtureUrl, furthest, jobOf, mediumOf, openModel, readJson, seen, unpack, type Packed, type ReferenceCase } from './reference.ts';

interface NextGptCase extends ReferenceCase {
  readonly name: string;
  readonly turns: readonly (readonly [readonly string[], string])[];
  readonly conditioning: Readonly<Record<string, Packed>>;
}
const { features, cases } = readJson<{ features: Packed; cases: readonly NextGptCase[] }>('nextgpt/reference.json');
const rows = ['image', 'video', 'audio'];
const shown: Readonly<Record<string, Media>> = { image: mediumOf('picture-chains/picture.png', 'image', 'image/png'), video: mediumOf('imagebind/media/clip.apng', 'video', 'image/apng'), audio: mediumOf('imagebind/media/sound.wav', 'audio', 'audio/wav') };

let folder = '';
let chain: OpenChain;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anymodal-nextgpt-'));
  // What the exporter takes over from other bundles is a fixture already, sealed anew: each of them is made by a script of its own.
  for (const [from, to] of [['nextgpt', '.'], ['imagebind', 'imagebind'], ['zeroscope/bundle', 'video'], ['audioldm', 'audio']] as const) await cp(fileURLToPath(fixtureUrl(from)), join(folder, to), { recursive: true });
  await sealBundle(folder);
  chain = await openModel(folder);
  const all = unpack(features);
  for (const [row, modality] of rows.entries()) {
    const width = all.length / rows.length;
    vi.spyOn(chain.inputs.get(modality)!.encoder.component, 'encode').mockResolvedValue({ tokens: { shape: [1, width], data: all.slice(row * width, (row + 1) * width) }, joint: null, tracks: [] });
    vi.spyOn(chain.outputs.get(modality)!.decoder.component, 'decode').mockImplementation(async function* (): AsyncGenerator<DecodeResult> {
      yield { type: 'media', media: shown[modality]! };
    });
  }
}, 120_000);
afterAll(async () => {
  await chain.dispose();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
  expect(openSessionCount()).toBe(0);
  await closeMedia();
});

const messagesOf = ({ turns }: NextGptCase): Message[] =>
  turns.map(([media, text], i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', parts: [...media.map((modality) => ({ type: 'media' as const, media: shown[modality]! })), { type: 'text', text }] }));

describe.each(cases.map((each) => [each.name, each] as const))('%s', (_, each) => {
  test.each(rows)('a reply with %s', { timeout: 60_000 }, async (output) => {
    const project = vi.spyOn(chain.outputs.get(output)!.sources.signal!.component, 'project');
    const { prompt, fed, logits, text } = await seen(chain, jobOf(messagesOf(each), each.reply.length, ['text', output]));
    expect(prompt.map((position) => (typeof position === 'number' ? position : -1))).toEqual(each.ids.map((id) => Math.max(-1, id)));
    expect(fed.slice(0, each.reply.length)).toEqual(each.reply);
    const expected = unpack(each.logits);
    const stride = expected.length / each.reply.length;
    for (let step = 0; step < each.reply.length; step += 1) expect(furthest(logits[step]!, expected.subarray(step * stride, (step + 1) * stride), 5)).toBeLessThan(1e-3);
    expect(text.trim()).toBe(each.text.trim());
    const conditioning = await project.mock.results.at(-1)!.value;
    expect(furthest(conditioning.tokens.data, unpack(each.conditioning[output]!), 3)).toBeLessThan(1e-3);
    project.mockRestore();
  });
});
