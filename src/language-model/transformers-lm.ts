// The factory `transformers-causal-lm`: a decoder-only language model whose graph is in transformers.js' layout, as Optimum exports it.
// Has no hidden states, and so asks for outputs in words. Binds files and config to the text protocol; knows no output by name.

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ComponentSource, Factory, JsonSchema } from '../contracts.ts';
import { AnymodalError } from '../errors.ts';
import { openSession } from '../runtime/sessions.ts';
import { checkSchema, requireConfig } from '../schema.ts';
import { createCaptionModel, type CaptionConfig } from './caption-model.ts';
import { createChatTemplate, type ChatTemplate } from './chat-template.ts';
import { ConcatenatedCache } from './concatenated-cache.ts';
import { ConcatenatedSequence, portsOf, type ConcatenatingGraphs } from './concatenated-sequence.ts';
import { configSchema } from './config.ts';
import type { PromptFormat } from './prompt.ts';
import { createTokenizer, type TextTokenizer } from './tokenizer.ts';

interface Config extends CaptionConfig {
  readonly kvHeads: number;
  readonly headDim: number;
  readonly modelWidth: number;
  readonly stopIds: readonly number[];
  readonly mediaPlaces: Readonly<Record<string, { readonly mark: string; readonly before: string; readonly after: string }>>;
  readonly mediaEmbeds: Readonly<Record<string, number>>;
}

const count: JsonSchema = { type: 'integer', minimum: 1 };
const { properties } = configSchema;
const shared: Readonly<Record<string, JsonSchema>> = { ...(typeof properties === 'object' ? properties : null) };

const schema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['kvHeads', 'headDim', 'modelWidth', 'contextLength', 'stopIds'],
  properties: {
    kvHeads: { ...count, description: 'Heads of keys and values, where the graph leaves them open.' },
    headDim: { ...count, description: 'Width of one head, where the graph leaves it open.' },
    modelWidth: { ...count, description: 'Width of embeddings.' },
    contextLength: { ...count, description: 'Most positions of prompt and reply together.' },
    stopIds: { type: 'array', items: { type: 'integer', minimum: 0 }, minItems: 1, description: 'Tokens that end a reply.' },
    asks: { type: 'array', items: { type: 'string', minLength: 1 }, default: [], description: 'Outputs that it is told of and asks for in words.' },
    maxCaption: shared['maxCaption'],
    mediaPlaces: shared['mediaPlaces'],
    mediaEmbeds: shared['mediaEmbeds'],
    systemPrompt: shared['systemPrompt'],
    sampling: shared['sampling'],
  },
};

/** Template of models that have none: they were trained on no conversations, and are shown one as a script. */
const SCRIPT = "{% for message in messages %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}";
/** Tokens that end a turn, whatever the settings say. */
const turnEnds = ['<|im_end|>', '<|eot_id|>', '<|eom_id|>', '<end_of_turn>', '<|end|>', '<|end_of_text|>', '<|endoftext|>', '</s>', '<eos>', '<end_of_utterance>'];

/**
 * Files: `model` (input_ids or inputs_embeds, attention_mask, position_ids, past_key_values.* -> logits, present.*; float32 or float16 at its
 * borders), `embed` where it takes embeddings, `tokenizer` (tokenizer.json), `tokenizerConfig` (tokenizer_config.json), and `chatTemplate`
 * (Jinja, or JSON with `chat_template`) where the settings have none.
 */
export const transformersLanguageModel: Factory<'language-model'> = {
  kind: 'language-model',
  name: 'transformers-causal-lm',
  config: schema,
  ports(config) {
    const { mediaEmbeds, modelWidth } = readConfig(config);
    return { in: Object.fromEntries(Object.entries(mediaEmbeds).map(([modality, rows]) => [`embeds/${modality}`, [rows, modelWidth]])), out: {} };
  },
  async open(source) {
    const config = readConfig(source.config);
    const { format, stops } = await readFormat(source, config);
    const graphs = await openGraphs(source, config);
    return createCaptionModel({
      config,
      format,
      stops,
      createCache: () => new ConcatenatedCache(graphs.cache),
      sequence: (cache) => new ConcatenatedSequence(graphs, cache),
      release: async () => {
        await Promise.all([graphs.model.release(), graphs.embed?.session.release()]);
      },
    });
  },
};

function readConfig(config: unknown): Config {
  return requireConfig('transformers-causal-lm', checkSchema<Config>(schema, config, 'config'));
}

async function readFormat(source: ComponentSource, config: Config): Promise<{ readonly format: PromptFormat; readonly stops: ReadonlySet<number> }> {
  const file = source.path('tokenizer');
  const settings = await readJson(source.path('tokenizerConfig'));
  const definition = await readJson(file);
  const tokenizer = createTokenizer(definition, settings, basename(file));
  const sees = Object.keys(config.mediaPlaces).length > 0;
  const written = (await templateOf(source, settings, sees)) ?? SCRIPT;
  const template = createChatTemplate(sees ? `${startFor(written, definition)}${written}` : written, settings, source.name);
  for (const [modality, { mark }] of Object.entries(config.mediaPlaces)) requirePlace(template, modality, mark, source.name);
  const format: PromptFormat = {
    tokenizer,
    template,
    systemPrompt: null,
    modelWidth: config.modelWidth,
    mediaTokens: null,
    mediaPlaces: new Map(Object.entries(config.mediaPlaces).map(([modality, { mark, before, after }]) => [modality, { mark, before: tokenizer.splitControl(before), after: tokenizer.splitControl(after) }])),
    mediaEmbeds: config.mediaEmbeds,
    textStart: null,
    references: [],
    groups: new Map(),
    captions: new Map(),
  };
  return { format, stops: new Set([...config.stopIds, ...endsIn(tokenizer)]) };
}

function endsIn(tokenizer: TextTokenizer): number[] {
  return turnEnds.flatMap((spelling) => tokenizer.control.get(spelling) ?? []);
}

/**
 * The first token, where the template leaves it to the tokenizer: a template without media is whole, and what a processor renders goes through
 * the tokenizer as any text does.
 */
function startFor(template: string, definition: Readonly<Record<string, unknown>>): string {
  const start = firstToken(definition['post_processor']);
  return start === null || template.includes('bos_token') || template.includes(start) ? '' : start;
}

/** What a tokenizer.json puts before every text; null for nothing. */
function firstToken(processor: unknown): string | null {
  const { type, processors, single } = fieldsOf(processor);
  if (type === 'Sequence' && Array.isArray(processors)) return processors.map(firstToken).find((found) => found !== null) ?? null;
  const first: unknown = type === 'TemplateProcessing' && Array.isArray(single) ? single[0] : null;
  const { id } = fieldsOf(fieldsOf(first)['SpecialToken']);
  return typeof id === 'string' ? id : null;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return { ...(typeof value === 'object' ? value : null) };
}

/** Throws `bundle_invalid` for a template that does not place media of this modality. */
function requirePlace(template: ChatTemplate, modality: string, mark: string, name: string): void {
  const pieces = template.renderParts([{ role: 'user', parts: [modality, 'text'] }]);
  const marks = pieces.reduce((sum, piece) => sum + (piece.type === 'template' ? piece.text.split(mark).length - 1 : 0), 0);
  if (marks !== 1) throw new AnymodalError('bundle_invalid', `${name}: the chat template writes ${mark} ${marks} times for one ${modality}, expected once. Use the processor's own template (chat_template.json).`);
}

/**
 * The chat template of the settings or of a file beside them; null where there is none.
 *
 * @param fileFirst a processor's own, which places media, lies in the file
 */
async function templateOf(source: ComponentSource, settings: Readonly<Record<string, unknown>>, fileFirst: boolean): Promise<string | null> {
  return fileFirst ? ((await templateInFile(source)) ?? templateIn(settings)) : (templateIn(settings) ?? templateInFile(source));
}

function templateIn(settings: Readonly<Record<string, unknown>>): string | null {
  const given = settings['chat_template'];
  if (typeof given === 'string') return given;
  if (Array.isArray(given)) {
    const named = given.filter((each) => typeof each === 'object' && each !== null).map((each: { readonly name?: unknown; readonly template?: unknown }) => each);
    const chosen = named.find(({ name }) => name === 'default') ?? named[0];
    if (typeof chosen?.template === 'string') return chosen.template;
  }
  return null;
}

async function templateInFile(source: ComponentSource): Promise<string | null> {
  let path: string;
  try {
    path = source.path('chatTemplate');
  } catch {
    return null;
  }
  const inFile = path.endsWith('.json') ? (await readJson(path))['chat_template'] : await readFile(path, 'utf8');
  return typeof inFile === 'string' ? inFile : null;
}

async function openGraphs(source: ComponentSource, config: Config): Promise<ConcatenatingGraphs> {
  const path = source.path('model');
  const model = await openSession(path, { device: source.device });
  try {
    const ports = portsOf(model, path, config);
    if (ports.inputs.has('input_ids')) return { model, embed: null, ...ports };
    const embed = await openSession(source.path('embed'), { device: source.device, threads: 1 });
    const [input, output] = [embed.inputs[0], embed.outputs[0]];
    if (input !== undefined && output !== undefined && input.type === 'int64') return { model, embed: { session: embed, input, output: output.name }, ...ports };
    await embed.release();
    throw new AnymodalError('bundle_invalid', `${basename(source.path('embed'))}: expected one input of tokens (int64) and one output of embeddings. Export the model again.`);
  } catch (error) {
    await model.release();
    throw error;
  }
}

async function readJson(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const content: unknown = JSON.parse(await readFile(path, 'utf8'));
    return { ...(typeof content === 'object' ? content : null) };
  } catch (error) {
    throw new AnymodalError('bundle_invalid', `${basename(path)}: not a JSON file that can be read. Fetch or export it again.`, { cause: error });
  }
}
