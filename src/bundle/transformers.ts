// Reads a repository in transformers.js' layout (config.json, tokenizer.json, onnx/model*.onnx) as a bundle that stands in no bundle.json.
// Knows the names and settings of causal language models, alone or behind eyes (transformers-pictures.ts); opens no graph.

import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AnymodalError } from '../errors.ts';
import type { AdoptedBundle } from './diffusers.ts';
import type { Settings } from './diffusers-decoder.ts';
import type { Bundle, BundleFile } from './format.ts';
import { variants } from './hub-files.ts';
import { graphAt } from './transformers-files.ts';
import { eyesOf, seesPictures } from './transformers-pictures.ts';

/** Names of decoders' graphs, as transformers.js and Optimum write them. */
const graphs = ['decoder_model_merged', 'model'];
/** Longest context that is used where settings allow more: a cache of that many positions has its size. */
const LONGEST_CONTEXT = 131_072;
/** Words of the architectures that write text token by token. */
const causal = /ForCausalLM|LMHeadModel/;
/** What transformers leaves out of `text_config`, since it is what such a model has anyway. */
const usual: Readonly<Record<string, Settings>> = {
  llama: { hidden_size: 4096, num_attention_heads: 32 },
  mistral: { hidden_size: 4096, num_attention_heads: 32, num_key_value_heads: 8 },
  qwen2: { hidden_size: 4096, num_attention_heads: 32, num_key_value_heads: 32 },
};

/** Whether a folder is a causal language model in transformers.js' layout, one that sees pictures included. */
export async function isTransformersFolder(folder: string): Promise<boolean> {
  const config = await settingsAt(folder, 'config.json');
  if (config === null || !(await hasDecoder(folder))) return false;
  return namesOf(config).some((name) => causal.test(name)) || seesPictures(folder, namesOf(config));
}

/** The bundle that the folder amounts to. Throws `bundle_invalid` with every part that is missing. */
export async function readTransformersFolder(folder: string): Promise<AdoptedBundle> {
  const whole = (await settingsAt(folder, 'config.json')) ?? {};
  const sees = await seesPictures(folder, namesOf(whole));
  const config = sees ? textOf(whole) : whole;
  const generation = (await settingsAt(folder, 'generation_config.json')) ?? {};
  const tokenizerSettings = await settingsAt(folder, 'tokenizer_config.json');
  const graph = await graphAt(folder, graphs, variants);
  const [tokenizer, tokenizerConfig] = [await fileAt(folder, 'tokenizer.json'), await fileAt(folder, 'tokenizer_config.json')];
  const template = (await fileAt(folder, 'chat_template.jinja')) ?? (await fileAt(folder, 'chat_template.json'));
  const hasTemplate = template !== null || (tokenizerSettings?.['chat_template'] ?? null) !== null;
  const missing = [...(graph === null ? ['onnx/model.onnx'] : []), ...(tokenizer === null ? ['tokenizer.json'] : []), ...(tokenizerConfig === null ? ['tokenizer_config.json'] : []), ...(sees && !hasTemplate ? ['chat_template.json, which tells where a picture stands,'] : [])];
  if (graph === null || tokenizer === null || tokenizerConfig === null || (sees && !hasTemplate)) throw fault(folder, `${missing.join(', ')} missing; fetch them, or export the model with \`optimum-cli export onnx --task text-generation-with-past\``);

  const width = numberOf(config['hidden_size'] ?? config['n_embd']);
  const heads = numberOf(config['num_attention_heads'] ?? config['n_head']);
  const stopIds = idsOf(generation['eos_token_id']) ?? idsOf(whole['eos_token_id']) ?? idsOf(config['eos_token_id']);
  const faults = [...(width === null ? ['hidden_size is no number'] : []), ...(heads === null ? ['num_attention_heads is no number'] : []), ...(stopIds === null ? ['eos_token_id is missing, there and in generation_config.json'] : [])];
  if (width === null || heads === null || stopIds === null) throw fault(folder, `config.json: ${faults.join('; ')}`);
  const eyes = sees ? await eyesOf(folder, namesOf(whole), whole, width) : null;
  const id = idOf(folder);
  const name = namesOf(whole)[0] ?? 'causal language model';
  const bundle: Bundle = {
    format: 1,
    id,
    version: '0.0.0',
    title: `${name} in transformers.js' layout`,
    licence: 'NOASSERTION',
    source: "a repository in transformers.js' layout",
    components: {
      'language-model': {
        kind: 'language-model',
        uses: 'transformers-causal-lm',
        files: { model: graph.model, ...graph.weights, ...eyes?.files, tokenizer, tokenizerConfig, ...(template !== null && { chatTemplate: template }) },
        config: {
          kvHeads: numberOf(config['num_key_value_heads']) ?? heads,
          headDim: numberOf(config['head_dim']) ?? width / heads,
          modelWidth: width,
          contextLength: Math.min(LONGEST_CONTEXT, numberOf(config['max_position_embeddings'] ?? config['n_positions']) ?? 2048),
          stopIds,
          sampling: samplingOf(generation),
          ...eyes?.config,
        },
      },
      ...eyes?.components,
    },
    joint: null,
    inputs: eyes === null ? {} : { image: { encoder: 'image-encoder', projector: 'image-input-projector' } },
    languageModel: 'language-model',
    outputs: {},
    groups: [],
  };
  const notes = [
    `language model: ${id} (${graph.name}) has no hidden states: it asks for media in words, and is told of ${eyes === null ? 'media without seeing them' : 'media that are no pictures without seeing them'}.`,
    ...(eyes === null ? [] : [`language model: ${id} ${eyes.note}.`]),
    ...(hasTemplate ? [] : [`language model: ${id} has no chat template, so that it is no model for conversations; it is shown them as a script.`]),
  ];
  return { bundle, notes };
}

async function hasDecoder(folder: string): Promise<boolean> {
  return (await graphAt(folder, graphs, variants)) !== null;
}

/** Settings of the language model behind eyes, with what goes without saying. */
function textOf(whole: Settings): Settings {
  const given = whole['text_config'];
  const text = typeof given === 'object' && given !== null ? Object.fromEntries(Object.entries(given)) : {};
  const type: unknown = text['model_type'];
  return { ...(typeof type === 'string' ? usual[type] : null), ...text };
}

/** Defaults of the model's own; without any the most likely token, with repetitions made less so. */
function samplingOf(generation: Settings): Settings {
  const draws = generation['do_sample'] === true;
  const [temperature, topK, topP] = [numberOf(generation['temperature']), numberOf(generation['top_k']), numberOf(generation['top_p'])];
  return {
    temperature: draws ? (temperature ?? 1) : 0,
    ...(draws && topK !== null && { topK }),
    ...(draws && topP !== null && topP > 0 && { topP }),
    repetitionPenalty: numberOf(generation['repetition_penalty']) ?? 1.1,
    maxTokens: 512,
  };
}

function namesOf(config: Settings): string[] {
  const { architectures } = config;
  return Array.isArray(architectures) ? architectures.filter((name) => typeof name === 'string') : [];
}

function idsOf(value: unknown): number[] | null {
  const ids = (Array.isArray(value) ? value : [value]).filter((id) => typeof id === 'number');
  return ids.length === 0 ? null : ids;
}

/** A bundle's id after the folder; in a cache of a hub after the repository. */
function idOf(folder: string): string {
  const repository = /models--([^/\\]+)[/\\]snapshots[/\\][0-9a-f]+[/\\]?$/.exec(folder)?.[1]?.split('--').at(-1);
  return (repository ?? basename(folder)).toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^[^a-z0-9]+/, '') || 'folder';
}

function fault(folder: string, text: string): AnymodalError {
  return new AnymodalError('bundle_invalid', `folder ${folder}: ${text}`);
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A file as it lies there; nobody declared its hash. */
async function fileAt(folder: string, path: string): Promise<BundleFile | null> {
  const found = await stat(join(folder, path)).catch(() => null);
  return found?.isFile() === true ? { path, sha256: '', bytes: found.size } : null;
}

async function settingsAt(folder: string, path: string): Promise<Settings | null> {
  const text = await readFile(join(folder, path), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null;
  } catch {
    return null;
  }
}
