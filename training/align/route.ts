// node training/align/route.ts BUNDLE OUTPUT < questions > captions: what a bundle's language model would ask a decoder for in words, were it without signals (the caption route).
// A JSON string a line, in and out; out comes "" where it asked for nothing. Knows no decoder and no training.

import { readFileSync } from 'node:fs';
import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';
import { createRandom } from '../../src/runtime/random.ts';

const [folder = '', output = ''] = process.argv.slice(2);
const opened = await openBundle(folder, [...encoders, ...projectors, ...decoders, ...languageModels]);
const name = opened.bundle.languageModel;
if (name === null) throw new Error(`${folder}: it has no language model.`);
const { factory, source } = opened.component(name, 'cpu');
if (factory.kind !== 'language-model') throw new Error(`${folder}: "${name}" is no language model.`);
const model = await factory.open({ ...source, config: { ...source.config, signals: {}, captions: {}, references: [], asks: [output] }, note: say });
const context = { signal: new AbortController().signal, random: createRandom(0), warn: (): void => {} };
try {
  for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    const asked: unknown = JSON.parse(line);
    if (typeof asked !== 'string') throw new Error('a JSON string a line is expected.');
    const events = model.generate({ messages: [{ role: 'user', parts: [{ type: 'text', text: asked }] }], wants: { text: 'allowed', [output]: 'required' }, options: { temperature: 0, maxTokens: 96 } }, context);
    let words = '';
    for await (const event of events) if (event.type === 'signal' && event.output === output && words === '') words = event.prompt;
    process.stdout.write(`${JSON.stringify(words)}\n`);
  }
} finally {
  await model.dispose();
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
