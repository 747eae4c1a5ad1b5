// How far a pull is: bytes, speed and time left, on one line that is redrawn, or as lines of JSON.
// Knows no server.
import { gigabytes } from '../bundle/fetch-files.ts';

export interface Speed {
  /** Notes how many bytes are there now. */
  note(received: number): void;
  /** Over the last seconds; null before there is anything to tell. */
  bytesPerSecond(): number | null;
}

const windowMs = 8_000;

/** Speed over the last seconds: a connection changes, and a mean over all of a long pull hides it. */
export function createSpeed(now: () => number = () => performance.now()): Speed {
  let marks: { at: number; received: number }[] = [];
  return {
    note(received) {
      const at = now();
      // Where bytes were thrown away, speed begins anew.
      if ((marks.at(-1)?.received ?? 0) > received) marks = [];
      marks.push({ at, received });
      while (marks.length > 2 && at - (marks[1]?.at ?? at) > windowMs) marks.shift();
    },
    bytesPerSecond() {
      const [first, last] = [marks[0], marks.at(-1)];
      if (first === undefined || last === undefined || last.at - first.at < 200 || last.received <= first.received) return null;
      return ((last.received - first.received) * 1000) / (last.at - first.at);
    },
  };
}

/** `12.0 MB of 1.20 GB, 3.4 MB/s, 5 min 20 s left` */
export function pullLine(received: number, bytes: number, bytesPerSecond: number | null): string {
  const part = `${gigabytes(received)} of ${gigabytes(bytes)}`;
  return bytesPerSecond === null ? part : `${part}, ${gigabytes(bytesPerSecond)}/s, ${duration((bytes - received) / bytesPerSecond)} left`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s` : `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}
