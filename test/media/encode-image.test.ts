// What is written into a made picture can be read back by us and by others, and equal input gives equal bytes.
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { encodeImage, generatedSourceType, isMarkedGenerated, mediaFromBytes, readProvenance } from '../../media/index.ts';
import { picture, threeColours } from './pictures.ts';

const image = { width: 32, height: 24, pixels: threeColours(32, 24) };
const provenance = { prompt: 'ein "roter" Äpfel & <🍎>\n2. Zeile\u0001', seed: 9007199254740991, bundle: 'nano', guidance: 3.5, previews: false, negative: null };

describe.each(['png', 'jpeg', 'webp'] as const)('%s', (format) => {
  test('holds prompt and settings, the mark, and the pixels', async () => {
    const media = await encodeImage(image, { format, provenance, mark: true });
    expect(media).toEqual(await mediaFromBytes(media.bytes));
    expect(readProvenance(media)).toEqual(provenance);
    expect(isMarkedGenerated(media)).toBe(true);
    const metadata = await sharp(media.bytes).metadata();
    expect(metadata).toMatchObject({ format, width: 32, height: 24 });
    expect(metadata.xmpAsString).toContain(`Iptc4xmpExt:DigitalSourceType="${generatedSourceType}"`);
    expect(metadata.xmpAsString).toContain('Iptc4xmpExt:AIPromptInformation="ein &quot;roter&quot; Äpfel &amp; &lt;🍎&gt;&#10;2. Zeile\uFFFD"');
    expect(metadata.exif?.toString('latin1')).toContain('ASCII\0\0\0{"prompt":"ein \\"roter\\" \\u00c4pfel');
    const decoded = await sharp(media.bytes).raw().toBuffer();
    if (format === 'png') expect(Buffer.compare(decoded, Buffer.from(image.pixels))).toBe(0);
    expect(decoded.length).toBe(image.pixels.length);
  });

  test('holds the mark alone where provenance is null', async () => {
    const media = await encodeImage(image, { format, provenance: null, mark: true });
    expect(readProvenance(media)).toBeNull();
    expect(isMarkedGenerated(media)).toBe(true);
    const metadata = await sharp(media.bytes).metadata();
    expect(metadata.exif).toBeUndefined();
    expect(metadata.xmpAsString).not.toContain('AIPromptInformation');
  });

  test('holds nothing where neither is wanted', async () => {
    const media = await encodeImage(image, { format, provenance: null, mark: false });
    expect([readProvenance(media), isMarkedGenerated(media)]).toEqual([null, false]);
    expect((await sharp(media.bytes).metadata()).xmp).toBeUndefined();
  });

  test('equal input gives equal bytes, without a time and without a name of a library', async () => {
    const [one, two] = await Promise.all([0, 1].map(() => encodeImage(image, { format, provenance, mark: true })));
    expect(one).toEqual(two);
    expect(Buffer.from(one!.bytes).toString('latin1')).not.toMatch(/sharp|vips|20[12]\d[-:]\d\d/i);
  });

  test('a very long prompt is cut, not refused', async () => {
    const media = await encodeImage(image, { format, provenance: { prompt: 'ä'.repeat(100_000), negative: 'b'.repeat(100_000), seed: 1 }, mark: true });
    const back = readProvenance(media);
    expect(back).toMatchObject({ seed: 1 });
    expect(back?.['prompt']).toMatch(/^ä{1000,}\.\.\.$/);
  });
});

describe('readProvenance', () => {
  test('is null for pictures of others and for damaged metadata', async () => {
    const plain = await mediaFromBytes(await picture(image.pixels, 32, 24).png().toBuffer());
    expect(readProvenance(plain)).toBeNull();
    const comment = await mediaFromBytes(await picture(image.pixels, 32, 24).withExif({ IFD2: { UserComment: 'holiday' } }).jpeg().toBuffer());
    expect(readProvenance(comment)).toBeNull();
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      const whole = await encodeImage(image, { format, provenance, mark: true });
      for (let length = 0; length < 700; length += 7) {
        const cut = { ...whole, bytes: whole.bytes.subarray(0, length) };
        expect([null, provenance]).toContainEqual(readProvenance(cut));
      }
    }
  });
});

describe('encodeImage', () => {
  test('refuses a quality out of range and pixels of another size', async () => {
    await expect(encodeImage(image, { format: 'jpeg', quality: 0, provenance: null, mark: true })).rejects.toMatchObject({ code: 'bad_option' });
    await expect(encodeImage({ ...image, width: 31 }, { format: 'png', provenance: null, mark: true })).rejects.toMatchObject({ code: 'internal' });
  });
});
