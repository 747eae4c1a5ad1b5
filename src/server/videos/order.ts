// A request for a video as a job: length, size and options in the decoder's terms, warnings for what cannot be honoured.
// Knows one decoder, by its description.

import type { Context } from 'hono';
import type { Media } from '../../contracts.ts';
import { AnymodalError } from '../../errors.ts';
import type { JobRecord, NewJob } from '../../queue/contracts.ts';
import type { ServerParts } from '../contracts.ts';
import { askedSize, nearest, nearestSize, sizeOptions, sizeText, usualSize } from '../images/size.ts';
import { choicesOf, defaultOf, numberOption, optionSchema, outputOf, pick, readMaking, type OutputDescription } from '../output-options.ts';
import { notHonoured } from '../request-body.ts';
import type { AppEnv } from '../routes.ts';
import { jobRequest, newId } from '../run-job.ts';
import type { VideoBody } from './schemas.ts';

/** A finished video that this one is made from. */
export interface Before {
  readonly id: string;
  /** Seed and settings that hold where the body says nothing else. */
  readonly request: Pick<JobRecord['request'], 'seed' | 'options'> | null;
}

/** Reads what `body` asks for. `shown` is a picture to begin with or a video to change, from the field `field`. Throws `bad_option`, `unsupported` with the field. */
export async function videoOrder(c: Context<AppEnv>, parts: ServerParts, body: VideoBody, shown: { readonly media: Media; readonly field: string } | null, from: Before | null = null): Promise<NewJob> {
  const model = parts.engines.resolve(body.model ?? null);
  const description = await parts.engines.describe(model, c.req.raw.signal);
  const output = outputOf(description, 'video');
  if (shown !== null) {
    const role = shown.media.modality === output.modality ? 'edit' : 'follow';
    if (!output.references.includes(role)) throw new AnymodalError('unsupported', `${shown.field}: model ${model} makes no video from ${shown.media.modality}.`, { field: shown.field });
  }
  const making = readMaking(c, parts, output, body);
  const options: Record<string, unknown> = { ...from?.request?.options[output.name], ...making.options };
  const length = setLength(c, parts, output, body, options);
  const size = setSize(c, parts, output, body, options);
  const format = body.output_format ?? null;
  if (format !== null) {
    if (!choicesOf(output, 'format').includes(format)) throw new AnymodalError('unsupported', `output_format: this decoder makes ${choicesOf(output, 'format').join(', ')}.`, { field: 'output_format' });
    options['format'] = format;
  }
  const wantsSound = body.generate_audio ?? body.generate_sound ?? false;
  const hasSound = description.outputs.some(({ name }) => name === 'audio');
  if (wantsSound && !hasSound) notHonoured(c, parts, body.generate_audio === true ? 'generate_audio' : 'generate_sound', 'option_ignored', `model ${model} makes no sounds`);

  const request = jobRequest({
    id: newId('video'),
    messages: [{ role: 'user', parts: [...(shown === null ? [] : [{ type: 'media' as const, media: shown.media }]), { type: 'text', text: body.prompt }] }],
    outputs: wantsSound && hasSound ? [output.name, 'audio'] : [output.name],
    route: 'direct',
    ...(from?.request && { seed: from.request.seed }),
    ...making.seed,
    options: { [output.name]: options },
    negativePrompt: making.negativePrompt,
    metadata: making.metadata,
  });
  const view = { prompt: body.prompt, seconds: length, size, remixedFrom: from?.id ?? null, warnings: c.get('warnings').map(({ code, message }) => ({ code, message })) };
  return { owner: c.get('caller').owner, model, kind: 'video', detached: true, view, request };
}

/** Sets frames and rate; returns the seconds that they make. */
function setLength(c: Context<AppEnv>, parts: ServerParts, output: OutputDescription, body: VideoBody, options: Record<string, unknown>): string {
  numberOption(c, parts, output, options, 'fps', pick(body, ['fps']));
  numberOption(c, parts, output, options, 'frames', pick(body, ['num_frames']));
  const rate = typeof options['fps'] === 'number' ? options['fps'] : defaultOf(output, 'fps', 8);
  const schema = optionSchema(output, 'frames');
  const field = body.seconds === undefined || body.seconds === null ? 'duration' : 'seconds';
  const asked = body.seconds ?? body.duration ?? null;
  if (asked !== null && pick(body, ['num_frames']) === null) {
    if (!(Number(asked) > 0)) throw new AnymodalError('bad_option', `${field}: got ${asked}, expected more than 0.`, { field });
    if (schema === null) notHonoured(c, parts, field, 'seconds_changed', 'this decoder has one length');
    else {
      const wanted = Math.round(Number(asked) * rate);
      const frames = nearest(schema, wanted);
      if (frames !== wanted) notHonoured(c, parts, field, 'seconds_changed', `this decoder makes ${schema.minimum ?? 1} to ${schema.maximum ?? wanted} frames; at ${rate} a second it is made ${text(frames / rate)} s long`);
      options['frames'] = frames;
    }
  }
  const frames = typeof options['frames'] === 'number' ? options['frames'] : defaultOf(output, 'frames', rate);
  return text(frames / rate);
}

function setSize(c: Context<AppEnv>, parts: ServerParts, output: OutputDescription, body: VideoBody, options: Record<string, unknown>): string {
  const usual = usualSize(output);
  const asked = askedSize(body, usual);
  const { width = usual.width, height = optionSchema(output, 'height') === null ? width : usual.height } = options;
  const made = asked === null ? { width: Number(width), height: Number(height) } : nearestSize(output, asked);
  if (asked !== null && (made.width !== asked.width || made.height !== asked.height)) {
    const field = ['width', 'height', 'size', 'aspect_ratio'].find((name) => Reflect.get(body, name) !== undefined) ?? 'size';
    notHonoured(c, parts, field, 'size_changed', `the nearest that this decoder makes is ${sizeText(made)}`);
  }
  if (asked !== null) Object.assign(options, sizeOptions(output, made));
  return sizeText(made);
}

/** Seconds as OpenAI writes them, as text. */
function text(seconds: number): string {
  return String(Math.round(seconds * 1000) / 1000);
}
