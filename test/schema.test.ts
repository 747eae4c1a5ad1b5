import { expect, test } from 'vitest';
import { checkSchema } from '../src/schema.ts';

const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { type: 'string', minLength: 1 },
    steps: { type: 'integer', minimum: 1, maximum: 50, default: 20 },
    size: { type: 'integer', multipleOf: 8, minimum: 8 },
    format: { enum: ['png', 'jpeg'] },
    items: { type: 'array', minItems: 1, items: { type: 'number', exclusiveMinimum: 0 } },
    inner: { type: 'object', additionalProperties: false, default: {}, properties: { deep: { type: ['boolean', 'null'], default: true } } },
  },
};

test('a right value comes back with its defaults; the one given stays as it is', () => {
  const given = { name: 'x' };
  expect(checkSchema(schema, given, 'image')).toEqual({ value: { name: 'x', steps: 20, inner: { deep: true } }, faults: [] });
  expect(given).toEqual({ name: 'x' });
});

test.each([
  [{ name: 'x', steps: 0 }, 'image.steps: got 0, expected an integer from 1 to 50'],
  [{ name: 'x', steps: 1.5 }, 'image.steps: got 1.5, expected an integer from 1 to 50'],
  [{ name: 'x', steps: 'many' }, 'image.steps: got "many", expected an integer from 1 to 50'],
  [{ name: 'x', size: 13 }, 'image.size: got 13, expected an integer of 8 or more that is a multiple of 8'],
  [{ name: 'x', format: 'gif' }, 'image.format: got "gif", expected one of "png", "jpeg"'],
  [{ name: '' }, 'image.name: got "", expected a string that is not empty'],
  [{}, 'image.name: missing'],
  [{ name: 'x', colour: 1 }, 'image.colour: unknown; known are name, steps, size, format, items, inner'],
  [{ name: 'x', items: [1, 0] }, 'image.items.1: got 0, expected a number above 0'],
  [{ name: 'x', items: [] }, 'image.items: got an array of 0, expected an array with 1 or more items'],
  [{ name: 'x', inner: { deep: 1 } }, 'image.inner.deep: got 1, expected a boolean or null'],
  [[], 'image: got an array of 0, expected an object'],
])('%j', (value, fault) => {
  expect(checkSchema(schema, value, 'image')).toEqual({ value: null, faults: [fault] });
});

test('a text of the user is not repeated', () => {
  expect(checkSchema(schema, { name: 'x', steps: 'my secret words' }, 'image').faults).toEqual(['image.steps: got a string of 15 characters, expected an integer from 1 to 50']);
});
