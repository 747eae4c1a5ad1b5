// Requests for speech and sounds as jobs: voice, speed, length and format in the decoder's terms, warnings for what cannot be honoured.
// Knows one decoder, by its description.

import type { Context } from 'hono';
import type { EngineDescription } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { NewJob } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { choicesOf, numberOption, optionSchema, outputOf, pick, readMaking, type OutputDescription } from '../output-options.ts';
import { notHonoured } from '../request-body.ts';
import type { AppEnv } from '../routes.ts';
import { jobRequest } from '../run-job.ts';
import { soundFormats, type SoundBody, type SoundFormat, type SpeechBody } from './schemas.ts';

/** OpenAI's voices by how they sound: those that are heard as women's, and as men's. */
const women = ['alloy', 'coral', 'nova', 'sage', 'shimmer', 'marin', 'fable', 'juniper'];
const men = ['ash', 'ballad', 'echo', 'onyx', 'verse', 'cedar'];

export interface SoundOrder {
  readonly job: NewJob;
  readonly output: string;
  readonly format: SoundFormat;
}

/** The output that speaks: what is made of characters, with a voice. Throws `unsupported`. */
export function speechOutput(description: EngineDescription): OutputDescription {
  const found = description.outputs.find(({ name }) => name === 'speech') ?? description.outputs.find((output) => output.modality === 'audio' && optionSchema(output, 'voice') !== null);
  if (found === undefined) throw new AnymodalError('unsupported', `model: ${description.bundle} does not speak; it makes ${description.outputs.map(({ name }) => name).join(', ') || 'text alone'}.`, { field: 'model' });
  return found;
}

export async function speechOrder(c: Context<AppEnv>, parts: ServerParts, body: SpeechBody): Promise<SoundOrder> {
  const model = parts.engines.resolve(body.model ?? null);
  const output = speechOutput(await parts.engines.describe(model, c.req.raw.signal));
  const options: Record<string, unknown> = {};
  const voice = typeof body.voice === 'object' && body.voice !== null ? body.voice.id : (body.voice ?? null);
  if (voice !== null) setVoice(c, parts, output, options, voice);
  setSpeed(c, parts, output, options, body.speed ?? null);
  if ((body.instructions ?? '') !== '') notHonoured(c, parts, 'instructions', 'option_ignored', 'this voice takes none');
  const format = body.response_format ?? 'mp3';
  Object.assign(options, ownFormat(output, format));
  // A voice knows no chance; one seed for all says so, and the same words are the same file.
  const request = jobRequest({ messages: [{ role: 'user', parts: [{ type: 'text', text: body.input }] }], outputs: [output.name], route: 'direct', seed: 0, options: { [output.name]: options }, metadata: body.metadata ?? true });
  return { job: { owner: c.get('caller').owner, model, kind: 'speech', detached: false, view: { format }, request }, output: output.name, format };
}

export async function soundOrder(c: Context<AppEnv>, parts: ServerParts, body: SoundBody): Promise<SoundOrder> {
  const words = body.input ?? body.prompt ?? body.text ?? null;
  if (words === null) throw new AnymodalError('bad_input', 'prompt: expected what is to be heard.', { field: 'prompt' });
  const model = parts.engines.resolve(body.model ?? body.model_id ?? null);
  const output = outputOf(await parts.engines.describe(model, c.req.raw.signal), 'audio');
  const making = readMaking(c, parts, output, body);
  const options: Record<string, unknown> = { ...making.options };
  numberOption(c, parts, output, options, 'seconds', pick(body, ['seconds', 'audio_length', 'duration', 'duration_seconds']));
  for (const field of ['prompt_influence', 'audio_start', 'loop'] as const) {
    if (body[field] !== undefined && body[field] !== null) notHonoured(c, parts, field, 'option_ignored', 'this server has no such option');
  }
  const format = body.response_format ?? formatNamed(body.output_format ?? 'wav');
  Object.assign(options, ownFormat(output, format));
  const request = jobRequest({
    messages: [{ role: 'user', parts: [{ type: 'text', text: words }] }],
    outputs: [output.name],
    route: 'direct',
    ...making.seed,
    options: { [output.name]: options },
    negativePrompt: making.negativePrompt,
    metadata: making.metadata,
  });
  return { job: { owner: c.get('caller').owner, model, kind: 'audio', detached: false, view: { format }, request }, output: output.name, format };
}

/** Sets a voice by its own name, or by the name of one of OpenAI's with a warning. Throws `bad_option` with the field. */
export function setVoice(c: Context<AppEnv>, parts: Pick<ServerParts, 'settings'>, output: OutputDescription, options: Record<string, unknown>, voice: string, field = 'voice'): void {
  const choices = choicesOf(output, 'voice');
  if (choices.includes(voice)) {
    options['voice'] = voice;
    return;
  }
  const name = voice.toLowerCase();
  const place = women.includes(name) ? 0 : men.includes(name) ? 1 : -1;
  const mapped = choices[place] ?? (place === -1 ? undefined : choices[0]);
  if (mapped === undefined) throw new AnymodalError('bad_option', `${field}: there is no such voice; there are ${choices.join(', ') || 'none to choose from'}.`, { field });
  notHonoured(c, parts, field, 'voice_mapped', `this model has ${choices.join(', ')}; ${mapped} speaks`);
  options['voice'] = mapped;
}

function setSpeed(c: Context<AppEnv>, parts: ServerParts, output: OutputDescription, options: Record<string, unknown>, speed: number | null): void {
  if (speed === null || speed === 1) return;
  const schema = optionSchema(output, 'speed');
  if (schema === null) {
    notHonoured(c, parts, 'speed', 'option_ignored', 'this voice has one speed');
    return;
  }
  const nearest = Math.min(schema.maximum ?? speed, Math.max(schema.minimum ?? speed, speed));
  if (nearest !== speed) notHonoured(c, parts, 'speed', 'speed_changed', `this voice speaks at ${schema.minimum ?? 0} to ${schema.maximum ?? speed}; ${nearest} is taken`);
  options['speed'] = nearest;
}

/** The decoder's own format nearest to what is asked: the same, or one that nothing is lost by. */
function ownFormat(output: OutputDescription, format: SoundFormat): Record<string, string> {
  const choices = choicesOf(output, 'format');
  const wanted = format === 'opus' ? 'ogg' : format;
  if (choices.includes(wanted)) return { format: wanted };
  return choices.includes('wav') ? { format: 'wav' } : {};
}

/** `mp3` of `mp3_44100_128`. Throws `bad_option`. */
function formatNamed(name: string): SoundFormat {
  const head = name.toLowerCase().split('_', 1)[0];
  const found = soundFormats.find((format) => format === head);
  if (found === undefined) throw new AnymodalError('bad_option', `output_format: expected one of ${soundFormats.join(', ')}.`, { field: 'output_format' });
  return found;
}
