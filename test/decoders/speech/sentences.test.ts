// What is spoken of a text: its sentences, in letters that the voices know, none too long.
import { describe, expect, test } from 'vitest';
import { maxSentence, speakable } from '../../../decoders/speech/sentences.ts';

describe('speakable', () => {
  test('parts a text into sentences, and at the ends of lines', () => {
    expect(speakable('Hello there. How are you?  Fine!\nOne line\nAnother')).toEqual({ sentences: ['Hello there.', 'How are you?', 'Fine!', 'One line', 'Another'], dropped: 0 });
  });

  test('spells letters with accents, ligatures and typographic signs in ASCII', () => {
    expect(speakable('Crème brûlée — “naïve” Straße, Ærø…').sentences.join(' ')).toBe('Creme brulee , "naive" Strasse, AEro.');
  });

  test('leaves out what cannot be spoken and counts its letters', () => {
    expect(speakable('Say 犬 please 🐕.')).toEqual({ sentences: ['Say please .'], dropped: 1 });
    expect(speakable('привет').sentences).toEqual([]);
    expect(speakable('привет').dropped).toBe(6);
  });

  test.each(['', ' ', '...', '!?', '\n\t', '🍎', '()'])('finds nothing to speak in %j', (text) => {
    expect(speakable(text)).toEqual({ sentences: [], dropped: 0 });
  });

  test('parts a long sentence at commas, else between words, else anywhere, and loses no word', () => {
    const clauses = `${'so many words that go on, '.repeat(30)}end.`;
    const words = `${'word '.repeat(200)}end.`;
    const letters = 'a'.repeat(1000);
    for (const text of [clauses, words, letters]) {
      const { sentences } = speakable(text);
      expect(sentences.length).toBeGreaterThan(1);
      expect(sentences.every(({ length }) => length > 0 && length <= maxSentence)).toBe(true);
      expect(sentences.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    }
    expect(speakable(clauses).sentences[0]).toMatch(/,$/);
  });
});
