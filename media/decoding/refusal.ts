// Why a whole file is not read. Knows words for it, no format.

/** The message goes on from the name of the file: "has ...; expected ...". */
export class Refusal extends Error {}

/** A refusal of what is empty; in a file that was cut off, that is the reason. */
export class Nothing extends Refusal {}

export class TooManyPixels extends Error {
  readonly width: number;
  readonly height: number;
  constructor(width: number, height: number) {
    super(`${width}x${height}`);
    this.width = width;
    this.height = height;
  }
}

/** Ends the reading of a picture that claims more pixels than are decoded. */
export function requirePixels(width: number, height: number, maxPixels: number): void {
  if (width * height > maxPixels) throw new TooManyPixels(width, height);
}
