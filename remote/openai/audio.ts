// The factory `openai-audio`: speech by OpenAI's route, sounds and music by the routes that other servers have for them.
// What comes back is decoded and encoded here. Knows no projector.

import type { DecodeRequest, Decoder, Factory, JsonSchema } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema } from '../../src/schema.ts';
import { madeMedia } from '../made-media.ts';
import { apart } from '../server/apart.ts';
import { judgeModels, probe } from '../server/health.ts';
import { Server } from '../server/server.ts';
import { requireServer, serverSchema, type ServerConfig } from '../server/settings.ts';
import { wordPorts, wordsOf } from '../words.ts';

interface AudioConfig extends ServerConfig {
  readonly model: string;
  /** `speech`: /v1/audio/speech. `sound-generation`: LocalAI and ElevenLabs. `generate`: vLLM-Omni. `generations`: Lemonade. */
  readonly route: 'speech' | 'sound-generation' | 'generate' | 'generations';
  readonly voice: string;
  /** Those that can be chosen; empty takes any name. */
  readonly voices: readonly string[];
  /** Default of the option, of sounds. */
  readonly seconds: number;
  readonly body: Readonly<Record<string, unknown>>;
}

interface AudioOptions {
  readonly voice: string;
  readonly speed: number;
  readonly seconds: number;
  readonly format: 'wav' | 'mp3' | 'ogg' | 'flac';
}

const MOST_BYTES = 64 * 2 ** 20;

const schema: JsonSchema = serverSchema(
  {
    model: { type: 'string', minLength: 1, description: 'Name of the model at the server.' },
    route: { enum: ['speech', 'sound-generation', 'generate', 'generations'], default: 'speech', description: 'Which of the routes for sounds the server has.' },
    voice: { type: 'string', minLength: 1, default: 'alloy', description: 'Default of the option, of speech.' },
    voices: { type: 'array', items: { type: 'string', minLength: 1 }, default: [], description: 'Voices that can be chosen; empty takes any name.' },
    seconds: { type: 'number', exclusiveMinimum: 0, default: 5, description: 'Default of the option, of sounds.' },
    body: { type: 'object', default: {}, description: 'Fields that go into every request as they are.' },
  },
  ['model'],
);

function readConfig(config: Readonly<Record<string, unknown>>): AudioConfig {
  return requireServer('openai-audio', checkSchema<AudioConfig>(schema, config, 'config'));
}

/** No files. */
export const openaiAudio: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'openai-audio',
  config: schema,
  ports(config) {
    readConfig(config);
    return wordPorts;
  },
  async open(source) {
    const config = readConfig(source.config);
    const server = new Server(source, config);
    await probe(source, server, 'v1/models', judgeModels(source, server, config.model));
    return createDecoder(server, config);
  },
};

function createDecoder(server: Server, config: AudioConfig): Decoder {
  const options: JsonSchema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...(config.route === 'speech'
        ? {
            voice: { type: 'string', ...(config.voices.length > 0 ? { enum: config.voices } : { minLength: 1, maxLength: 100 }), default: config.voice, description: 'Who speaks, as the server calls the voice.' },
            speed: { type: 'number', minimum: 0.25, maximum: 4, default: 1, description: 'How fast; 2 is twice as fast.' },
          }
        : { seconds: { type: 'number', minimum: 0.5, maximum: 600, default: config.seconds, description: 'Length of the sound.' } }),
      format: { type: 'string', enum: ['wav', 'mp3', 'ogg', 'flac'], default: 'wav', description: 'File format.' },
    },
  };
  return {
    modality: 'audio',
    options,
    references: [],
    negative: config.route === 'generate',
    async *decode(request, context) {
      const checked = checkSchema<AudioOptions>(options, request.options, 'audio');
      if (checked.value === null) throw new AnymodalError('bad_option', checked.faults.join('; '));
      const { format } = checked.value;
      const [path, json] = bodyOf(config, checked.value, request, context.random.seed % 2 ** 31);
      context.signal.throwIfAborted();
      const bytes = await apart(context, async () => server.gate.pass(context.signal, async () => server.bytes(path, { json }, context.signal, MOST_BYTES)));
      const media = await madeMedia(bytes, { name: server.name, modality: 'audio', format, provenance: request.provenance }, context.signal);
      context.signal.throwIfAborted();
      yield { type: 'media', media };
    },
    dispose: async () => undefined,
  };
}

/** Route and body. A wav loses nothing, and every server has it. */
function bodyOf({ model, route, body }: AudioConfig, { voice, speed, seconds }: AudioOptions, { conditioning, negative }: DecodeRequest, seed: number): readonly [string, Readonly<Record<string, unknown>>] {
  const words = wordsOf('openai-audio', conditioning);
  if (words.trim() === '') throw new AnymodalError('bad_input', 'audio: there are no words to make it from; give a prompt.');
  switch (route) {
    case 'speech':
      return ['v1/audio/speech', { ...body, model, input: words, voice, speed, response_format: 'wav' }];
    case 'sound-generation':
      return ['v1/sound-generation', { ...body, model_id: model, text: words, duration_seconds: seconds }];
    case 'generate':
      return ['v1/audio/generate', { ...body, model, input: words, audio_length: seconds, seed, response_format: 'wav', ...(negative !== null && { negative_prompt: wordsOf('openai-audio', negative) }) }];
    default:
      return ['v1/audio/generations', { ...body, model, prompt: words, duration: seconds, seed, response_format: 'wav' }];
  }
}
