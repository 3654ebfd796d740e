// The least a program can do with a file of JSON lines: read, split, JSON.parse. Stores nothing. What all parsing is held against.
import { createReadStream } from 'node:fs';

const path = process.argv[2];
if (path === undefined) {
  console.error('usage: node read-json-lines.js FILE');
  process.exit(2);
}

let lines = 0;
let errors = 0;
let severities = 0;
let rest = '';

function take(line) {
  if (line === '') return;
  lines++;
  try {
    severities += JSON.parse(line).level;
  } catch {
    errors++;
  }
}

const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: 512 * 1024 });
for await (const chunk of stream) {
  let from = 0;
  for (;;) {
    const end = chunk.indexOf('\n', from);
    if (end === -1) break;
    take(rest === '' ? chunk.slice(from, end) : rest + chunk.slice(from, end));
    rest = '';
    from = end + 1;
  }
  rest += chunk.slice(from);
}
take(rest);
console.log(JSON.stringify({ lines, errors, severities }));
