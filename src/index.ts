// What an application imports from `anymodal`: the contracts, the errors, engines and bundles.
// Re-exports alone; importing it opens nothing.
export type * from './contracts.ts';
export { AnymodalError, isCallerFault, type ErrorCode } from './errors.ts';
export { factoryModules } from './cli/factory-modules.ts';
export { mediaTools } from './cli/media-tools.ts';
export { openBundle, type OpenedBundle } from './bundle/open.ts';
export { startEngine } from './engine/client.ts';
export { createEngine } from './engine/engine.ts';
export type { EngineOptions } from './engine/options.ts';
