// Which files of a repository are fetched: those that a list of patterns names, or else those that anymodal can open.
// Judges names alone.

import { AnymodalError } from '../errors.ts';
import type { HubFile } from './hub.ts';

/** What a program of ours can open: graphs, tensors in safe formats, tokenizers and settings. */
const graphs = ['**.onnx', '**.onnx_data*', '**.onnx.data*', '**/weights.pb'];
const tensors = ['**.safetensors', '**.gguf'];
const settings = ['**.json', '**.txt', '**.jinja', '**.model', 'LICENSE*', 'NOTICE*', 'README.md'];
/** Formats of other runtimes and weights of other tasks. */
const never = ['**/openvino_*', '**/flax_*', '**/tf_model*', 'safety_checker/**', 'onnx/**/checkpoint*', '.git*'];

/** Order in which one of several kinds of the same weights is taken where none is asked for. */
export const variants: readonly string[] = ['q4', 'quantized', 'int8', '', 'fp16', 'q4f16', 'uint8', 'bnb4'];

/**
 * The files that `patterns` name, `exclude` aside; without patterns those that can be opened: graphs before tensors, and of several
 * variants of the graphs in one folder (`model_q4.onnx`, `model_fp16.onnx`) the one that `variant` names or the best for a CPU.
 * Throws `bad_input` where nothing is left.
 */
export function chooseFiles(files: readonly HubFile[], patterns: readonly string[], exclude: readonly string[] = [], variant: string | null = null): HubFile[] {
  const kept = files.filter(({ path }) => !exclude.some((pattern) => matches(pattern, path)));
  const chosen = patterns.length > 0 ? kept.filter(({ path }) => patterns.some((pattern) => matches(pattern, path))) : usual(kept, variant);
  if (chosen.length > 0) return chosen;
  const ends = [...new Set(files.map(({ path }) => path.replace(/^.*\//, '').replace(/^[^.]*/, '*')))].slice(0, 8);
  throw new AnymodalError('bad_input', `no file of the repository is chosen; it has ${files.length} (${ends.join(', ')}). Name some with --include PATTERN, such as --include "*.onnx".`);
}

function usual(files: readonly HubFile[], variant: string | null): HubFile[] {
  const of = (patterns: readonly string[]): HubFile[] => files.filter(({ path }) => patterns.some((pattern) => matches(pattern, path)) && !never.some((pattern) => matches(pattern, path)));
  const found = of(graphs);
  return [...(found.length > 0 ? ofOneVariant(found, variant) : of(tensors)), ...of(settings)];
}

/** Of graphs that are the same but for the variant at the end of their names, the one wanted, with its external data. */
function ofOneVariant(files: readonly HubFile[], variant: string | null): HubFile[] {
  const all = files.map((file) => ({ file, ...split(file.path) }));
  const wanted = (stem: string): string | undefined => {
    const there = all.filter((each) => each.stem === stem && each.file.path.endsWith('.onnx')).map((each) => each.variant);
    const asked = variant === 'fp32' ? '' : variant;
    if (asked !== null && there.includes(asked)) return asked;
    return variants.find((candidate) => there.includes(candidate));
  };
  return all.filter((each) => !each.file.path.includes('.onnx') || each.variant === wanted(each.stem)).map(({ file }) => file);
}

/** The name of a graph without its variant, and the variant; of external data those of their graph. */
function split(path: string): { stem: string; variant: string } {
  const bare = path.replace(/\.onnx[._]data.*$/, '.onnx').replace(/\.onnx$/, '');
  const end = variants.find((candidate) => candidate !== '' && bare.endsWith(`_${candidate}`)) ?? '';
  return { stem: end === '' ? bare : bare.slice(0, -end.length - 1), variant: end };
}

/** `*` stands for characters but slashes, `**` for any; a pattern without a slash is of the file's name. */
export function matches(pattern: string, path: string): boolean {
  const whole = pattern.includes('/') || pattern.startsWith('**') ? path : path.replace(/^.*\//, '');
  const source = pattern
    .split('**')
    .map((part) => part.split('*').map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)).join('[^/]*'))
    .join('.*');
  return new RegExp(`^${source.replace(/^\.\*\//, '(?:.*/)?')}$`).test(whole);
}
