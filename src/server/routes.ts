// What every folder of routes shares: the type of an app, how one is made, and a fault of zod as an error with the name of its field.
// Knows no route.

import { OpenAPIHono } from '@hono/zod-openapi';
import type { ZodError } from 'zod';
import { AnymodalError } from '../errors.ts';
import type { Warning } from '../queue/contracts.ts';
import type { Caller, ServerParts } from './contracts.ts';

export interface AppEnv {
  Variables: {
    /** Who asks; set before any route runs. */
    caller: Caller;
    /** In the log and in the header `x-request-id`. */
    requestId: string;
    /** What was not honoured in this request; `x-anymodal-warnings` names their codes where the answer has not begun. */
    warnings: Warning[];
  };
}

/** What a folder of routes exports: full paths, mounted at `/`. */
export type Routes = (parts: ServerParts) => OpenAPIHono<AppEnv>;

/** An app for the routes of one folder. What zod refuses is thrown as `bad_input` with the field; errors are answered by the app it is mounted in. */
export function createRoutes(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw inputFault(result.error);
    },
  });
}

/** The first fault that zod found as `bad_input`, with the path of the field. */
export function inputFault(error: ZodError): AnymodalError {
  const { path, message } = deepest(error.issues[0] ?? { message: 'the request makes no sense', path: [] });
  const field = path.map(String).join('.');
  return new AnymodalError('bad_input', field === '' ? `the request: ${message}.` : `${field}: ${message}.`, field === '' ? {} : { field });
}

interface Issue {
  readonly message: string;
  readonly path: readonly PropertyKey[];
  /** Of `unrecognized_keys`. */
  readonly keys?: readonly string[];
  /** Of `invalid_union`: the issues of each of its members. */
  readonly errors?: readonly (readonly Issue[])[];
}

/** Of a union that nothing fits, the fault of the member that fitted furthest. */
function deepest(issue: Issue): { path: readonly PropertyKey[]; message: string } {
  const own = issue.keys === undefined ? issue.path : [...issue.path, issue.keys[0] ?? ''];
  const members = (issue.errors ?? []).flatMap((issues) => (issues[0] === undefined ? [] : [deepest(issues[0])]));
  const best = members.reduce<{ path: readonly PropertyKey[]; message: string } | null>((found, next) => (found === null || next.path.length > found.path.length ? next : found), null);
  if (best === null) return { path: own, message: lower(issue.message) };
  // Members that all fail at the top say together what is expected.
  if (best.path.length === 0) return { path: own, message: [...new Set(members.map((member) => member.message))].join(', or ') };
  return { path: [...issue.path, ...best.path], message: best.message };
}

function lower(text: string): string {
  return text.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()).replace(/\.$/, '');
}
