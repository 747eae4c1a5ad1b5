// Markdown as model cards use it, as elements: headings, paragraphs, lists, tables, code, emphasis, links to other sites. Writes no HTML of its own,
// so that a card cannot bring any; pictures and links into the card's own folder are left out, for the page does not have them.
import type { ComponentChildren, JSX } from 'preact';

/** The text as elements; headings begin at the level of `h3`. */
export function Markdown({ source }: { readonly source: string }): JSX.Element {
  return <div class="markdown">{blocksOf(source.replaceAll('\r\n', '\n')).map((lines, index) => <Block key={index} lines={lines} />)}</div>;
}

/** Lines between empty ones; what is fenced is one block, empty lines and all, and a heading is one of its own. */
function blocksOf(source: string): string[][] {
  const blocks: string[][] = [[]];
  let fenced = false;
  for (const line of source.split('\n')) {
    const fence = line.startsWith('```');
    if (fence && !fenced) blocks.push([]);
    if (fenced || fence || line.trim() !== '') blocks.at(-1)!.push(line);
    const ends = fence ? fenced : !fenced && (line.trim() === '' || /^#{1,6}\s/.test(line));
    if (fence) fenced = !fenced;
    if (ends) blocks.push([]);
  }
  return blocks.filter((lines) => lines.length > 0);
}

function Block({ lines }: { readonly lines: readonly string[] }): JSX.Element | null {
  const [first = '', ...rest] = lines;
  if (first === '') return null;
  if (first.startsWith('```')) return <pre class="code" tabIndex={0}>{rest.filter((line) => !line.startsWith('```')).join('\n')}</pre>;
  const heading = /^(#{1,6})\s+(.*)$/.exec(first);
  // The title is there already.
  if (heading?.[1] === '#') return null;
  if (heading !== null) return heading[1] === '##' ? <h3>{inline(heading[2]!)}</h3> : <h4>{inline(heading[2]!)}</h4>;
  if (/^\s*\|?[\s:|-]+\|[\s:|-]*$/.test(rest[0] ?? '')) return <Table head={first} rows={rest.slice(1)} />;
  if (/^\s*([-*+]|\d+[.)])\s/.test(first)) return <ul class="limits">{itemsOf(lines).map((item, index) => <li key={index}>{inline(item)}</li>)}</ul>;
  if (/^(    |\t)/.test(first)) return <pre class="code" tabIndex={0}>{lines.map((line) => line.replace(/^(    |\t)/, '')).join('\n')}</pre>;
  const words = lines.map((line) => line.replace(/^>\s?/, '')).join(' ').replaceAll(/!\[[^\]]*\]\([^)]*\)/g, '').trim();
  return words === '' ? null : <p>{inline(words)}</p>;
}

function itemsOf(lines: readonly string[]): string[] {
  const items: string[] = [];
  for (const line of lines) {
    const begins = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(line);
    if (begins === null) items.push(`${items.pop() ?? ''} ${line.trim()}`);
    else items.push(begins[1]!);
  }
  return items;
}

function cells(row: string): string[] {
  return row.trim().replace(/^\|/, '').replace(/\|$/, '').split('|').map((cell) => cell.trim());
}

function Table({ head, rows }: { readonly head: string; readonly rows: readonly string[] }): JSX.Element {
  return (
    <div class="scroll" tabIndex={0}>
      <table>
        <thead><tr>{cells(head).map((cell, index) => <th key={index} scope="col">{inline(cell)}</th>)}</tr></thead>
        <tbody>{rows.map((row, line) => <tr key={line}>{cells(row).map((cell, index) => <td key={index}>{inline(cell)}</td>)}</tr>)}</tbody>
      </table>
    </div>
  );
}

/** Code, strong, emphasis and links within a line; the first that is found, then what is before and after it. */
function inline(words: string): ComponentChildren {
  const found = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)/.exec(words);
  if (found === null) return words;
  const [whole, code, strong, emphasis, label, address] = found;
  const after = words.slice(found.index + whole.length);
  return [words.slice(0, found.index), code !== undefined ? <code>{code}</code> : strong !== undefined ? <strong>{inline(strong)}</strong> : emphasis !== undefined ? <em>{inline(emphasis)}</em> : <Link label={label ?? ''} address={address ?? ''} />, inline(after)];
}

function Link({ label, address }: { readonly label: string; readonly address: string }): JSX.Element {
  return /^https?:\/\//.test(address) ? <a href={address} rel="noreferrer noopener" target="_blank">{label}</a> : <span>{label}</span>;
}
