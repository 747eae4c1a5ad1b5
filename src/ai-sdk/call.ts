// Requests of the provider: errors as the AI SDK expects them, warnings of the server in its words, options as they are passed through.
// Knows no model.

import { APICallError, type SharedV4ProviderOptions, type SharedV4Warning } from '@ai-sdk/provider';
import { send, ServerError, type Call, type Connection } from '../client/http.ts';

/** What every model of the provider is made with. */
export interface Settings {
  readonly connection: Connection;
  readonly headers: Readonly<Record<string, string | undefined>>;
}
export type Headers = Readonly<Record<string, string | undefined>> | undefined;

/** Sends a request. Throws `APICallError`; what the signal throws passes through. */
export async function call(settings: Settings, path: string, { json, signal, method, headers }: Omit<Call, 'headers'> & { readonly headers?: Headers }): Promise<Response> {
  const sent = Object.entries({ ...settings.headers, ...headers }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  try {
    return await send(settings.connection, path, { method: method ?? (json === undefined ? 'GET' : 'POST'), json, signal, headers: Object.fromEntries(sent) });
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    const { status, message, code } = error;
    throw new APICallError({
      message,
      url: `${settings.connection.baseUrl}${path}`,
      // Media and words of a person belong in no error.
      requestBodyValues: {},
      statusCode: status,
      isRetryable: status === 0 || status === 408 || status === 429 || status >= 500,
      data: { code, field: error.field, requestId: error.requestId },
      cause: error,
    });
  }
}

export async function callForJson(settings: Settings, path: string, request: Parameters<typeof call>[2]): Promise<{ readonly body: Body; readonly headers: Record<string, string> }> {
  const response = await call(settings, path, request);
  const body: unknown = await response.json();
  return { body: new Body(body), headers: Object.fromEntries(response.headers) };
}

/** JSON of a server, read field by field: what is not there or of another type is null. */
export class Body {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
  at(name: string | number): Body {
    return new Body(typeof this.value === 'object' && this.value !== null ? Reflect.get(this.value, name) : undefined);
  }
  get text(): string | null {
    return typeof this.value === 'string' ? this.value : null;
  }
  get number(): number | null {
    return typeof this.value === 'number' ? this.value : null;
  }
  get list(): readonly Body[] {
    return Array.isArray(this.value) ? this.value.map((item) => new Body(item)) : [];
  }
}

/** Warnings that an answer carries. */
export function warningsOf(body: Body): SharedV4Warning[] {
  return body.at('warnings').list.map((warning) => ({ type: 'other', message: `${warning.at('code').text ?? 'warning'}: ${warning.at('message').text ?? ''}` }));
}

/** Options for us, which become fields of the request. */
export function passedThrough(options: SharedV4ProviderOptions | undefined): Readonly<Record<string, unknown>> {
  return options?.['anymodal'] ?? {};
}

/** Fields without those that are undefined, so that an option that is absent is not sent. */
export function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A file as a data address. */
export function dataAddress(mediaType: string, data: string | Uint8Array): string {
  return `data:${mediaType};base64,${typeof data === 'string' ? data : base64Of(data)}`;
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  // Arguments of a call are limited.
  for (let start = 0; start < bytes.length; start += 8192) text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return btoa(text);
}
