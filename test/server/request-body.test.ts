// Bodies of requests: JSON and forms to the same values, and what cannot be read.

import { z } from '@hono/zod-openapi';
import { expect, test } from 'vitest';
import { errorResponse } from '../../src/server/errors.ts';
import { fileSchema, readBody } from '../../src/server/request-body.ts';
import { createRoutes } from '../../src/server/routes.ts';

const schema = z.looseObject({
  prompt: z.string(),
  n: z.number().int().min(1).nullable().optional(),
  stream: z.boolean().optional(),
  seconds: z.union([z.number(), z.string()]).optional(),
  image: z.union([fileSchema, z.array(fileSchema)]).optional(),
  reference: z.union([fileSchema, z.looseObject({ image_url: z.string() })]).optional(),
  tags: z.array(z.string()).optional(),
  options: z.record(z.string(), z.unknown()).optional(),
});
function names(given: unknown): unknown {
  return [given].flat().map((each) => (each instanceof File ? each.name : each));
}
const app = createRoutes();
app.onError((error, c) => errorResponse(c, error));
app.post('/', async (c) => {
  const { value, unknown, files } = await readBody(c, schema);
  return c.json({ value: { ...value, ...(value.image !== undefined && { image: names(value.image) }) }, unknown, files: [...files.keys()] });
});

async function form(entries: readonly (readonly [string, string | File])[]): Promise<unknown> {
  const body = new FormData();
  for (const [name, value] of entries) body.append(name, value);
  return (await app.request('/', { method: 'POST', body })).json();
}
async function text(body: string, type = 'application/json'): Promise<unknown> {
  return (await app.request('/', { method: 'POST', body, headers: { 'content-type': type } })).json();
}
const file = new File(['x'], 'a.png');

test('a form says in text what JSON says in numbers, truth values and objects', async () => {
  const value = { prompt: '12', n: 2, stream: true, seconds: '4', options: { image: { steps: 2 } } };
  expect(await form([['prompt', '12'], ['n', '2'], ['stream', 'true'], ['seconds', '4'], ['options', '{"image":{"steps":2}}']])).toEqual({ value, unknown: [], files: [] });
  expect(await text(JSON.stringify(value))).toEqual({ value, unknown: [], files: [] });
  expect(await text('prompt=12&n=2&stream=true&seconds=4&options=%7B%22image%22%3A%7B%22steps%22%3A2%7D%7D', 'application/x-www-form-urlencoded')).toEqual({ value, unknown: [], files: [] });
});

test('names with brackets are lists and objects; an empty field of a form is none', async () => {
  expect(await form([['prompt', 'x'], ['image[]', file], ['image[]', file], ['reference[image_url]', 'data:x'], ['tags', 'a'], ['n', '']])).toEqual({
    value: { prompt: 'x', image: ['a.png', 'a.png'], reference: { image_url: 'data:x' }, tags: ['a'] },
    unknown: [],
    files: ['image'],
  });
  expect(await form([['prompt', 'x'], ['photo', file], ['colour', 'red']])).toMatchObject({ value: { prompt: 'x', colour: 'red' }, unknown: ['colour', 'photo'], files: ['photo'] });
});

test.each([
  ['', 'application/json'],
  ['[]', 'application/json'],
  ['{', 'application/json'],
  ['null', 'text/plain'],
  ['nothing', 'multipart/form-data; boundary=x'],
  ['a[[b=1', 'application/x-www-form-urlencoded'],
  ['__proto__[x]=1&prompt=', 'multipart/form-data'],
])('what cannot be read is the caller\'s fault', async (body, type) => {
  expect(await text(body, type)).toMatchObject({ error: { code: 'bad_input' } });
});

test('no name of a form reaches a prototype', async () => {
  expect(await form([['prompt', 'x'], ['__proto__[polluted]', 'yes'], ['constructor[prototype][polluted]', 'yes']])).toMatchObject({ value: { prompt: 'x' } });
  expect(Reflect.get({}, 'polluted')).toBeUndefined();
});
