// Reads a repository of CLIP, SigLIP or CLAP in transformers.js' layout (onnx/text_model.onnx, onnx/vision_model.onnx or onnx/audio_model.onnx) as a bundle
// that embeds. Knows the names and settings of such towers, as training/export/{clip,siglip,clap}.py do; opens no graph.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AnymodalError } from '../errors.ts';
import type { AdoptedBundle } from './diffusers.ts';
import { numberOf } from './diffusers-decoder.ts';
import type { Settings } from './diffusers-decoder.ts';
import type { Bundle, BundleComponent, BundleFile } from './format.ts';
import { fileAt, idOf, settingsAt } from './layout-files.ts';

/** By the `model_type` of config.json: what is embedded beside texts, and the graphs' outputs. */
const kinds = {
  clip: { modality: 'image', graph: 'vision_model', text: 'text_embeds', other: 'image_embeds' },
  siglip: { modality: 'image', graph: 'vision_model', text: 'pooler_output', other: 'pooler_output' },
  clap: { modality: 'audio', graph: 'audio_model', text: 'text_embeds', other: 'audio_embeds' },
} as const;
type Kind = keyof typeof kinds;

/** Of several variants of a graph the most exact that every machine can run comes first: a tower is small. */
const variants = ['', '_fp16', '_int8', '_quantized', '_uint8', '_q4', '_q4f16', '_bnb4'];
/** Pillow's numbers of kernels. */
const kernels: Readonly<Record<number, string>> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };

/** Whether a folder is such a repository. */
export async function isEmbeddersFolder(folder: string): Promise<boolean> {
  return kindOf(await settingsAt(folder, 'config.json')) !== null && (await graphOf(folder, 'text_model')) !== null;
}

/** The bundle that the folder amounts to. Throws `bundle_invalid` with every part that is missing, or for preprocessing that is not offered. */
export async function readEmbeddersFolder(folder: string): Promise<AdoptedBundle> {
  const fault = (text: string): AnymodalError => new AnymodalError('bundle_invalid', `folder ${folder}: ${text}`);
  const config = (await settingsAt(folder, 'config.json')) ?? {};
  const kind = kindOf(config) ?? 'clip';
  const { modality, graph, text, other } = kinds[kind];
  const [words, tower, tokenizer] = [await graphOf(folder, 'text_model'), await graphOf(folder, graph), await fileAt(folder, 'tokenizer.json')];
  const settings = await settingsAt(folder, 'preprocessor_config.json');
  const missing = [
    ...(words === null ? ['onnx/text_model.onnx'] : []),
    ...(tower === null ? [`onnx/${graph}.onnx`] : []),
    ...(tokenizer === null ? ['tokenizer.json'] : []),
    ...(settings === null ? ['preprocessor_config.json'] : []),
  ];
  if (words === null || tower === null || tokenizer === null || settings === null) throw fault(`${missing.join(', ')} missing; fetch them, or export the model with \`python -m training.export.${kind}\``);
  const [textConfig, visionConfig] = [settingsIn(config['text_config']), settingsIn(config['vision_config'])];
  const joint = kind === 'siglip' ? numberOf(visionConfig['hidden_size'], 768) : numberOf(config['projection_dim'], 512);
  const seen = kind === 'clap' ? { uses: 'clap-joint-audio', config: hearing(settings) } : { uses: 'image-joint-tower', config: pictureOf(settings, numberOf(visionConfig['image_size'], 224)) };
  if (seen.config === null) throw fault('preprocessor_config.json: sizes, crops or a kernel that are not offered; expected pictures that are cropped or squeezed to the square that the tower sees');
  const components: Record<string, BundleComponent> = {
    'text-encoder': { kind: 'encoder', uses: 'text-joint-tower', files: { ...words, tokenizer }, config: { joint, output: text, maxTokens: longest(kind, textConfig), ...(kind === 'siglip' && { pad: '</s>' }) } },
    [`${modality}-encoder`]: { kind: 'encoder', uses: seen.uses, files: tower, config: { joint, output: other, ...seen.config } },
  };
  const bundle: Bundle = {
    format: 1,
    id: idOf(folder),
    version: '0.0.0',
    title: `${kind} in transformers.js' layout`,
    licence: 'NOASSERTION',
    source: "a repository in transformers.js' layout",
    components,
    joint,
    inputs: { text: { encoder: 'text-encoder', projector: null }, [modality]: { encoder: `${modality}-encoder`, projector: null } },
    languageModel: null,
    outputs: {},
    groups: [],
  };
  return { bundle, notes: [] };
}

function kindOf(config: Settings | null): Kind | null {
  const type = config?.['model_type'];
  return type === 'clip' || type === 'siglip' || type === 'clap' ? type : null;
}

function longest(kind: Kind, text: Settings): number {
  // RoBERTa's positions begin behind that of the padding.
  if (kind === 'clap') return numberOf(text['max_position_embeddings'], 514) - numberOf(text['pad_token_id'], 1) - 1;
  return numberOf(text['max_position_embeddings'], kind === 'clip' ? 77 : 64);
}

/** Settings of a picture processor as `image-joint-tower` and `image-tower` have them; null for what is not offered. */
export function pictureOf(settings: Settings, size: number): Settings | null {
  const given = typeof settings['size'] === 'number' ? { shortest_edge: settings['size'] } : settingsIn(settings['size'] ?? { shortest_edge: size });
  const crop = typeof settings['crop_size'] === 'number' ? settings['crop_size'] : settingsIn(settings['crop_size'] ?? { height: size })['height'];
  const isCropped = settings['do_center_crop'] === true;
  const isShort = given['shortest_edge'] !== undefined;
  const kernel = kernels[numberOf(settings['resample'], 3)];
  const isSquare = isShort ? given['shortest_edge'] === size && isCropped : given['height'] === size && given['width'] === size;
  if (!isSquare || (isCropped && crop !== size) || kernel === undefined || settings['do_resize'] === false) return null;
  return { size, mean: settings['image_mean'] ?? [0.5, 0.5, 0.5], std: settings['image_std'] ?? [0.5, 0.5, 0.5], fit: isCropped ? 'cover' : 'fill', kernel };
}

/** Settings of ClapFeatureExtractor as `clap-joint-audio` has them. */
function hearing(settings: Settings): Settings {
  const fusion = (settings['truncation'] ?? 'fusion') === 'fusion';
  const mel = {
    sampleRateHz: numberOf(settings['sampling_rate'], 48_000),
    fftSize: numberOf(settings['fft_window_size'], 1024),
    hop: numberOf(settings['hop_length'], 480),
    mels: numberOf(settings['feature_size'], 64),
    minHz: numberOf(settings['frequency_min'], 0),
    maxHz: numberOf(settings['frequency_max'], 14_000),
    ...(fusion ? { melScale: 'htk', norm: null } : { melScale: 'slaney', norm: 'slaney' }),
    floor: 1e-10,
    power: 2,
  };
  return { mel, maxSeconds: numberOf(settings['max_length_s'], 10), padding: settings['padding'] ?? 'repeatpad', fusion };
}

/** A graph and its external weights; null where there is none. */
async function graphOf(folder: string, name: string): Promise<Record<string, BundleFile> | null> {
  const names: readonly string[] = await readdir(join(folder, 'onnx')).catch(() => []);
  const graph = variants.map((variant) => `${name}${variant}.onnx`).find((each) => names.includes(each));
  if (graph === undefined) return null;
  const weights = names.filter((each) => each.startsWith(`${graph}_data`) || each.startsWith(`${graph}.data`)).toSorted((a, b) => a.localeCompare(b));
  const found = await Promise.all([graph, ...weights].map(async (each) => fileAt(folder, `onnx/${each}`)));
  return found.every((file) => file !== null) ? Object.fromEntries(found.map((file, at) => [at === 0 ? 'model' : `weights${at - 1}`, file])) : null;
}

function settingsIn(value: unknown): Settings {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
