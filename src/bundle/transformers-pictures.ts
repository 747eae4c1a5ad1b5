// The eyes of a vision-language model in transformers.js' layout (Idefics 3, SmolVLM, LLaVA): onnx/vision_encoder, which holds the connector, and onnx/embed_tokens.
// Knows their settings, as training/export/{idefics,llava}.py do, and where their processors put a picture; opens no graph.

import { AnymodalError } from '../errors.ts';
import type { Settings } from './diffusers-decoder.ts';
import type { BundleComponent, BundleFile } from './format.ts';
import { variants } from './hub-files.ts';
import { settingsAt } from './layout-files.ts';
import { pictureOf } from './transformers-embedders.ts';
import { graphAt } from './transformers-files.ts';

/** Architectures that are offered, and how they see a picture. */
const families: Readonly<Record<string, 'square' | 'patches'>> = {
  Idefics3ForConditionalGeneration: 'square',
  SmolVLMForConditionalGeneration: 'square',
  LlavaForConditionalGeneration: 'patches',
};
/** A tower is small beside its language model: the most exact that every machine can run comes first. */
const exact = ['', 'fp16', 'int8', 'quantized', 'uint8', 'q4', 'q4f16', 'bnb4'];
const FAKE = '<fake_token_around_image>';

/** What a language model needs to see pictures. */
export interface Eyes {
  readonly components: Readonly<Record<'image-encoder' | 'image-input-projector', BundleComponent>>;
  /** Of the language model: its table of embeddings and the place of a picture. */
  readonly files: Readonly<Record<string, BundleFile>>;
  readonly config: Settings;
  /** How it sees, for people. */
  readonly note: string;
}

/** How such a model looks at a picture, by its settings. */
interface Look {
  readonly picture: Settings & { readonly size: number };
  /** Embeddings of one picture. */
  readonly tokens: number;
  readonly place: { readonly mark: string; readonly before: string; readonly after: string };
  readonly note: string;
}

/** Whether a folder is of a model that sees pictures, offered or not. */
export async function seesPictures(folder: string, names: readonly string[]): Promise<boolean> {
  return names.some((name) => name.endsWith('ForConditionalGeneration')) && (await graphAt(folder, ['vision_encoder'], exact)) !== null;
}

/**
 * Throws `bundle_invalid` for an architecture that is not offered, with every part that is missing, and for preprocessing that is not offered.
 *
 * @param width of the language model's embeddings
 */
export async function eyesOf(folder: string, names: readonly string[], config: Settings, width: number): Promise<Eyes> {
  const name = names[0] ?? 'nothing';
  const family = families[name];
  if (family === undefined) throw fault(folder, `${name} sees pictures in a way that is not offered; there are ${Object.keys(families).join(', ')}`);
  const [tower, embed] = [await graphAt(folder, ['vision_encoder'], exact), await graphAt(folder, ['embed_tokens'], variants)];
  const settings = await settingsAt(folder, 'preprocessor_config.json');
  const missing = [...(tower === null ? ['onnx/vision_encoder.onnx'] : []), ...(embed === null ? ['onnx/embed_tokens.onnx'] : []), ...(settings === null ? ['preprocessor_config.json'] : [])];
  if (tower === null || embed === null || settings === null) throw fault(folder, `${missing.join(', ')} missing; fetch them`);
  const written = { tokenizer: (await settingsAt(folder, 'tokenizer_config.json')) ?? {}, processor: (await settingsAt(folder, 'processor_config.json')) ?? {} };
  const { picture, tokens, place, note } = (family === 'square' ? squareLook : patchesLook)(folder, config, settings, written);
  return {
    components: {
      'image-encoder': { kind: 'encoder', uses: 'image-tower', files: { model: tower.model, ...tower.weights }, config: { ...picture, tokens: [tokens, width], input: 'pixel_values', output: 'image_features' } },
      'image-input-projector': { kind: 'input-projector', uses: 'identity', files: {}, config: { width } },
    },
    files: { embed: embed.model, ...Object.fromEntries(Object.entries(embed.weights).map(([key, file]) => [`embed-${key}`, file])) },
    config: { mediaPlaces: { image: place }, mediaEmbeds: { image: tokens } },
    note,
  };
}

interface Written {
  readonly tokenizer: Settings;
  readonly processor: Settings;
}

/** Idefics 3 and SmolVLM with `do_image_splitting` off: one square of the longest edge of a tile, squares of whose patches become one embedding. */
function squareLook(folder: string, config: Settings, settings: Settings, { tokenizer, processor }: Written): Look {
  const size = settingsIn(settings['max_image_size'])['longest_edge'] ?? 364;
  const patch = settingsIn(config['vision_config'])['patch_size'] ?? 32;
  const scale = config['scale_factor'] ?? 2;
  const { kernel, mean, std } = { kernel: kernelOf(settings['resample'] ?? 1), mean: settings['image_mean'] ?? [0.5, 0.5, 0.5], std: settings['image_std'] ?? [0.5, 0.5, 0.5] };
  if (typeof size !== 'number' || typeof patch !== 'number' || typeof scale !== 'number' || kernel === null || !isPlain(settings)) throw fault(folder, UNLIKE);
  const tokens = Math.floor(Math.floor(size / patch) ** 2 / scale ** 2);
  const declared = processor['image_seq_len'];
  if (typeof declared === 'number' && declared !== tokens) throw fault(folder, `processor_config.json says that a picture has ${declared} embeddings (image_seq_len), its square of ${size} in patches of ${patch} gives ${tokens}`);
  const around = tokenOf(tokenizer, 'fake_image_token', FAKE);
  return {
    picture: { size, fit: 'fill', kernel, mean, std },
    tokens,
    place: { mark: tokenOf(tokenizer, 'image_token', '<image>'), before: `${around}${tokenOf(tokenizer, 'global_image_token', '<global-img>')}`, after: around },
    note: `sees a picture as one square of ${size} x ${size} pixels, without the tiles that such models can cut large ones into`,
  };
}

/** LLaVA: one embedding for each patch, or one more or less where the tower's class token stays or its first patch goes. */
function patchesLook(folder: string, config: Settings, settings: Settings, { tokenizer, processor }: Written): Look {
  const vision = settingsIn(config['vision_config']);
  const [size, patch] = [vision['image_size'], vision['patch_size'] ?? processor['patch_size']];
  if (typeof size !== 'number' || typeof patch !== 'number') throw fault(folder, 'config.json: vision_config has no image_size and patch_size, which tell how many embeddings a picture has');
  const picture = isPlain(settings) ? pictureOf(settings, size) : null;
  if (picture === null) throw fault(folder, UNLIKE);
  const withClass = vision['model_type'] === 'clip_vision_model' ? 1 : 0;
  const withoutFirst = (config['vision_feature_select_strategy'] ?? 'default') === 'default' ? 1 : 0;
  const mark = processor['image_token'];
  const padded = settings['do_pad'] === true && Array.isArray(picture['mean']) ? { fit: 'contain', background: picture['mean'].map((value) => Math.floor(Number(value) * 255)) } : {};
  return {
    picture: { ...picture, ...padded, size },
    tokens: Math.floor(size / patch) ** 2 + withClass - withoutFirst,
    place: { mark: typeof mark === 'string' ? mark : tokenOf(tokenizer, 'image_token', '<image>'), before: '', after: '' },
    note: `sees a picture as one square of ${size} x ${size} pixels`,
  };
}

const UNLIKE = 'preprocessor_config.json: sizes, crops or a kernel that are not offered; expected pictures that are cropped, squeezed or padded to the square that the tower sees';

/** Whether pictures are resized, rescaled by 1/255 and normalised, as the program always does. */
function isPlain(settings: Settings): boolean {
  const factor = settings['rescale_factor'] ?? 1 / 255;
  return ['do_resize', 'do_rescale', 'do_normalize'].every((key) => settings[key] !== false) && typeof factor === 'number' && Math.abs(factor * 255 - 1) < 1e-4;
}

/** Pillow's numbers of kernels. */
function kernelOf(resample: unknown): string | null {
  return { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' }[Number(resample)] ?? null;
}

/** A token of the tokenizer's settings, which give it as a string or as `{ content }`. */
function tokenOf(tokenizer: Settings, key: string, otherwise: string): string {
  const given = tokenizer[key];
  const text = typeof given === 'string' ? given : settingsIn(given)['content'];
  return typeof text === 'string' ? text : otherwise;
}

function fault(folder: string, text: string): AnymodalError {
  return new AnymodalError('bundle_invalid', `folder ${folder}: ${text}`);
}

function settingsIn(value: unknown): Settings {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
