// What an engine is started with, in this process or in a child. Plain data but for the URLs.

import type { DeviceChoice } from '../contracts.ts';

export interface EngineOptions {
  /** Id of an installed bundle, or a folder with a bundle.json; a relative one starts from the working directory. */
  readonly bundle: string;
  readonly device: DeviceChoice;
  /** Modules that export `factories: readonly AnyFactory[]`; chosen by the composition root, never by a bundle. */
  readonly factoryModules: readonly URL[];
}
