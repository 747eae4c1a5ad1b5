// A ComfyUI workflow in API format: which input of which node each of our fields goes to, found by the kinds of nodes or named.
// Knows no server. Format: https://docs.comfy.org/development/comfyui-server/comms_routes, "prompt".

import type { JsonSchema } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';

/** A node: its kind, and its inputs, of which a pair of node and port is a link. */
export interface WorkflowNode {
  readonly class_type: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}
export type Workflow = Readonly<Record<string, WorkflowNode>>;

/** What of ours goes into a workflow; `image` is the picture that is edited, `follow` one that is followed. */
export const fieldNames = ['prompt', 'negative', 'seed', 'width', 'height', 'steps', 'guidanceScale', 'strength', 'frames', 'fps', 'seconds', 'image', 'mask', 'follow'] as const;
export type FieldName = (typeof fieldNames)[number];

/** `NODE.INPUT` by field. */
export type Fields = Readonly<Partial<Record<FieldName, string>>>;

/** A workflow out of the text of its file. Throws `bad_input` saying what is wrong. */
export function readWorkflow(text: string, where: string): Workflow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AnymodalError('bad_input', `${where}: is no JSON; in ComfyUI choose Workflow, Export (API).`);
  }
  if (!isRecord(value)) throw new AnymodalError('bad_input', `${where}: is no workflow; in ComfyUI choose Workflow, Export (API).`);
  if (Array.isArray(value['nodes'])) throw new AnymodalError('bad_input', `${where}: is a workflow as ComfyUI saves it for itself; export it with Workflow, Export (API).`);
  const nodes = isRecord(value['prompt']) ? value['prompt'] : value;
  const workflow: Record<string, WorkflowNode> = {};
  for (const [id, node] of Object.entries(nodes)) {
    const [kind, inputs] = isRecord(node) ? [node['class_type'], node['inputs']] : [null, null];
    if (typeof kind !== 'string' || !isRecord(inputs)) throw new AnymodalError('bad_input', `${where}: node ${id.slice(0, 40)} has no class_type and inputs; in ComfyUI choose Workflow, Export (API).`);
    workflow[id] = { class_type: kind, inputs };
  }
  if (Object.keys(workflow).length === 0) throw new AnymodalError('bad_input', `${where}: has no nodes.`);
  return workflow;
}

/** Splits `NODE.INPUT`; null for what is no such thing, or not in the workflow. */
export function placeOf(workflow: Workflow, place: string): { readonly node: string; readonly input: string; readonly value: unknown } | null {
  const dot = place.lastIndexOf('.');
  const [node, input] = [place.slice(0, dot), place.slice(dot + 1)];
  const inputs = Object.hasOwn(workflow, node) ? workflow[node]?.inputs : undefined;
  return dot < 1 || inputs === undefined || !Object.hasOwn(inputs, input) ? null : { node, input, value: inputs[input] };
}

/** Faults of the fields of a config, a line each. */
export function faultsOfFields(workflow: Workflow, fields: Fields): string[] {
  return Object.entries(fields).flatMap(([field, place]) => (placeOf(workflow, place) === null ? [`fields.${field}: the workflow has no input ${JSON.stringify(place)}`] : []));
}

/**
 * Where fields go in a workflow whose nodes are the usual ones: a sampler, from which links lead to the words, the size and the source.
 * What is not found is left out.
 */
export function guessFields(workflow: Workflow): Fields {
  const fields: Partial<Record<FieldName, string>> = {};
  const put = (field: FieldName, node: string | null, ...inputs: readonly string[]): void => {
    const input = inputs.find((name) => node !== null && workflow[node]?.inputs[name] !== undefined && !isLink(workflow[node].inputs[name]));
    if (node !== null && input !== undefined) fields[field] ??= `${node}.${input}`;
  };
  const sampler = Object.keys(workflow).find((id) => /sampler/i.test(workflow[id]?.class_type ?? '') && (isLink(workflow[id]?.inputs['positive']) || isLink(workflow[id]?.inputs['guider']))) ?? null;
  const follow = (node: string | null, ...inputs: readonly string[]): string | null => {
    const link = inputs.map((input) => (node === null ? undefined : workflow[node]?.inputs[input])).find(isLink);
    return link === undefined ? null : link[0];
  };
  const guider = follow(sampler, 'guider');
  put('prompt', textNode(workflow, follow(sampler, 'positive') ?? follow(guider, 'positive', 'conditioning')), 'text', 'prompt', 't5xxl', 'clip_l');
  put('negative', textNode(workflow, follow(sampler, 'negative') ?? follow(guider, 'negative')), 'text', 'prompt');
  put('seed', sampler, 'seed', 'noise_seed');
  put('seed', follow(sampler, 'noise'), 'noise_seed', 'seed');
  put('steps', sampler, 'steps');
  put('steps', follow(sampler, 'sigmas'), 'steps');
  put('guidanceScale', sampler, 'cfg');
  put('guidanceScale', guider, 'cfg');
  const latent = follow(sampler, 'latent_image');
  put('width', latent, 'width');
  put('height', latent, 'height');
  put('frames', latent, 'length', 'batch_frames');
  put('seconds', latent, 'seconds');
  for (const [id, { class_type: kind }] of Object.entries(workflow)) {
    if (kind === 'LoadImage') put('image', id, 'image');
    if (kind === 'LoadImageMask') put('mask', id, 'image');
    if (/^(SaveAnimated|CreateVideo|VHS_VideoCombine|SaveWEBM)/.test(kind)) put('fps', id, 'fps', 'frame_rate');
    // Workflows of a kind of their own: the one place for words.
    if (/textencode|tts|speech|texttoaudio/i.test(kind)) put('prompt', id, 'text', 'prompt', 'tags');
  }
  if (fields.image !== undefined && isLink(workflow[latent ?? '']?.inputs['pixels'])) put('strength', sampler, 'denoise');
  if (fields.negative === fields.prompt) delete fields.negative;
  return fields;
}

/** The nearest node with words from a node on, against the links. */
function textNode(workflow: Workflow, from: string | null, depth = 0): string | null {
  const inputs = from === null ? undefined : workflow[from]?.inputs;
  if (inputs === undefined || from === null || depth > 8) return null;
  if (['text', 'prompt', 't5xxl'].some((name) => typeof inputs[name] === 'string')) return from;
  for (const name of ['conditioning', 'positive', 'conditioning_1', 'text', 'prompt']) {
    const link = inputs[name];
    const found = isLink(link) ? textNode(workflow, link[0], depth + 1) : null;
    if (found !== null) return found;
  }
  return null;
}

const numeric: Readonly<Partial<Record<FieldName, { readonly type: 'integer' | 'number'; readonly minimum: number; readonly maximum: number; readonly description: string }>>> = {
  width: { type: 'integer', minimum: 16, maximum: 8192, description: 'Pixels.' },
  height: { type: 'integer', minimum: 16, maximum: 8192, description: 'Pixels.' },
  steps: { type: 'integer', minimum: 1, maximum: 1000, description: 'Denoising steps: more is slower and finer.' },
  guidanceScale: { type: 'number', minimum: 0, maximum: 100, description: 'How closely the prompt is followed.' },
  strength: { type: 'number', minimum: 0, maximum: 1, description: 'How far an edited medium may move from its source.' },
  frames: { type: 'integer', minimum: 1, maximum: 4096, description: 'Length of a video.' },
  fps: { type: 'number', minimum: 1, maximum: 60, description: 'Frames a second.' },
  seconds: { type: 'number', minimum: 0.1, maximum: 600, description: 'Length of a sound.' },
};

/** Options for the fields that are numbers; the workflow has the defaults. */
export function optionsOf(workflow: Workflow, fields: Fields): Readonly<Record<string, JsonSchema>> {
  return Object.fromEntries(
    Object.entries(numeric).flatMap(([field, schema]): [string, JsonSchema][] => {
      const place = Object.entries(fields).find(([name]) => name === field)?.[1];
      const value = place === undefined ? undefined : placeOf(workflow, place)?.value;
      return typeof value === 'number' ? [[field, { ...schema, default: value }]] : [];
    }),
  );
}

/** A copy of a workflow with values in its fields; a field that the workflow lacks is passed over. */
export function filled(workflow: Workflow, fields: Fields, values: Readonly<Partial<Record<FieldName, unknown>>>): Workflow {
  const nodes: Record<string, { class_type: string; inputs: Record<string, unknown> }> = Object.fromEntries(Object.entries(workflow).map(([id, node]) => [id, { ...node, inputs: { ...node.inputs } }]));
  for (const field of fieldNames) {
    const place = fields[field] === undefined ? null : placeOf(workflow, fields[field]);
    const inputs = place === null ? undefined : nodes[place.node]?.inputs;
    if (place !== null && inputs !== undefined && values[field] !== undefined && values[field] !== null) inputs[place.input] = values[field];
  }
  return nodes;
}

function isLink(value: unknown): value is readonly [string, number] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'number';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
