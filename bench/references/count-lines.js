// The bare Node reader: reads a file in chunks, makes a string of each line and counts them. No positions, no rotation, no store.
import { open } from 'node:fs/promises';

const [path, wanted] = [process.argv[2], Number(process.argv[3])];
const file = await open(path);
const chunk = Buffer.allocUnsafe(256 * 1024);
let kept = 0;
let lines = 0;
let characters = 0;
for (let position = 0; lines < wanted;) {
  const { bytesRead } = await file.read(chunk, kept, chunk.length - kept, position);
  if (bytesRead === 0) break;
  position += bytesRead;
  const end = kept + bytesRead;
  let from = 0;
  for (let newline = chunk.indexOf(10); newline >= 0 && newline < end; newline = chunk.indexOf(10, from)) {
    characters += chunk.toString('utf8', from, newline).length;
    lines++;
    from = newline + 1;
  }
  chunk.copy(chunk, 0, from, end);
  kept = end - from;
}
await file.close();
console.log(lines, characters);
