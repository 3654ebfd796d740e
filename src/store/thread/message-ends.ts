/** The last bytes of messages as numbers, for columns of them (number-columns.ts): what a pattern wants at the end is not there in nearly all rows. */
import type { ReadNumbers } from './number-columns.ts';
import { Columns } from './pages/record-columns.ts';
import type { TableCursor } from './pages/table-pages.ts';

/** As many as a number holds exactly. */
const mostBytes = 6;

/** @param rows of the table `logs`; where it stands afterwards is open. */
export function endsOfMessages(rows: TableCursor): ReadNumbers {
  const columns = new Columns(6);
  return (firstId, lastId, onNumber) => {
    rows.seek(firstId);
    while (rows.next() && rows.id <= lastId) {
      columns.find(rows.bytes, rows.at);
      onNumber(rows.id, endOf(rows.bytes, columns.start(5), columns.length(5)));
    }
  };
}

/** True for the end of any text that ends so, and of few others. @param end of bytes that are not 0. */
export function isEnd(end: Uint8Array): (value: number) => boolean {
  const modulus = 256 ** Math.min(end.length, mostBytes);
  const wanted = endOf(end, 0, end.length);
  // Of 48 bits an integer operation takes the last 32.
  const mask = modulus - 1;
  if (end.length < 4) return (value) => (value & mask) === wanted;
  return (value) => value % modulus === wanted;
}

function endOf(bytes: Uint8Array, start: number, length: number): number {
  let value = 0;
  for (let at = start + Math.max(length - mostBytes, 0); at < start + length; at++)
    value = value * 256 + (bytes[at] ?? 0);
  return value;
}
