// Any text to sentences that a synthesiser of English can speak. Knows letters and punctuation; knows no voice.

/** What can be spoken of a text, and how many of its letters cannot. */
export interface Speakable {
  /** In ASCII, none empty, none longer than `maxSentence` characters. */
  readonly sentences: readonly string[];
  /** Letters and digits of other scripts, which are left out. */
  readonly dropped: number;
}

/** Some fifteen seconds of speech: as long as a job may be kept from hearing that it is cancelled is less than a tenth of that. */
export const maxSentence = 200;

/** Signs and letters that fall into no ASCII letter and accents, but have a usual spelling. */
const spellings: Readonly<Record<string, string>> = {
  'ß': 'ss', 'æ': 'ae', 'Æ': 'AE', 'œ': 'oe', 'Œ': 'OE', 'ø': 'o', 'Ø': 'O', 'ł': 'l', 'Ł': 'L', 'đ': 'd', 'Đ': 'D', 'ð': 'd', 'Ð': 'D', 'þ': 'th', 'Þ': 'Th', 'ı': 'i',
  '‘': "'", '’': "'", '“': '"', '”': '"', '„': '"', '«': '"', '»': '"', '‐': '-', '‑': '-', '–': ', ', '—': ', ', '…': '. ', '×': ' times ', '÷': ' divided by ', '€': ' euros ', '£': ' pounds ',
  '。': '. ', '！': '! ', '？': '? ', '、': ', ', '，': ', ',
};

/** The sentences of a text, long ones parted at commas and, failing that, between words. */
export function speakable(text: string): Speakable {
  const spelled = text.replace(/[^\0-\x7f]/gu, (character) => spellings[character] ?? character).normalize('NFKD').replace(/\p{M}/gu, '');
  const dropped = (spelled.match(/[^\0-\x7f]/gu) ?? []).filter((character) => /[\p{L}\p{N}]/u.test(character)).length;
  // The end of a line ends a sentence too.
  const plain = spelled.replace(/[^ -~\n]+/g, ' ');
  const sentences = Array.from(new Intl.Segmenter('en', { granularity: 'sentence' }).segment(plain), ({ segment }) => segment.replace(/\s+/g, ' ').trim())
    .flatMap(part)
    .filter((sentence) => /[A-Za-z0-9]/.test(sentence));
  return { sentences, dropped };
}

/** A sentence in pieces of at most `maxSentence`. */
function part(sentence: string): string[] {
  const pieces: string[] = [];
  let rest = sentence;
  while (rest.length > maxSentence) {
    const head = rest.slice(0, maxSentence);
    const at = [/^.*[,;:]/s, /^.*\s/s].map((until) => until.exec(head)?.[0].length ?? 0).find((length) => length > maxSentence / 4) ?? maxSentence;
    pieces.push(rest.slice(0, at).trim());
    rest = rest.slice(at).trim();
  }
  return [...pieces, rest];
}
