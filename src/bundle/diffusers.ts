// Reads a folder in diffusers' layout with ONNX graphs, as Optimum exports it, as a bundle that stands in no bundle.json.
// Knows the names and configs of Stable Diffusion's parts; opens no graph.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AnymodalError } from '../errors.ts';
import { audioPipeline, readAudioFolder } from './diffusers-audio.ts';
import { decoderConfig, tasks } from './diffusers-decoder.ts';
import type { Settings } from './diffusers-decoder.ts';
import type { Bundle, BundleComponent, BundleFile } from './format.ts';
import { fileAt, graphOf, idOf, prefixed, settingsAt } from './layout-files.ts';

/** What is said when such a folder is opened. */
export interface AdoptedBundle {
  readonly bundle: Bundle;
  readonly notes: readonly string[];
}

/** Whether a folder is in diffusers' layout. */
export async function isDiffusersFolder(folder: string): Promise<boolean> {
  return (await stat(join(folder, 'model_index.json')).catch(() => null))?.isFile() === true;
}

/** The bundle that the folder amounts to. Throws `bundle_invalid` for a pipeline that is not offered, or with every part that is missing. */
export async function readDiffusersFolder(folder: string): Promise<AdoptedBundle> {
  const fault = (text: string): AnymodalError => new AnymodalError('bundle_invalid', `folder ${folder}: ${text}`);
  const index = await settingsAt(folder, 'model_index.json');
  const named = index?.['_class_name'];
  const pipeline = (typeof named === 'string' ? named : 'nothing').replace(/^(ORT|Onnx)/, '');
  if (index !== null && pipeline === audioPipeline) return readAudioFolder(folder);
  const task = tasks[pipeline];
  if (index === null || task === undefined) throw fault(`model_index.json is of a ${pipeline}, which is not offered; there are ${[...Object.keys(tasks), audioPipeline].join(', ')}`);
  const graphs = await Promise.all(['unet', 'vae_decoder', 'vae_encoder', 'text_encoder', 'text_encoder_2', 'tiny_decoder'].map(async (part) => [part, await graphOf(folder, part)] as const));
  const found = new Map(graphs.flatMap(([part, files]) => (files === null ? [] : [[part, files]])));
  const towers = index['text_encoder_2'] === undefined ? [''] : ['', '_2'];
  const wanted = ['unet', 'vae_decoder', ...towers.map((suffix) => `text_encoder${suffix}`)];
  const missing = wanted.filter((part) => !found.has(part)).map((part) => `${part}/model.onnx`);
  if (missing.length > 0) throw fault(`${missing.join(', ')} missing; export the model with \`optimum-cli export onnx\` or \`python -m training.export.stable_diffusion\``);

  const notes: string[] = [];
  const settings = async (part: string, file = 'config.json'): Promise<Settings> => {
    const read = await settingsAt(folder, `${part}/${file}`);
    if (read === null) throw fault(`${part}/${file} is missing or no JSON object`);
    return read;
  };
  const twoTowers = towers.length === 2;
  const conditioner: { files: Record<string, BundleFile>; towers: object[] } = { files: {}, towers: [] };
  for (const suffix of towers) {
    const key = suffix === '' ? '' : '2';
    const { model, ...weights } = found.get(`text_encoder${suffix}`)!;
    Object.assign(conditioner.files, { [`model${key}`]: model, ...prefixed(weights, `text_encoder${suffix}-`) });
    for (const [name, file] of [['vocabulary', 'vocab.json'], ['merges', 'merges.txt']] as const) {
      const part = await fileAt(folder, `tokenizer${suffix}/${file}`);
      if (part === null) throw fault(`tokenizer${suffix}/${file} is missing`);
      conditioner.files[`${name}${key}`] = part;
    }
    conditioner.towers.push(towerConfig(await settings(`text_encoder${suffix}`), (await settingsAt(folder, `tokenizer${suffix}/tokenizer_config.json`)) ?? {}, twoTowers));
  }
  const { model: unet, ...unetWeights } = found.get('unet')!;
  const { model: vaeDecoder, ...decoderWeights } = found.get('vae_decoder')!;
  const { model: vaeEncoder, ...encoderWeights } = found.get('vae_encoder') ?? {};
  const tinyDecoder = found.get('tiny_decoder')?.['model'];
  const edits = vaeEncoder !== undefined;
  if (!edits) notes.push('There is no vae_encoder/model.onnx: pictures are made, not edited.');
  const files = {
    unet: unet!,
    vaeDecoder: vaeDecoder!,
    ...(vaeEncoder !== undefined && { vaeEncoder }),
    ...(tinyDecoder !== undefined && { tinyDecoder }),
    ...prefixed(unetWeights, 'unet-'),
    ...prefixed(decoderWeights, 'vaeDecoder-'),
    ...prefixed(encoderWeights, 'vaeEncoder-'),
  };
  const scheduler = await settings('scheduler', 'scheduler_config.json');
  const { config, note } = decoderConfig({ task, unet: await settings('unet'), vae: await settings('vae_decoder'), scheduler, edits, tinyDecoder: tinyDecoder !== undefined });
  if (note !== null) notes.push(note);

  const components: Record<string, BundleComponent> = {
    'prompt-encoder': { kind: 'output-projector', uses: 'clip-prompt', files: conditioner.files, config: { towers: conditioner.towers, emptyIsZero: twoTowers && index['force_zeros_for_empty_prompt'] !== false } },
    'image-decoder': { kind: 'decoder', uses: 'stable-diffusion', files, config },
    ...(edits && { 'image-reader': { kind: 'encoder' as const, uses: 'thumbnail', files: {}, config: {} } }),
  };
  const id = idOf(folder);
  const bundle: Bundle = {
    format: 1,
    id,
    version: '0.0.0',
    title: `${pipeline} in diffusers' layout`,
    licence: 'NOASSERTION',
    source: 'a folder in diffusers\' layout with ONNX graphs',
    components,
    joint: null,
    inputs: edits ? { image: { encoder: 'image-reader', projector: null } } : {},
    languageModel: null,
    outputs: { image: { decoder: 'image-decoder', sources: { prompt: 'prompt-encoder' }, chat: 'caption' } },
    groups: [],
  };
  return { bundle, notes };
}

/** A text tower: hidden states before its last layer, and its pooled vector, where there are two (SDXL). */
function towerConfig(config: Settings, tokenizer: Settings, twoTowers: boolean): object {
  const pad = tokenizer['pad_token'];
  const content: unknown = typeof pad === 'object' && pad !== null && 'content' in pad ? pad.content : pad;
  const architectures: unknown = config['architectures'];
  const projects = Array.isArray(architectures) && architectures.includes('CLIPTextModelWithProjection');
  return {
    width: config['hidden_size'],
    // The last but one of the layers' outputs, of which number 0 is the embeddings.
    ...(twoTowers && { states: `hidden_states.${Number(config['num_hidden_layers']) - 1}` }),
    ...(twoTowers && projects && { pooled: { output: 'text_embeds', width: config['projection_dim'] } }),
    length: config['max_position_embeddings'] ?? 77,
    ...(typeof content === 'string' && { pad: content }),
  };
}
