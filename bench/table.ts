// Prints measurements as a table and sums up repeated ones. Knows nothing of what is measured.

/** Prints rows of a name, a value and a remark under a title, as a Markdown table. */
export function printTable(title: string, rows: readonly (readonly [name: string, value: string, remark: string])[]): void {
  const head = ['', 'measured', 'remark'] as const;
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  console.log(`\n## ${title}\n`);
  console.log(line(head));
  console.log(`| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  for (const row of rows) console.log(line(row));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(2)} ms` : `${value.toFixed(0)} ms`;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** This machine in a few words, so that a table says what it was measured on. */
export function machine(cpus: readonly { readonly model: string }[], version: string): string {
  return `${cpus.length} x ${cpus[0]?.model.trim() ?? 'unknown processor'}, Node ${version}`;
}
