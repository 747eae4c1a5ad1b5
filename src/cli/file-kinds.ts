// File name extensions of media types and back.
// A table; reads and writes no file.

const EXTENSIONS: Readonly<Record<string, readonly string[]>> = {
  'image/png': ['png'],
  'image/jpeg': ['jpg', 'jpeg'],
  'image/webp': ['webp'],
  'image/gif': ['gif'],
  'image/avif': ['avif'],
  'audio/wav': ['wav'],
  'audio/mpeg': ['mp3'],
  'audio/flac': ['flac'],
  'audio/ogg': ['ogg', 'opus'],
  'audio/mp4': ['m4a'],
  'video/mp4': ['mp4'],
  'video/webm': ['webm'],
};

/** Extension without a dot for files of `mediaType`. */
export function extensionOf(mediaType: string): string {
  return EXTENSIONS[mediaType]?.[0] ?? mediaType.replace(/^.*\//, '').replace(/[^a-z0-9]+/g, '-');
}

/** Every extension for files of `mediaType`, the usual one first. */
export function extensionsOf(mediaType: string): readonly string[] {
  return EXTENSIONS[mediaType] ?? [extensionOf(mediaType)];
}

/** Media type that the extension of a path stands for (`.png`), or null for one that is not known. */
export function mediaTypeOf(extension: string): string | null {
  const bare = extension.replace(/^\./, '').toLowerCase();
  return Object.entries(EXTENSIONS).find(([, extensions]) => extensions.includes(bare))?.[0] ?? null;
}

/** Every extension that `mediaTypeOf` knows. */
export function knownExtensions(): string[] {
  return Object.values(EXTENSIONS).flat();
}
