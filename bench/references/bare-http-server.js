// The least a server can do with NDJSON that is posted to it: read the body, split, JSON.parse, answer how many. Stores nothing.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    let accepted = 0;
    for (const line of Buffer.concat(chunks).toString().split('\n')) {
      if (line !== '' && typeof JSON.parse(line) === 'object') accepted++;
    }
    response.end(JSON.stringify({ accepted }));
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
process.once('SIGTERM', () => process.exit());
