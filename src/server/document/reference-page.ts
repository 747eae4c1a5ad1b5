// An OpenAPI document as one HTML page: contents, operations by tag, parameters, bodies, answers, schemas.
// Plain HTML without scripts; every text is escaped.

import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import type { OpenApiDocument } from './openapi.ts';
import { outlineOf } from './schema-outline.ts';

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;
type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly json: Json;
}

/** The page of `document`; its style is `/docs/style.css`. */
export function referencePage(document: OpenApiDocument): Html {
  const groups = new Map<string, Operation[]>();
  for (const operation of operationsOf(document)) {
    const tag = textOf(listOf(operation.json['tags'])[0], 'Other');
    groups.set(tag, [...(groups.get(tag) ?? []), operation]);
  }
  const schemas = Object.entries(document.components?.schemas ?? {});
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title}: HTTP API</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header><h1>${document.info.title} <small>${document.info.version}</small></h1>
<p>${document.info.description ?? ''} <a href="/openapi.json">openapi.json</a></p></header>
<nav aria-label="Operations">${[...groups].map(([tag, operations]) => html`<h2>${tag}</h2><ul>${operations.map(({ id, method, path }) => html`<li><a href="#${id}"><b class="${method}">${method}</b> ${path}</a></li>`)}</ul>`)}
<h2>Schemas</h2><ul>${schemas.map(([name]) => html`<li><a href="#schema-${name}">${name}</a></li>`)}</ul></nav>
<main>${[...groups].map(([tag, operations]) => html`<section><h2>${tag}</h2>${operations.map(operationHtml)}</section>`)}
<section><h2>Schemas</h2>${schemas.map(([name, schema]) => html`<article id="schema-${name}"><h3>${name}</h3>${outline(schema)}</article>`)}</section></main>
</body>
</html>`;
}

function operationsOf(document: OpenApiDocument): Operation[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, json]) => (isObject(json) ? [{ id: `${method}${path.replaceAll(/[^\w]+/g, '-')}`, method, path, json }] : [])),
  );
}

function operationHtml({ id, method, path, json }: Operation): Html {
  const parameters = listOf(json['parameters']).filter(isObject);
  const body = objectOf(json['requestBody']);
  const bodies = Object.entries(objectOf(body['content']));
  const responses = Object.entries(objectOf(json['responses']));
  const open = Array.isArray(json['security']) && json['security'].length === 0;
  return html`<article id="${id}">
<h3><b class="${method}">${method}</b> <code>${path}</code></h3>
<p>${textOf(json['summary'])}${open ? ' (no key needed)' : ''}</p>
${paragraphs(textOf(json['description']))}
${parameters.length === 0 ? '' : html`<h4>Parameters</h4><table><tbody>${parameters.map((parameter) => html`<tr><td><code>${textOf(parameter['name'])}</code>${parameter['required'] === true ? raw('<abbr title="required">*</abbr>') : ''}</td><td>${textOf(parameter['in'])}</td><td>${outline(parameter['schema'])}</td><td>${textOf(parameter['description'], textOf(objectOf(parameter['schema'])['description']))}</td></tr>`)}</tbody></table>`}
${bodies.map(([mediaType, content]) => html`<details open><summary>Body: <code>${mediaType}</code></summary>${outline(objectOf(content)['schema'])}</details>`)}
${responses.map(([status, response]) => html`<details><summary><b>${status}</b> ${textOf(objectOf(response)['description'])}</summary>${Object.entries(objectOf(objectOf(response)['content'])).map(([mediaType, content]) => html`<p><code>${mediaType}</code></p>${outline(objectOf(content)['schema'])}`)}</details>`)}
</article>`;
}

/** A schema as an outline, names of schemas as links. */
function outline(schema: unknown): Html {
  const pieces = outlineOf(schema).split(/(#[\w.-]+)/);
  return html`<pre>${pieces.map((piece) => (piece.startsWith('#') ? html`<a href="#schema-${piece.slice(1)}">${piece.slice(1)}</a>` : piece))}</pre>`;
}

function paragraphs(text: string): Html {
  return html`${text.split(/\n{2,}/).filter((part) => part !== '').map((part) => html`<p>${part}</p>`)}`;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}
function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
function textOf(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}
