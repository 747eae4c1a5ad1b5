// What an application imports from `anymodal/server` to run the server inside itself, on parts of its own or on those of one machine.
// Re-exports alone; importing it opens nothing.
export { createApp } from './app.ts';
export type { Caller, Conversation, ConversationStore, KeptMessage, KeyStore, MediaTools, Scope, ServerParts, ServerSettings } from './contracts.ts';
export { createConversationStore } from './conversations/store.ts';
export { createKeyStore } from './keys/store.ts';
export { isLoopback, listen, type Listening } from './listen.ts';
export { createJobMetrics, type JobMetrics } from './operations/job-metrics.ts';
export type { AppEnv, Routes } from './routes.ts';
export type * from '../queue/contracts.ts';
export { openDataFolder, type DataFolder } from '../queue/data-folder.ts';
export { createEngines, type EnginesOptions, type OfferedModel } from '../queue/engines.ts';
export { createQueue, type QueueOptions } from '../queue/queue.ts';
export { createRetention, type RetentionOptions } from '../queue/retention.ts';
