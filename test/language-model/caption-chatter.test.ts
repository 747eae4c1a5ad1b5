// Replies that talk around their requests, break off, or speak of tags and code: what is asked for comes out, what is spoken of stays text.
// Each is read whole, in threes and letter by letter, which must be the same.
import { describe, expect, it } from 'vitest';
import { CaptionReply } from '../../src/language-model/caption-reply.ts';

const names = ['image', 'audio', 'video'];
const wants = { text: 'allowed', image: 'allowed', audio: 'allowed', video: 'allowed' } as const;

function read(pieces: readonly string[], question: string): string[] {
  const reply = new CaptionReply({ outputs: names, wants, messages: [{ role: 'user', parts: [{ type: 'text', text: question }] }] }, { warn: () => undefined });
  const found: string[] = [];
  let inText = false;
  for (const event of [...pieces.flatMap((piece) => reply.push(piece)), ...reply.end()]) {
    if (event.type === 'signal') found.push(`${event.output}(${event.prompt})`);
    else if (inText) found[found.length - 1] += event.text;
    else found.push(event.text);
    inText = event.type === 'text-delta';
  }
  return found;
}

function everyWay(text: string, question = 'draw a cat'): string[] {
  const whole = read([text], question);
  expect(read(Array.from(text), question)).toEqual(whole);
  expect(read(text.match(/[^]{1,3}/g) ?? [], question)).toEqual(whole);
  return whole;
}

describe('requests in chatter', () => {
  it.each<[string, string, string[]]>([
    ['words around JSON in a fence', 'Sure!\n```json\n{"image": "a cat"}\n```\nI hope you like it.', ['Sure!', 'image(a cat)', 'I hope you like it.']],
    ['two in a fence', '```\n<image>a cat</image>\n<image>a dog</image>\n```\nDone.', ['image(a cat)', 'image(a dog)', 'Done.']],
    ['another fence', '~~~\n<image>a cat</image>\n~~~\nDone.', ['image(a cat)', 'Done.']],
    ['braces in braces', 'OK {"image": {"prompt": "a {red} cat", "size": {"w": 1}}} there.', ['OK', 'image(a {red} cat)', 'there.']],
    ['calls in an envelope', '{"tool_calls": [{"type": "function", "function": {"name": "generate_image", "arguments": "{\\"prompt\\": \\"a cat\\"}"}}]}', ['image(a cat)']],
    ['calls in a list', '[{"name": "image", "arguments": {"prompt": "a cat"}}, {"name": "audio", "arguments": {"prompt": "a bark"}}]', ['image(a cat)', 'audio(a bark)']],
    ['quotes as in Python', "{'image': 'a cat'}", ['image(a cat)']],
    ['a comma too many', '{"image": "a cat",}', ['image(a cat)']],
    ['several of all kinds', 'One <image>a cat</image> two <image>a dog</image> and {"audio": "a bark"} end.', ['One', 'image(a cat)', 'two', 'image(a dog)', 'and', 'audio(a bark)', 'end.']],
    ['a beginning twice', '<image><image>a cat</image></image> ok', ['image(a cat)', 'ok']],
    ['an end of another name', '<image>a cat</picture> ok', ['image(a cat)', 'ok']],
  ])('%s', (_, text, expected) => expect(everyWay(text)).toEqual(expected));
});

describe('a reply that breaks off', () => {
  it.each<[string, string, string[]]>([
    ['in the words', 'Here <image>a cat', ['Here', 'image(a cat)']],
    ['in the name', 'Here <imag', ['Here']],
    ['in an attribute', 'Here <image from="1', ['Here']],
    ['in JSON', 'Here {"image": "a cat', ['Here', 'image(a cat)']],
    ['in a member of JSON', 'Here {"image": {"prompt": "a cat", "style', ['Here', 'image(a cat)']],
    ['in a fence', 'Here:\n```json\n{"image": "a ca', ['Here:', 'image(a ca)']],
  ])('%s', (_, text, expected) => expect(everyWay(text)).toEqual(expected));
});

describe('what asks for nothing', () => {
  it.each<[string, string]>([
    ['names that there are not', '<smell>roses</smell> and {"smell": "roses"} and [hologram: cat]'],
    ['a tag spoken of', 'To embed one, use the `<video>` tag in HTML. It is simple.'],
    ['tags spoken of', 'The <video> element embeds a clip; <image> is for SVG.'],
    ['a page', '```html\n<html><body><video controls src="a.mp4"></video><img src="x.png" alt="a cat"></body></html>\n```'],
    ['a page with an end of a tag', '```html\n<video width="320" controls>\n  <source src="movie.mp4">\n</video>\n```\nSave it.'],
    ['a program', '```python\nx = {"image": "a cat"}\nprint("<image>a cat</image>")\n```'],
    ['data of such a kind', '{"type": "image", "url": "http://x"}'],
    ['data of such a name', 'Here is the data: {"name": "video", "size": 3}'],
    ['data of other kinds', '{"name": "Bob", "text": "image"}'],
  ])('%s', (_, text) => expect(everyWay(text)).toEqual([text]));

  it('what stands in the question word for word', () => {
    const text = 'You wrote <image>a red fox</image>, which is a tag.';
    expect(everyWay(text, 'what does <image>a red fox</image> mean?')).toEqual([text]);
    expect(everyWay(text)).toEqual(['You wrote', 'image(a red fox)', 'which is a tag.']);
  });

  it('code goes on after a request', () => {
    expect(everyWay('<image>a cat</image>\n```js\nconst a = "<image>x</image>";\n```\n<image>a dog</image>')).toEqual(['image(a cat)', '```js\nconst a = "<image>x</image>";\n```', 'image(a dog)']);
  });
});
