// Requests of stock instruction models in all the shapes in which they come, whole and in pieces.
import { describe, expect, it } from 'vitest';
import type { PromptMessage, Wants } from '../../src/contracts.ts';
import { CaptionReply } from '../../src/language-model/caption-reply.ts';

const outputs = ['image', 'audio', 'video', 'speech'];
const allowed: Wants = { text: 'allowed', image: 'allowed', audio: 'allowed', video: 'allowed', speech: 'allowed' };
const user = (...parts: (string | number)[]): PromptMessage => ({
  role: 'user',
  parts: parts.map((part) => (typeof part === 'string' ? { type: 'text', text: part } : { type: 'media', ordinal: part, modality: 'image', embeds: null })),
});

/** Texts joined, and requests as `output(words|references)`. */
function read(pieces: readonly string[], wants: Wants = allowed, messages: readonly PromptMessage[] = [user('draw a cat')], satisfies: Readonly<Record<string, string>> = {}): { parts: string[]; deltas: string[]; warnings: string[] } {
  const warnings: string[] = [];
  const reply = new CaptionReply({ outputs, wants, satisfies, messages }, { warn: (code) => void warnings.push(code) });
  const events = [...pieces.flatMap((piece) => reply.push(piece)), ...reply.end()];
  const parts: string[] = [];
  let inText = false;
  for (const event of events) {
    if (event.type === 'signal') parts.push(`${event.output}(${event.prompt}${event.references.length > 0 ? `|${event.references.join()}` : ''})`);
    else if (inText) parts[parts.length - 1] += event.text;
    else parts.push(event.text);
    inText = event.type === 'text-delta';
  }
  return { parts, deltas: events.flatMap((event) => (event.type === 'text-delta' ? [event.text] : [])), warnings };
}

const shapes: readonly (readonly [string, string, readonly string[]])[] = [
  ['a tag', 'Here it is. <image>a red apple</image>', ['Here it is.', 'image(a red apple)']],
  ['text after it', 'Here: <image>a cat</image> Do you like it?', ['Here:', 'image(a cat)', 'Do you like it?']],
  ['two tags', '<image>a cat</image>\n<audio>a cat purring</audio>', ['image(a cat)', 'audio(a cat purring)']],
  ['another case', 'Sure!\n<IMAGE>a cat</Image>', ['Sure!', 'image(a cat)']],
  ['a fence', 'Sure:\n```xml\n<image>a cat</image>\n```\nDone.', ['Sure:', 'image(a cat)', 'Done.']],
  ['a fence without a language', '```\n<image>a cat</image>\n```', ['image(a cat)']],
  ['quotes and marks around it', 'Here: "<image>a cat</image>" and **<audio>rain</audio>** and `<video>a dog runs</video>`.', ['Here:', 'image(a cat)', 'and', 'audio(rain)', 'and', 'video(a dog runs)']],
  ['quotes inside', '<image>"a cat"</image>', ['image(a cat)']],
  ['a label inside', '<image>Prompt: a cat</image>', ['image(a cat)']],
  ['no end', 'Here. <image>a cat on a mat', ['Here.', 'image(a cat on a mat)']],
  ['no end before a line', '<image>a cat on a mat\nI hope you like it.', ['image(a cat on a mat)', 'I hope you like it.']],
  ['half an end', '<image>a cat</ima', ['image(a cat)']],
  ['the wrong end', '<image>a cat</img>', ['image(a cat)']],
  ['no end before another', '<image>a cat <audio>rain</audio>', ['image(a cat)', 'audio(rain)']],
  ['an end too many', '<image>a cat</image></image> ok', ['image(a cat)', 'ok']],
  ['other names', '<picture>a cat</picture><generate_image>a dog</generate_image><sound>rain</sound><say>hello</say>', ['image(a cat)', 'image(a dog)', 'audio(rain)', 'speech(hello)']],
  ['attributes', '<image prompt="a cat"/> <image description="a dog"></image>', ['image(a cat)', 'image(a dog)']],
  ['tags inside', '<image><prompt>a cat</prompt></image>', ['image(a cat)']],
  ['a colon', '<image: a cat> and [audio: rain]', ['image(a cat)', 'and', 'audio(rain)']],
  ['brackets', '[image]a cat[/image]', ['image(a cat)']],
  ['JSON by output', '{"image": "a cat"}', ['image(a cat)']],
  ['JSON with text', '{"text": "Here it is.", "image": "a cat"}', ['Here it is.', 'image(a cat)']],
  ['JSON in a fence', 'Sure!\n```json\n{"output": "image", "prompt": "a cat", "references": [1]}\n```', ['Sure!', 'image(a cat|1)']],
  ['a list', '[{"type": "image", "prompt": "a cat"}, {"type": "audio", "prompt": "rain"}]', ['image(a cat)', 'audio(rain)']],
  ['a call of a tool', '<tool_call>\n{"name": "generate_image", "arguments": {"prompt": "a cat", "references": ["1"]}}\n</tool_call>', ['image(a cat|1)']],
  ['JSON without an end', '{"image": "a cat', ['image(a cat)']],
  ['a Markdown picture', 'Look: ![a cat](https://example.org/cat.png) Nice?', ['Look:', 'image(a cat)', 'Nice?']],
  ['a reference', '<image from="1">make it blue</image>', ['image(make it blue|1)']],
  ['references of other spellings', "<image edit='#1'>blue</image> <video reference=image1>it moves</video> <image>[image 1] green</image>", ['image(blue|1)', 'video(it moves|1)', 'image(green|1)']],
  ['a reference to nothing', '<image from="7">blue</image>', ['image(blue)']],
  ['a number after it', 'Here. <image>a cat</image> [image 2] Nice?', ['Here.', 'image(a cat)', 'Nice?']],
  ['a marker', 'In [image 1] there is a dog.', ['In image 1 there is a dog.']],
];

const innocent: readonly string[] = [
  'a < b and b > c, [see 1], {x}, "quoted", *stressed*, `code` and it\'s _fine_.',
  'Use `<video src="a.mp4" controls>` in a page.',
  '```python\nprint({"a": 1})\n```\nThat prints {"a": 1}.',
  '```html\n<p>text</p>\n```',
  'An <imaginary> thing, an [imagine] and <b>bold</b>.',
  '* one\n* two\n\n1. three [link](https://example.org)',
  '{"a": [1, 2]} and {"name": "Ann", "age": 3} and {}',
  'He said "hello" and \'bye\'. ```',
];

describe('requests', () => {
  it.each(shapes)('%s', (_, text, expected) => {
    const messages = [user('look', 1)];
    // A picture in the question is what a request without a reference means.
    const without = expected.map((part) => (part.startsWith('image(') && !part.includes('|') ? part.replace(/\)$/, '|1)') : part));
    expect(read([text], allowed, messages).parts).toEqual(without);
    expect(read(Array.from(text), allowed, messages).parts).toEqual(without);
    expect(read(text.split(/(?<= )/), allowed, messages).parts).toEqual(without);
  });

  it.each(innocent)('are not seen in: %s', (text) => {
    expect(read([text]).parts.join('')).toBe(text);
    expect(read(Array.from(text)).parts.join('')).toBe(text);
  });

  it('text before them is not held back', () => {
    const { deltas } = read(['Here ', 'is a "', 'cat" ', '<im', 'age>a cat</image>']);
    expect(deltas).toEqual(['Here', ' is a', ' "cat"']);
  });

  it('are plain text where no output may be asked for', () => {
    expect(read(['<image>a cat</image> {"image": "x"}'], { text: 'required', image: 'forbidden' }).parts).toEqual(['<image>a cat</image> {"image": "x"}']);
  });
});

describe('what is wanted', () => {
  it('required outputs come in their order, whatever order they were written in', () => {
    expect(read(['<audio>rain</audio> Here. <image>a cat</image>'], { text: 'required', image: 'required', audio: 'required' }).parts).toEqual(['Here.', 'image(a cat)', 'audio(rain)']);
    expect(read(['Here. <image>a cat</image>'], { image: 'required', text: 'required' }).parts).toEqual(['image(a cat)']);
  });

  it('forbidden ones and forbidden text are left out', () => {
    expect(read(['Sure! <image>a cat</image> <audio>rain</audio> Bye'], { image: 'required', audio: 'forbidden', text: 'forbidden' }).parts).toEqual(['image(a cat)']);
    expect(read(['<image>a cat</image><image>a dog</image>'], { image: 'required' }).parts).toEqual(['image(a cat)']);
  });

  it('one that does for another takes its place', () => {
    expect(read(['<speech>hello</speech>'], { audio: 'required', speech: 'forbidden', text: 'forbidden' }, [user('say hello')], { speech: 'audio' }).parts).toEqual(['speech(hello)']);
  });

  it('tells what is missing', () => {
    const reply = new CaptionReply({ outputs, wants: { text: 'required', image: 'required' }, messages: [user('x')] }, { warn: () => undefined });
    expect(reply.next).toBe('text');
    reply.push('Here');
    expect([reply.next, reply.isComplete]).toEqual(['image', false]);
    expect(reply.request({ output: 'image', prompt: 'a cat', references: [] })).toMatchObject([{ type: 'signal', prompt: 'a cat' }]);
    expect(reply.next).toBeNull();
  });

  it('what cannot be told of is refused', () => {
    expect(() => new CaptionReply({ outputs, wants: { smell: 'required' }, messages: [] }, { warn: () => undefined })).toThrow(/output smell is required/);
  });

  it('the same request again, and more than eight, are left out', () => {
    expect(read(['<image>a cat</image><image>a cat</image>']).parts).toEqual(['image(a cat)']);
    expect(read(Array.from({ length: 20 }, (_, i) => `<image>cat ${i}</image>`)).parts).toHaveLength(8);
  });

  it('without words those of the user are taken', () => {
    const { parts, warnings } = read(['<image></image>']);
    expect([parts, warnings]).toEqual([['image(draw a cat)'], ['caption_empty']]);
  });
});

describe('what a request means that names no medium', () => {
  const drawn: PromptMessage = { role: 'assistant', parts: [{ type: 'media', ordinal: 1, modality: 'image', embeds: null, made: { output: 'image', references: [], prompt: 'a cat' } }] };
  it.each([
    ['make it green', 'image(a cat|1)'],
    ['please change the background to a beach', 'image(a cat|1)'],
    ['the same picture at night', 'image(a cat|1)'],
    ['draw a dog', 'image(a cat)'],
    ['make a picture of a dog', 'image(a cat)'],
  ])('%s', (question, expected) => {
    expect(read(['<image>a cat</image>'], allowed, [user('draw a cat'), drawn, user(question)]).parts).toEqual([expected]);
  });
});
