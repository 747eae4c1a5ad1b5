// What a job asks of the language model: which outputs must, may and must not come, and which do for another.
// Knows no modality by name; compares those of decoders with the names of outputs.

import type { Chain } from './chain.ts';
import type { JobRequest, LanguageModel, Wants } from './contracts.ts';

type Asked = Pick<JobRequest, 'outputs'>;

/** What the language model must, may and must not give: listed outputs in their order, or what it likes of text and what the bundle makes. */
export function wantsOf(chain: Chain, { outputs }: Asked, model: LanguageModel): Wants {
  const required = outputs ?? [];
  const others = ['text', ...model.outputs].filter((output) => !required.includes(output));
  const want = (output: string): Wants[string] => (outputs === null && (output === 'text' || chain.outputs.has(output)) ? 'allowed' : 'forbidden');
  return { ...Object.fromEntries(required.map((output) => [output, 'required'])), ...Object.fromEntries(others.map((output) => [output, want(output)])) };
}

/** Outputs that do where another is asked for: those whose modality is its name, such as `{ speech: 'audio' }`; none that is asked for itself. */
export function satisfiesOf(chain: Chain, { outputs }: Asked): Readonly<Record<string, string>> {
  const asked = outputs ?? [];
  const pairs = [...chain.outputs].map(([output, { decoder }]) => [output, decoder.component.modality] as const);
  return Object.fromEntries(pairs.filter(([output, modality]) => asked.includes(modality) && !asked.includes(output)));
}
