// From a ComfyUI workflow to a decoder: which fields it has, what it makes, where its file lies.
// Asks nobody; knows the usual nodes that save.

import { createHash } from 'node:crypto';
import { AnymodalError } from '../../src/errors.ts';
import { fieldNames, guessFields, placeOf, readWorkflow, type FieldName, type Workflow } from '../comfyui/workflow.ts';
import { outputPart, serverFields, type Parts, type Settings } from './parts.ts';
import type { Survey } from './survey.ts';

const savers: readonly (readonly ['image' | 'audio' | 'video', RegExp])[] = [
  ['video', /^(SaveVideo|SaveWEBM|VHS_VideoCombine|SaveAnimated)/],
  ['audio', /^(SaveAudio|PreviewAudio)/],
  ['image', /^(SaveImage|PreviewImage|Image Save)/],
];

/**
 * The part for a workflow, with where its file lies and what was found.
 *
 * @param named `FIELD=NODE.INPUT`, before those that are found
 * @param output name of the output; null names it by what it makes
 */
export function comfyPart(found: Survey, path: string, text: string, named: readonly string[], output: string | null, settings: Settings): { readonly part: Parts; readonly file: string; readonly note: string } {
  const workflow = readWorkflow(text, `"${path.split(/[\\/]/).at(-1)}"`);
  const fields = { ...guessFields(workflow), ...fieldsOf(workflow, named) };
  if (fields.prompt === undefined) throw new AnymodalError('bad_input', 'connect: no input for the prompt was found in the workflow; name it, such as --map prompt=6.text.');
  const result = Object.entries(workflow).flatMap(([node, { class_type: kind }]) => savers.flatMap(([modality, pattern]) => (pattern.test(kind) ? [{ node, modality }] : [])));
  const modality = (['image', 'audio', 'video'] as const).find((each) => each === output) ?? result[0]?.modality;
  if (modality === undefined) throw new AnymodalError('bad_input', 'connect: the workflow has no node that saves a picture, a sound or a video; add one, or say with --output what it makes: image, audio or video.');
  const name = output ?? modality;
  const bytes = Buffer.from(text);
  const { origin } = new URL(found.url);
  const reads = fields.image === undefined && fields.follow === undefined ? [] : ['image'];
  const part = outputPart(name, 'comfyui', { ...serverFields(found, settings), modality, fields }, reads, [`${name} is made by ${origin}, which keeps its files and what it was asked.`]);
  const decoder = `remote-${name}`;
  const component = part.components[decoder];
  if (component === undefined) throw new AnymodalError('internal', 'connect: the decoder is missing');
  const files = { workflow: { path: `workflow-${name}.json`, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength } };
  return { part: { ...part, components: { ...part.components, [decoder]: { ...component, files } } }, file: decoder, note: `fields of the workflow: ${Object.entries(fields).map(([field, place]) => `${field}=${place}`).join(', ')}` };
}

function fieldsOf(workflow: Workflow, named: readonly string[]): Partial<Record<FieldName, string>> {
  return Object.fromEntries(
    named.map((text) => {
      const [name = '', ...rest] = text.split('=');
      const [field, place] = [fieldNames.find((each) => each === name), rest.join('=')];
      if (field === undefined) throw new AnymodalError('bad_option', `--map: got "${name}", expected one of ${fieldNames.join(', ')}.`);
      if (placeOf(workflow, place) === null) throw new AnymodalError('bad_option', `--map ${field}: the workflow has no input "${place}"; write NODE.INPUT, such as 6.text.`);
      return [field, place];
    }),
  );
}
