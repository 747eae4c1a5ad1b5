// One bundle out of another and of components that take the place of its own: its language model, some of its outputs, some of its inputs.
// Works on wiring alone; files stay where they are, and what nothing leads to any more falls away.

import type { Bundle, BundleComponent, BundleInput, BundleOutput } from './format.ts';

/** What takes the place of the base's own. Names of components are free in the base, or stand for the base's own of that name. */
export interface Replacements {
  readonly components: Readonly<Record<string, BundleComponent>>;
  readonly inputs: Readonly<Record<string, BundleInput>>;
  /** Absent leaves the base's. */
  readonly languageModel?: string;
  readonly outputs: Readonly<Record<string, BundleOutput>>;
  /** Does everything; alone. */
  readonly engine?: string;
}

/** What is new about the whole. */
export type Identity = Pick<Bundle, 'id' | 'version' | 'title' | 'source' | 'licence'> & { readonly limits: readonly string[] };

/** A bundle of replacements alone. */
export function bundleOf(identity: Identity, { components, inputs, languageModel, outputs, engine }: Replacements): Bundle {
  return { format: 1, ...identity, components, joint: jointOf(components, inputs), inputs, languageModel: languageModel ?? null, ...(engine !== undefined && { engine }), outputs, groups: [] };
}

/**
 * `base` with replacements. A language model of another kind reads no embeddings and gives no hidden states: then projectors into and out of
 * the base's own fall away, and outputs are asked for in words.
 */
export function combine(base: Bundle, identity: Identity, replaced: Replacements): { readonly bundle: Bundle; readonly lost: readonly string[] } {
  const own = replaced.languageModel !== undefined;
  const lost: string[] = [];
  const inputs = Object.fromEntries(Object.entries(base.inputs).map(([modality, input]) => [modality, own ? { ...input, projector: null } : input]));
  // What the base reads it reads with its own encoder, which may have a place in the joint space.
  const added = Object.entries(replaced.inputs).filter(([modality]) => inputs[modality] === undefined);
  const outputs: Record<string, BundleOutput> = {};
  for (const [name, output] of Object.entries(base.outputs)) {
    const { prompt, joint } = output.sources;
    if (!own) outputs[name] = output;
    else if (prompt === undefined) lost.push(name);
    else outputs[name] = { ...output, sources: { prompt, ...(joint !== undefined && { joint }) }, chat: 'caption' };
  }
  const merged: Bundle = {
    ...base,
    ...identity,
    limits: [...(base.limits ?? []), ...identity.limits],
    components: { ...base.components, ...replaced.components },
    inputs: { ...inputs, ...Object.fromEntries(added) },
    languageModel: replaced.languageModel ?? base.languageModel,
    outputs: { ...outputs, ...replaced.outputs },
    groups: base.groups.flatMap(({ leader, followers }) => {
      const left = followers.filter((name) => replaced.outputs[name] === undefined && !lost.includes(name));
      return replaced.outputs[leader] !== undefined || lost.includes(leader) || left.length === 0 ? [] : [{ leader, followers: left }];
    }),
  };
  const used = usedBy(merged);
  return { bundle: { ...merged, components: Object.fromEntries(Object.entries(merged.components).filter(([name]) => used.has(name))) }, lost };
}

/** Components that something leads to. */
export function usedBy({ inputs, languageModel, outputs, engine = null }: Pick<Bundle, 'inputs' | 'languageModel' | 'outputs'> & { readonly engine?: string | null }): Set<string> {
  const names = [
    ...Object.values(inputs).flatMap(({ encoder, projector }) => [encoder, projector]),
    languageModel,
    engine,
    ...Object.values(outputs).flatMap(({ decoder, sources }) => [decoder, ...Object.values(sources)]),
  ];
  return new Set(names.filter((name) => name !== null));
}

/** Width of the joint space: that of an encoder whose config says that its vectors are places in it. */
function jointOf(components: Replacements['components'], inputs: Replacements['inputs']): number | null {
  const widths = Object.values(inputs).flatMap(({ encoder }) => (components[encoder]?.config['joint'] === true ? [components[encoder].config['width']] : []));
  return widths.find((width) => typeof width === 'number') ?? null;
}
