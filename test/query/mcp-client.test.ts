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
