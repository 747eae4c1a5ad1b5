// The rooms that this program is composed of: where the ways to make components are found.
// Knows no component by name.

// In a checkout these files are TypeScript, in the published package JavaScript.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** Modules that export `factories`: every way there is to make a component from the files of a bundle. */
export const factoryModules: readonly URL[] = ['../../encoders/index', '../../projectors/index', '../../decoders/index', '../language-model/index', '../../remote/index'].map(
  (path) => new URL(`${path}.${extension}`, import.meta.url),
);
