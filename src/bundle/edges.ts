// The wiring of a bundle: every name leads to a component of the right kind, and widths agree along every edge.
// Works on the ports that factories declare; opens no file.

import type { AnyFactory, ComponentKind, Ports, Source } from '../contracts.ts';
import type { Bundle } from './format.ts';

/** A component whose factory exists and whose config is right. */
export interface Wired {
  readonly factory: AnyFactory;
  readonly ports: { readonly in: Ports; readonly out: Ports };
}

/** Every fault in the wiring of `bundle`, one line each. Components that are not in `wired` have their own fault already. */
export function faultsOfEdges(bundle: Bundle, wired: ReadonlyMap<string, Wired>): string[] {
  const faults: string[] = [];
  const used = new Set<string>();

  const use = (where: string, name: string, kind: ComponentKind): Wired | null => {
    used.add(name);
    const component = bundle.components[name];
    if (component === undefined) {
      faults.push(`${where}: no component "${name}"; there are ${Object.keys(bundle.components).join(', ')}`);
      return null;
    }
    if (component.kind !== kind) {
      faults.push(`${where}: component "${name}" is of kind ${component.kind}, expected ${kind}`);
      return null;
    }
    return wired.get(name) ?? null;
  };

  const modelName = bundle.languageModel ?? '';
  const model = bundle.languageModel === null ? null : use('languageModel', bundle.languageModel, 'language-model');

  for (const [modality, input] of Object.entries(bundle.inputs)) {
    const where = `inputs.${modality}`;
    const encoder = use(`${where}.encoder`, input.encoder, 'encoder');
    const joint = encoder?.ports.out['joint'];
    if (joint !== undefined && !fits(joint, [bundle.joint])) faults.push(`${where}: ${input.encoder} puts ${show(joint)} into the joint space, expected ${show([bundle.joint])} as in "joint"`);
    if (input.projector === null) continue;
    const projector = use(`${where}.projector`, input.projector, 'input-projector');
    if (encoder !== null && projector !== null) faults.push(...mismatches(where, input.encoder, encoder.ports.out, input.projector, projector.ports.in));
    if (bundle.languageModel === null) faults.push(`${where}.projector: there is no language model to project to; expected null`);
    if (projector === null || model === null) continue;
    const reads = portFor(model.ports.in, 'embeds', modality);
    if (reads === undefined) faults.push(`${where}.projector: ${modelName} reads no ${modality}; it reads ${namesOf(model.ports.in, 'embeds')}; expected null`);
    else faults.push(...mismatches(where, input.projector, projected(encoder?.ports.out['tokens'], projector.ports), modelName, { embeds: reads }));
  }

  for (const [output, { decoder: decoderName, sources, chat }] of Object.entries(bundle.outputs)) {
    const where = `outputs.${output}`;
    const decoder = use(`${where}.decoder`, decoderName, 'decoder');
    const states = model === null ? undefined : portFor(model.ports.out, 'hidden', output);
    for (const [type, name] of Object.entries(sources)) {
      const place = `${where}.sources.${type}`;
      const projector = use(place, name, 'output-projector');
      if (projector === null) continue;
      const accepts = acceptedBy(projector.ports.in);
      if (accepts !== type) faults.push(`${place}: ${name} reads a ${accepts}, expected one that reads a ${type}`);
      // Input embeddings of signal tokens have the shape of their hidden states.
      else if (type === 'signal' && states !== undefined) faults.push(...mismatches(place, modelName, { hidden: states, embedded: states }, name, projector.ports.in));
      else if (type === 'joint' && bundle.joint === null) faults.push(`${place}: ${name} reads a joint embedding, but "joint" is null; expected the width of the joint space`);
      else if (type === 'joint') faults.push(...mismatches(place, 'the joint space', { joint: [bundle.joint] }, name, projector.ports.in));
      if (decoder !== null) faults.push(...mismatches(place, name, projector.ports.out, decoderName, portsOf(decoder.ports.in).own));
    }
    const needed = chat === 'signal' ? 'signal' : 'prompt';
    if (bundle.languageModel !== null && sources[needed] === undefined) faults.push(`${where}.chat: "${chat}" needs sources.${needed}, which is missing`);
    if (model !== null && states === undefined && (chat === 'signal' || sources.signal !== undefined)) {
      faults.push(`${where}: ${modelName} has no signal tokens for "${output}"; it has some for ${namesOf(model.ports.out, 'hidden')}; expected chat "caption" and no sources.signal`);
    }
    if (bundle.languageModel === null && sources.signal !== undefined) faults.push(`${where}.sources.signal: there is no language model to give a signal`);
  }

  if (bundle.engine !== undefined) {
    use('engine', bundle.engine, 'engine');
    if (Object.keys(bundle.inputs).length > 0 || Object.keys(bundle.outputs).length > 0 || bundle.languageModel !== null) faults.push('engine: it does everything; expected no inputs, no outputs and no language model beside it');
  }
  faults.push(...faultsOfGroups(bundle, wired));
  for (const name of Object.keys(bundle.components)) if (!used.has(name)) faults.push(`components.${name}: nothing uses it; wire it in or remove it`);
  return faults;
}

/** Groups: every output is known and in one of them, and the leader's companion has the ports that a follower reads of it. */
function faultsOfGroups(bundle: Bundle, wired: ReadonlyMap<string, Wired>): string[] {
  const faults: string[] = [];
  const members = new Set<string>();
  for (const [index, { leader, followers }] of bundle.groups.entries()) {
    const where = `groups.${index}`;
    for (const [place, name] of [[`${where}.leader`, leader], ...followers.map((follower, at) => [`${where}.followers.${at}`, follower])] as const) {
      if (bundle.outputs[name] === undefined) faults.push(`${place}: no output "${name}"; there are ${Object.keys(bundle.outputs).join(', ')}`);
      else if (members.has(name)) faults.push(`${place}: output "${name}" is in a group already; expected it once in all groups`);
      members.add(name);
    }
    const decoderOf = (output: string): readonly [string, Wired | undefined] => {
      const name = bundle.outputs[output]?.decoder ?? '';
      return [name, bundle.components[name]?.kind === 'decoder' ? wired.get(name) : undefined];
    };
    const [leading, lead] = decoderOf(leader);
    if (lead === undefined) continue;
    if (Object.keys(lead.ports.out).length === 0) {
      faults.push(`${where}.leader: ${leading} gives no companion that others could follow; expected an output whose decoder gives one`);
      continue;
    }
    for (const [at, follower] of followers.entries()) {
      const [following, follow] = decoderOf(follower);
      if (follow !== undefined) faults.push(...mismatches(`${where}.followers.${at}`, leading, lead.ports.out, following, portsOf(follow.ports.in).companion));
    }
  }
  return faults;
}

/** In-ports of a decoder: those of its conditioning, and those that it reads of a companion, without their prefix. */
function portsOf(ports: Ports): { readonly own: Ports; readonly companion: Ports } {
  const prefix = 'companion/';
  const all = Object.entries(ports);
  return {
    own: Object.fromEntries(all.filter(([port]) => !port.startsWith(prefix))),
    companion: Object.fromEntries(all.flatMap(([port, shape]) => (port.startsWith(prefix) ? [[port.slice(prefix.length), shape]] : []))),
  };
}

/** What an output projector with these ports reads. */
function acceptedBy(ports: Ports): Source['type'] {
  if (ports['hidden'] !== undefined) return 'signal';
  return ports['joint'] === undefined ? 'prompt' : 'joint';
}

/** The port `PORT/NAME` of a language model, or the `PORT` that serves every name. */
function portFor(ports: Ports, port: string, name: string): Ports[string] | undefined {
  return ports[`${port}/${name}`] ?? ports[port];
}

/** Names for which a language model has a port `PORT/NAME`, for a message. */
function namesOf(ports: Ports, port: string): string {
  return Object.keys(ports).flatMap((key) => (key.startsWith(`${port}/`) ? [key.slice(port.length + 1)] : [])).join(', ') || 'none';
}

/** What an input projector gives of an encoder's tokens: one that leaves both counts free gives one embedding a token. */
function projected(tokens: Ports[string] | undefined, ports: Wired['ports']): Ports {
  const { embeds } = ports.out;
  if (tokens === undefined || embeds?.[0] !== null || ports.in['tokens']?.[0] !== null) return ports.out;
  return { ...ports.out, embeds: [tokens[0] ?? null, ...embeds.slice(1)] };
}

/** Ports that the consumer reads and the producer does not give, or gives at another width. */
function mismatches(where: string, producer: string, given: Ports, consumer: string, wanted: Ports): string[] {
  return Object.entries(wanted).flatMap(([port, want]) => {
    const got = given[port];
    if (got === undefined) return [`${where}: ${consumer} reads port "${port}" ${show(want)}, which ${producer} does not give; it gives ${Object.keys(given).join(', ') || 'none'}`];
    return fits(got, want) ? [] : [`${where}: ${producer} gives ${port} ${show(got)}, ${consumer} expects ${show(want)}`];
  });
}

function fits(got: readonly (number | null)[], want: readonly (number | null)[]): boolean {
  return got.length === want.length && got.every((width, axis) => width === null || want[axis] === null || width === want[axis]);
}

function show(shape: readonly (number | null)[]): string {
  return `[${shape.map((width) => width ?? 'any').join(', ')}]`;
}
