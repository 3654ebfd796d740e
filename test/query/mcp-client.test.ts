/** The official client of the Model Context Protocol against `/mcp` and `regression mcp`. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { test } from 'tap';
import { openStore } from '../../src/store/remote-store.ts';
import { aRecord, someRecords } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';
import { minedStore } from './mined-store.ts';
import { authorization, serve } from './serve.ts';

void test('the official client lists and calls the tools over HTTP', { timeout: 120_000 }, async (t) => {
  const { url } = await serve(t, { store: await minedStore([...someRecords(3), aRecord({ message: 'disk full' })]) });
  const client = new Client({ name: 'test', version: '1' });
  t.teardown(() => client.close());

  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers: authorization } }),
  );
  const { tools } = await client.listTools();
  const answer = await client.callTool({ name: 'search_logs', arguments: { q: 'disk' } });

  t.equal(tools.length, 8);
  t.equal(client.getServerVersion()?.name, 'regression');
  t.match(JSON.stringify(answer), 'disk full');
  t.strictSame(
    tools.filter(({ annotations }) => annotations?.readOnlyHint !== true).map(({ name }) => name),
    ['pull_batch'],
  );
});

void test('the official client may do over HTTP what its token may', { timeout: 120_000 }, async (t) => {
  const { url, send } = await serve(t, { store: await minedStore(someRecords(3)) });
  await send('POST', '/api/v1/users', { username: 'rita', password: 'long enough', role: 'viewer' });
  const { json } = await send('POST', '/api/v1/tokens', { username: 'rita', scopes: ['read'] });
  await send('PUT', '/api/v1/consumers/nightly', {});
  const client = new Client({ name: 'test', version: '1' });
  t.teardown(() => client.close());

  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
      requestInit: { headers: { authorization: `Bearer ${json.token}` } },
    }),
  );
  const overview = await client.callTool({ name: 'overview', arguments: {} });
  const pulled = await client.callTool({ name: 'pull_batch', arguments: { consumer: 'nightly' } });

  t.match(JSON.stringify(overview), '# Logs from');
  t.match(pulled, { isError: true });
  t.match(JSON.stringify(pulled), 'has no scope');
});

void test('the official client starts `regression mcp` and calls its tools', { timeout: 120_000 }, async (t) => {
  const dataDir = await memoryDir(t);
  const store = await openStore({ dataDir });
  await store.append({ records: [aRecord({ message: 'disk full' })], positions: [], gaps: [] });
  await store.close();
  const client = new Client({ name: 'test', version: '1' });
  t.teardown(() => client.close());

  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: ['bin/regression.js', 'mcp', '--data-dir', dataDir] }),
  );
  const answer = await client.callTool({ name: 'search_logs', arguments: { q: 'disk' } });

  t.match(JSON.stringify(answer), 'disk full');
});
