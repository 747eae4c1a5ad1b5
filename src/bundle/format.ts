// The types of bundle.json, as bundle.schema.json describes them.
// Knows nothing about files, factories or graphs.

import type { ComponentKind, Source } from '../contracts.ts';

export interface BundleFile {
  /** Relative to the bundle's folder, with forward slashes, inside it. */
  readonly path: string;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
}

export interface BundleComponent {
  readonly kind: ComponentKind;
  /** Name of the factory that reads it. */
  readonly uses: string;
  /** SPDX expression, where it differs from the bundle's. */
  readonly licence?: string;
  readonly files: Readonly<Record<string, BundleFile>>;
  readonly config: Readonly<Record<string, unknown>>;
}

export interface BundleInput {
  readonly encoder: string;
  readonly projector: string | null;
}

export interface BundleOutput {
  readonly decoder: string;
  readonly sources: Readonly<Partial<Record<Source['type'], string>>>;
  /** How the language model asks for it: by hidden states, or by a prompt that it writes. */
  readonly chat: 'signal' | 'caption';
}

/** Outputs that are made together where they are asked for together: the leader first, its followers in step with it. */
export interface BundleGroup {
  readonly leader: string;
  readonly followers: readonly string[];
}

export interface Bundle {
  readonly format: 1;
  readonly id: string;
  readonly version: string;
  readonly title: string;
  /** What it cannot do, for people: a plain sentence each. */
  readonly limits?: readonly string[];
  readonly licence: string;
  readonly source: string;
  readonly components: Readonly<Record<string, BundleComponent>>;
  /** Width of the joint space; null without one. */
  readonly joint: number | null;
  readonly inputs: Readonly<Record<string, BundleInput>>;
  readonly languageModel: string | null;
  /** Component that does everything, elsewhere; then there are no inputs, outputs and language model here. */
  readonly engine?: string;
  readonly outputs: Readonly<Record<string, BundleOutput>>;
  /** An output is in one group at most. */
  readonly groups: readonly BundleGroup[];
}
