// What is written into a made file beside its pixels, and how it is read back.
// The mark of generated media is XMP Iptc4xmpExt:DigitalSourceType (IPTC Photo Metadata Standard); prompt and settings are one JSON object in the
// EXIF UserComment, the prompt also as IPTC's AIPromptInformation. Knows the containers' metadata blocks, not their pixels.
import type { Media, Provenance } from '../src/contracts.ts';
import { commentOf } from './file-comments.ts';

/** IPTC's code for media made by a trained model: http://cv.iptc.org/newscodes/digitalsourcetype/. */
export const generatedSourceType = 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia';

// An EXIF block of a jpeg holds 65,533 bytes; half of that leaves room for the rest and keeps files small.
const MAX_JSON = 32_000;

/** JSON of a provenance in ASCII; long texts are cut, longest limit first, until it fits an EXIF block. */
export function provenanceJson(provenance: Provenance): string {
  let json = '';
  for (const limit of [MAX_JSON, 4000, 1000, 100]) {
    json = JSON.stringify(provenance, (_, value: unknown) => (typeof value === 'string' && value.length > limit ? `${value.slice(0, limit)}...` : value));
    // EXIF text is ASCII; JSON has an escape for everything else.
    json = json.replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
    if (json.length <= MAX_JSON) break;
  }
  return json;
}

/** What is written into a sound or a video beside its samples; null where nothing is. All but `xmp` is ASCII. */
export interface FileTags {
  /** `provenanceJson` */
  readonly settings: string | null;
  /** `provenancePacket` */
  readonly xmp: string | null;
  /** The mark of generated media, for formats that hold no XMP. */
  readonly sourceType: string | null;
  /** A few words on what the file is. */
  readonly description: string | null;
}

/** Tags of a made file; `description` goes with the mark. */
export function fileTags(provenance: Provenance | null, mark: boolean, description?: string): FileTags {
  return {
    settings: provenance === null ? null : provenanceJson(provenance),
    xmp: mark || provenance !== null ? provenancePacket(provenance, mark) : null,
    sourceType: mark ? generatedSourceType : null,
    description: mark ? (description ?? null) : null,
  };
}

/** XMP packet with the mark and, where given, the prompt. Holds no time and no version, so that equal media have equal bytes. */
export function provenancePacket(provenance: Provenance | null, mark: boolean): string {
  const prompt = provenance?.['prompt'];
  const attributes = [
    mark ? `Iptc4xmpExt:DigitalSourceType="${generatedSourceType}"` : '',
    typeof prompt === 'string' && prompt !== '' ? `Iptc4xmpExt:AIPromptInformation="${escapeXml(prompt.slice(0, 4000))}"` : '',
  ].filter((attribute) => attribute !== '');
  return `<?xpacket begin="\uFEFF" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 ${attributes.join('\n ')}/></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>`;
}

/** Prompt and settings that `encodeImage`, `encodeAudio` or `encodeVideo` wrote into a file, or null where there are none. */
export function readProvenance(media: Media): Provenance | null {
  const exif = metadataBlocks(media.bytes).exif;
  const comment = exif === null ? commentOf(media.bytes) : userComment(exif);
  if (comment === null) return null;
  try {
    const value: unknown = JSON.parse(comment);
    return isProvenance(value) ? value : null;
  } catch {
    return null;
  }
}

/** Whether the file says of itself that a trained model made it. */
export function isMarkedGenerated(media: Media): boolean {
  // A picture has it in XMP; other files have it as a whole wherever their format has a place for it.
  const place = media.modality === 'image' ? metadataBlocks(media.bytes).xmp : media.bytes;
  return place !== null && Buffer.from(place.buffer, place.byteOffset, place.byteLength).includes(generatedSourceType);
}

function isProvenance(value: unknown): value is Provenance {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    && Object.values(value).every((item) => item === null || ['string', 'number', 'boolean'].includes(typeof item));
}

function escapeXml(text: string): string {
  const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;', '\r': '&#13;', '\t': '&#9;' };
  // Other control characters and lone surrogates cannot stand in XML at all.
  return text.replace(/[&<>"\n\r\t]|[\p{Cc}\p{Surrogate}\uFFFE\uFFFF]/gu, (character) => named[character] ?? '\uFFFD');
}

interface Blocks {
  exif: Uint8Array | null;
  xmp: Uint8Array | null;
}

/** EXIF (from its byte-order mark on) and XMP of a png, jpeg or webp; null where absent or beyond the end of the file. */
function metadataBlocks(bytes: Uint8Array): Blocks {
  const found: Blocks = { exif: null, xmp: null };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ascii = (from: number, length: number) => String.fromCharCode(...bytes.subarray(from, from + length));
  const take = (name: string, block: Uint8Array) => {
    const start = String.fromCharCode(...block.subarray(0, 29));
    if (name === 'eXIf' || name === 'EXIF' || start.startsWith('Exif\0\0')) found.exif = block.subarray(start.startsWith('Exif\0\0') ? 6 : 0);
    else if (name === 'XMP ') found.xmp = block;
    else if (start === 'http://ns.adobe.com/xap/1.0/\0') found.xmp = block.subarray(29);
    else if (name === 'iTXt' && start.startsWith('XML:com.adobe.xmp\0\0\0\0\0')) found.xmp = block.subarray(22);
  };
  if (ascii(1, 3) === 'PNG') {
    for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) take(ascii(at + 4, 4), bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
  } else if (ascii(0, 4) === 'RIFF') {
    for (let at = 12; at + 8 <= bytes.length; at += 8 + view.getUint32(at + 4, true) + (view.getUint32(at + 4, true) & 1)) {
      take(ascii(at, 4), bytes.subarray(at + 8, at + 8 + view.getUint32(at + 4, true)));
    }
  } else if (bytes[0] === 0xff && bytes[1] === 0xd8) {
    for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + view.getUint16(at + 2)) {
      if (bytes[at + 1] === 0xe1) take('APP1', bytes.subarray(at + 4, at + 2 + view.getUint16(at + 2)));
    }
  }
  return found;
}

/** UserComment (tag 0x9286, through the EXIF pointer 0x8769) in its ASCII form. */
function userComment(exif: Uint8Array): string | null {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const little = exif[0] === 0x49;
  /** Where an entry of a directory starts. */
  const entry = (directory: number, tag: number): number | null => {
    const count = view.getUint16(directory, little);
    for (let at = directory + 2; at < directory + 2 + count * 12; at += 12) if (view.getUint16(at, little) === tag) return at;
    return null;
  };
  try {
    const pointer = entry(view.getUint32(4, little), 0x8769);
    const comment = pointer === null ? null : entry(view.getUint32(pointer + 8, little), 0x9286);
    if (comment === null) return null;
    const from = view.getUint32(comment + 8, little);
    const text = new TextDecoder('latin1').decode(exif.subarray(from, from + view.getUint32(comment + 4, little)));
    return text.startsWith('ASCII\0\0\0') ? text.slice(8) : null;
  } catch (error) {
    // An offset beyond the block: a damaged file, which then says nothing of itself.
    if (error instanceof RangeError) return null;
    throw error;
  }
}
