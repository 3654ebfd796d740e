// The bare Node reader: reads a file in chunks, splits it into lines and counts them. No positions, no rotation, no store.
import { open } from 'node:fs/promises';

const [path, wanted] = [process.argv[2], Number(process.argv[3])];
const file = await open(path);
const chunk = Buffer.allocUnsafe(256 * 1024);
let rest = '';
let lines = 0;
let characters = 0;
for (let position = 0; lines < wanted;) {
  const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
  if (bytesRead === 0) break;
  position += bytesRead;
  const parts = (rest + chunk.latin1Slice(0, bytesRead)).split('\n');
  rest = parts.pop() ?? '';
  for (const line of parts) {
    characters += line.length;
    lines++;
  }
}
await file.close();
console.log(lines, characters);
