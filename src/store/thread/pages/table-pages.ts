/** Reads the rows of a table from its pages, in the order of their ids (https://sqlite.org/fileformat.html, section 1.6). */
import { type PageFile, Varints, localBytes } from './page-file.ts';

const interiorTable = 0x05;
const leafTable = 0x0d;

/** @param bytes hold the record at `at`, whole; they are good until the call returns. */
export type OnRecord = (id: number, bytes: Uint8Array, at: number) => void;

export function readTable(file: PageFile, root: number, onRecord: OnRecord): void {
  const leaf = Buffer.alloc(file.pageSize);
  const varints = new Varints();
  const visit = (number: number): void => {
    const page = file.read(number);
    if (page[0] === interiorTable) childrenOf(page).forEach(visit);
    else if (page[0] === leafTable) {
      page.copy(leaf); // the overflow pages of a record come between
      readLeaf(file, leaf, varints, onRecord);
    } else throw file.corrupt(`page ${number} is none of a table`);
  };
  visit(root);
}

function childrenOf(page: Buffer): readonly number[] {
  const cells = page.readUInt16BE(3);
  const children = Array.from({ length: cells }, (_, cell) => page.readUInt32BE(page.readUInt16BE(12 + 2 * cell)));
  return [...children, page.readUInt32BE(8)];
}

function readLeaf(file: PageFile, page: Buffer, varints: Varints, onRecord: OnRecord): void {
  const cells = page.readUInt16BE(3);
  for (let cell = 0; cell < cells; cell++) {
    varints.at = page.readUInt16BE(8 + 2 * cell);
    const payloadBytes = varints.next(page);
    const id = varints.next(page);
    if (payloadBytes <= file.pageSize - 35) onRecord(id, page, varints.at);
    else onRecord(id, wholePayload(file, page, varints.at, payloadBytes), 0);
  }
}

/** A payload that goes on in overflow pages, put together. */
function wholePayload(file: PageFile, page: Buffer, at: number, payloadBytes: number): Buffer {
  const payload = Buffer.alloc(payloadBytes);
  let taken = localBytes(payloadBytes, file.pageSize, file.pageSize - 35);
  page.copy(payload, 0, at, at + taken);
  let next = page.readUInt32BE(at + taken);
  while (taken < payloadBytes) {
    const overflow = file.read(next);
    taken += overflow.copy(payload, taken, 4);
    next = overflow.readUInt32BE(0);
  }
  return payload;
}
