// All that the daemon does with a file before the store: lines, framing, parser, records. Counts them. Runs what `npm run build` made.
import { linesOf, openWholeFile } from '../../dist/inputs/file/whole-file.js';
import { createFormat } from '../../dist/parsers/registry.js';
import { RecordReader } from '../../dist/pipeline/record-reader.js';
import { systemClock } from '../../dist/runtime/clock.js';

const path = process.argv[2];
if (path === undefined) {
  console.error('usage: node read-records.js FILE');
  process.exit(2);
}

const multiline = { mode: 'auto', max_lines: 1000, max_bytes: 1024 * 1024, flush_after: 500 };
const source = { source: path, format: 'auto', applicationHint: 'bench', multiline };
const reader = new RecordReader({ source, createFormat, defaults: {}, clock: systemClock });
let lines = 0;
let records = 0;
let metadata = 0;
const count = () => {
  for (const { record } of reader.take()) {
    records++;
    metadata += record.metadata.length;
  }
};
await using file = await openWholeFile(path);
for await (const chunk of linesOf(path, file.content(), 1024 * 1024)) {
  lines += chunk.lines.length;
  reader.push(chunk.lines);
  count();
}
reader.closeAll();
count();
console.log(JSON.stringify({ lines, records, metadata }));
