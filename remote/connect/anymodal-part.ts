// From what a server of anymodal tells of its model to a whole engine, or to decoders for some of its outputs.
// Asks nobody.

import { AnymodalError } from '../../src/errors.ts';
import { fieldOf } from '../server/failures.ts';
import { joined, outputPart, serverFields, type Parts, type Settings } from './parts.ts';
import type { Survey } from './survey.ts';

/** The whole server as one engine. */
export function enginePart(found: Survey, model: string | null, settings: Settings): Parts & { readonly engine: string } {
  const { origin } = new URL(found.url);
  return {
    components: { server: { kind: 'engine', uses: 'anymodal-server', files: {}, config: { ...serverFields(found, { ...settings, concurrency: settings.concurrency ?? 8 }), ...(model !== null && { model }) } } },
    inputs: {},
    outputs: {},
    engine: 'server',
    limits: [`Everything is done by ${origin}: what is said and shown to it goes there, and is removed there after the job.`],
  };
}

/** Decoders for the outputs that are named, or for all. Throws `unknown_output`. */
export function outputParts(found: Survey, model: string | null, names: readonly string[], settings: Settings): Parts {
  const listed = fieldOf(found.whole, 'outputs');
  const outputs = (Array.isArray(listed) ? listed : []).flatMap((output: unknown) => {
    const [name, modality, options] = [fieldOf(output, 'name'), fieldOf(output, 'modality'), fieldOf(output, 'options')];
    return typeof name === 'string' && typeof modality === 'string' && typeof options === 'object' && options !== null ? [{ name, modality, options, references: fieldOf(output, 'references'), negative: fieldOf(output, 'negative') === true }] : [];
  });
  const unknown = names.find((name) => !outputs.some((output) => output.name === name));
  if (unknown !== undefined) throw new AnymodalError('unknown_output', `connect: the server makes no "${unknown}"; it makes ${outputs.map(({ name }) => name).join(', ') || 'text alone'}.`);
  const { origin } = new URL(found.url);
  return joined(
    outputs
      .filter(({ name }) => names.length === 0 || names.includes(name))
      .map(({ name, modality, options, references, negative }) => {
        const roles = (Array.isArray(references) ? references : []).filter((role: unknown) => ['edit', 'mask', 'follow'].includes(String(role)));
        const config = { ...serverFields(found, settings), ...(model !== null && { model }), output: name, modality, options, references: roles, negative };
        const reads = roles.includes('edit') && ['image', 'audio', 'video'].includes(modality) ? [modality] : [];
        return outputPart(name, 'anymodal-decoder', config, reads, [`${name} is made by ${origin}; the job is removed there when it has ended.`]);
      }),
  );
}
