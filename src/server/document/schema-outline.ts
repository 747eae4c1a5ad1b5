// A JSON Schema as a short outline in the manner of a type: fields, types, limits, descriptions behind them.
// Knows no OpenAPI beyond `$ref`, which it writes as `#Name`.

type Json = Readonly<Record<string, unknown>>;

const DEEPEST = 6;

/** `schema` in lines; `*` marks what is required. */
export function outlineOf(schema: unknown, depth = 0): string {
  if (!isObject(schema)) return 'any';
  const { $ref: reference } = schema;
  if (typeof reference === 'string') return `#${reference.slice(reference.lastIndexOf('/') + 1)}`;
  if ('const' in schema) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['enum'])) return schema['enum'].map((value) => JSON.stringify(value)).join(' | ');
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const members = schema[key];
    if (Array.isArray(members)) return [...new Set(members.map((member) => outlineOf(member, depth)))].join(key === 'allOf' ? ' & ' : ' | ');
  }
  const types = [schema['type'] ?? []].flat().map(String);
  if (types.includes('object') || isObject(schema['properties'])) return [objectOutline(schema, depth), ...types.filter((type) => type !== 'object')].join(' | ');
  if (types.includes('array')) return [`${wrapped(outlineOf(schema['items'], depth))}[]${limitsOf(schema, 'minItems', 'maxItems')}`, ...types.filter((type) => type !== 'array')].join(' | ');
  const format = typeof schema['format'] === 'string' ? ` (${schema['format']})` : '';
  return `${types.join(' | ') || 'any'}${format}${limitsOf(schema, 'minimum', 'maximum')}${limitsOf(schema, 'minLength', 'maxLength')}`;
}

function objectOutline(schema: Json, depth: number): string {
  const properties = Object.entries(isObject(schema['properties']) ? schema['properties'] : {});
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : []);
  const { additionalProperties } = schema;
  if (properties.length === 0) return isObject(additionalProperties) ? `{ [name]: ${outlineOf(additionalProperties, depth + 1)} }` : '{ ... }';
  if (depth >= DEEPEST) return '{ ... }';
  const indent = '  '.repeat(depth + 1);
  const lines = properties.map(([name, property]) => {
    const { description, default: standard } = isObject(property) ? property : {};
    const notes = [...(standard === undefined ? [] : [`default ${JSON.stringify(standard)}`]), ...(typeof description === 'string' ? [description] : [])];
    return `${indent}${name}${required.has(name) ? '*' : ''}: ${outlineOf(property, depth + 1)}${notes.length === 0 ? '' : `  // ${notes.join('; ').replaceAll('\n', ' ')}`}`;
  });
  return `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`;
}

function limitsOf(schema: Json, least: string, most: string): string {
  const [low, high] = [schema[least], schema[most]];
  if (isLimit(low) && isLimit(high)) return ` ${low}..${high}`;
  if (isLimit(low)) return ` >= ${low}`;
  return isLimit(high) ? ` <= ${high}` : '';
}

/** The borders of what a number holds say nothing. */
function isLimit(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER;
}

function wrapped(text: string): string {
  return text.includes(' | ') || text.includes(' & ') ? `(${text})` : text;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
