// A part of an answer as content of the Model Context Protocol: pictures and sounds as such, other media as embedded resources.
// Each medium is followed by its id, for other tools to take.

import type { ContentBlock } from '@modelcontextprotocol/sdk/types.js';
import type { Client, OutputPart } from '../client/index.ts';

export async function contentOf(client: Client, part: OutputPart): Promise<ContentBlock[]> {
  if (part.type === 'text') return [{ type: 'text', text: part.text }];
  const { media, output, seed } = part;
  const data = base64Of(new Uint8Array(await (await client.download(media)).arrayBuffer()));
  const { mediaType: mimeType } = media;
  const told: ContentBlock = { type: 'text', text: `${output}, medium ${media.id}, seed ${seed}` };
  if (mimeType.startsWith('image/')) return [{ type: 'image', data, mimeType }, told];
  if (mimeType.startsWith('audio/')) return [{ type: 'audio', data, mimeType }, told];
  return [{ type: 'resource', resource: { uri: `anymodal://media/${media.id}`, mimeType, blob: data } }, told];
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
