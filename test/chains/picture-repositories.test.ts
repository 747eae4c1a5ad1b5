// Vision-language repositories in transformers.js' layout, opened as they are: prompt, embeddings, logits and the greedy reply are those of transformers.
// The models are tiny, of the true classes, with random weights (training/fixtures/picture_repositories.py).

import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import { factories as decoders } from '../../decoders/index.ts';
import { factories as encoders } from '../../encoders/index.ts';
import { closeMedia } from '../../media/index.ts';
import { factories as projectors } from '../../projectors/index.ts';
import { openBundle, readBundle } from '../../src/bundle/open.ts';
import type { JobRequest, Message } from '../../src/contracts.ts';
import { ConcatenatedSequence } from '../../src/language-model/concatenated-sequence.ts';
import { factories as languageModels } from '../../src/language-model/index.ts';
import type { Position } from '../../src/language-model/sequence.ts';
import { createTokenizer } from '../../src/language-model/tokenizer.ts';
import { openSessionCount } from '../../src/runtime/sessions.ts';
import { furthest, fixtureUrl, jobOf, mediumOf, openModel, readJson, seen, unpack } from './reference.ts';

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

afterAll(async () => {
  expect(openSessionCount()).toBe(0);
  await closeMedia();
});

const pathOf = (name: string): string => fileURLToPath(fixtureUrl(`picture-repositories/${name}`));
const pictures = { any: mediumOf('picture-chains/picture.png', 'image', 'image/png'), square: mediumOf('picture-chains/square.png', 'image', 'image/png') };
const factories = [...encoders, ...projectors, ...decoders, ...languageModels];

/** A repetition penalty is the program's own default for a model that has none. */
const greedy = (messages: readonly Message[], tokens: number): JobRequest => ({ ...jobOf(messages, tokens), options: { text: { temperature: 0, repetitionPenalty: 1, maxTokens: tokens } } });

/** A repository to change. */
async function copyOf(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'picture-repository-'));
  folders.push(folder);
  await cp(pathOf(name), folder, { recursive: true });
  return folder;
}

test.each([
  ['smolvlm', pictures.square],
  ['llava', pictures.any],
] as const)('%s answers as transformers does', { timeout: 60_000 }, async (name, picture) => {
  const { cases } = readJson(`picture-repositories/${name}/reference.json`);
  const chain = await openModel(pathOf(name));
  try {
    for (const each of cases) {
      const messages = each.messages.map(({ role, parts }): Message => ({ role, parts: parts.map((part) => (typeof part === 'string' ? { type: 'text', text: part } : { type: 'media', media: picture })) }));
      const { prompt, fed, logits, text } = await seen(chain, greedy(messages, each.reply.length), ConcatenatedSequence);
      expect(prompt.length).toBe(each.ids.length);
      expect(prompt.filter((position) => typeof position === 'number')).toEqual(each.ids.filter((_, i) => typeof prompt[i] === 'number'));
      const rows = prompt.filter((position) => typeof position !== 'number');
      expect(new Set(each.ids.filter((_, i) => typeof prompt[i] !== 'number')).size).toBe(rows.length === 0 ? 0 : 1);
      expect(furthest(rows.flatMap((row) => [...row]), unpack(each.embeds))).toBeLessThan(1e-3);
      expect(fed).toEqual(each.reply.slice(0, -1));
      const expected = unpack(each.logits);
      const width = expected.length / each.reply.length;
      expect(logits.length).toBe(each.reply.length);
      logits.forEach((found, step) => expect(furthest(found, expected.subarray(step * width, (step + 1) * width), 5)).toBeLessThan(1e-3));
      // White space before the first word, which the prompt's last token calls for, is not shown.
      expect(text).toBe(each.text.trimStart());
    }
  } finally {
    await chain.dispose();
  }
});

test('what it sees and how is said on opening', async () => {
  const square = await openBundle(pathOf('smolvlm'), factories);
  expect(square.notes.join('\n')).toMatch(/asks for media in words, and is told of media that are no pictures/);
  expect(square.notes.join('\n')).toMatch(/one square of 32 x 32 pixels, without the tiles/);
  const { notes } = await openBundle(pathOf('llava'), factories);
  expect(notes.join('\n')).toMatch(/sees a picture as one square of 32 x 32 pixels\.$/m);
});

test('stands in for the language model of another bundle, with its eyes', async () => {
  const bundle = await readBundle(`${fileURLToPath(fixtureUrl('stable-diffusion/sd'))}+language-model=${pathOf('smolvlm')}`);
  expect(bundle.languageModel).toBe('language-model');
  expect(bundle.inputs['image']).toEqual({ encoder: 'image-encoder', projector: 'image-input-projector' });
  expect(bundle.components['language-model']?.config).toMatchObject({ asks: ['image'], mediaEmbeds: { image: 4 } });
  // Widths agree along every edge, and every graph opens.
  const chain = await openModel(`${fileURLToPath(fixtureUrl('stable-diffusion/sd'))}+language-model=${pathOf('smolvlm')}`);
  await chain.dispose();
});

test('a number stands before a picture where requests can name it, and before none that is only looked at', async () => {
  const folder = await copyOf('smolvlm');
  const config = readJson<{ readonly text_config: object }>('picture-repositories/smolvlm/config.json');
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, text_config: { ...config.text_config, max_position_embeddings: 4096 } }));
  const messages: Message[] = [{ role: 'user', parts: [{ type: 'media', media: pictures.square }, { type: 'text', text: 'make it green' }] }];
  const promptOf = async (model: string): Promise<Position[]> => {
    const chain = await openModel(model);
    try {
      return [...(await seen(chain, { ...greedy(messages, 2), outputs: ['text'] }, ConcatenatedSequence)).prompt];
    } finally {
      await chain.dispose();
    }
  };
  const { encode } = createTokenizer(JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8')), {}, 'tokenizer.json');
  const number = encode('[image 1]').slice(-4).join();
  const alone = await promptOf(folder);
  const asking = await promptOf(`${fileURLToPath(fixtureUrl('stable-diffusion/sd'))}+language-model=${folder}`);
  for (const prompt of [alone, asking]) expect(prompt.filter((position) => typeof position !== 'number').length).toBe(4);
  expect(asking.filter((position) => typeof position === 'number').join()).toContain(number);
  expect(alone.filter((position) => typeof position === 'number').join()).not.toContain(number);
});

test('graphs of other kinds of weights are found by their names', async () => {
  const folder = await copyOf('smolvlm');
  for (const [from, to] of [['vision_encoder', 'vision_encoder_fp16'], ['embed_tokens', 'embed_tokens_quantized'], ['decoder_model_merged', 'decoder_model_merged_q4']] as const) await rename(join(folder, `onnx/${from}.onnx`), join(folder, `onnx/${to}.onnx`));
  const { bundle, notes } = await openBundle(folder, factories);
  expect(notes[0]).toContain('(onnx/decoder_model_merged_q4.onnx)');
  expect(bundle.components['image-encoder']?.files['model']?.path).toBe('onnx/vision_encoder_fp16.onnx');
  expect(bundle.components['language-model']?.files['embed']?.path).toBe('onnx/embed_tokens_quantized.onnx');
});

test('what is missing or not offered is said at once', async () => {
  const without = await copyOf('llava');
  await rename(join(without, 'preprocessor_config.json'), join(without, 'other.json'));
  await rename(join(without, 'onnx/embed_tokens.onnx'), join(without, 'onnx/other.onnx'));
  await expect(openBundle(without, factories)).rejects.toThrow(/onnx\/embed_tokens\.onnx, preprocessor_config\.json missing/);

  const unknown = await copyOf('llava');
  await writeFile(join(unknown, 'config.json'), JSON.stringify({ ...readJson<object>('picture-repositories/llava/config.json'), architectures: ['Qwen2VLForConditionalGeneration'] }));
  await expect(openBundle(unknown, factories)).rejects.toThrow(/Qwen2VLForConditionalGeneration sees pictures in a way that is not offered; there are Idefics3ForConditionalGeneration/);

  const other = await copyOf('smolvlm');
  await writeFile(join(other, 'processor_config.json'), JSON.stringify({ image_seq_len: 9 }));
  await expect(openBundle(other, factories)).rejects.toThrow(/a picture has 9 embeddings/);

  const wordless = await copyOf('smolvlm');
  await writeFile(join(wordless, 'chat_template.json'), JSON.stringify({ chat_template: "{% for message in messages %}{{ message['role'] }}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endfor %}" }));
  await expect(openModel(wordless)).rejects.toThrow(/the chat template writes <image> 0 times for one image/);
});
