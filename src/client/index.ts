// `anymodal/client`: what applications import to use a server of anymodal.
export { Client } from './client.ts';
export type { ClientOptions, Paged } from './client.ts';
export { isTerminal } from './events.ts';
export { ServerError } from './http.ts';
export type * from './types.ts';
