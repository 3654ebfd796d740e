/** `regression logs --follow` against a daemon. */
import { PassThrough, Readable, Writable } from 'node:stream';
import { test } from 'tap';
import { runCli } from '../../src/commands/cli.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

void test('logs --follow prints the last rows, then those that come in and match, until it is interrupted', async (t) => {
  const dataDir = await tempDir(t);
  const { url, token } = await startDaemon(t, dataDir);
  const send = async (...messages: string[]): Promise<void> => {
    const response = await fetch(`${url}/api/v1/logs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
      body: messages.map((message) => JSON.stringify({ message, application: 'shop' })).join('\n'),
    });
    t.ok(response.ok, await response.text());
  };
  await send('wanted 1', 'other', 'wanted 2');

  const stdout = new PassThrough({ encoding: 'utf8' });
  const interrupt = new AbortController();
  let stderr = '';
  const following = runCli(
    ['logs', '--follow', '--json', '--fields', 'message', '--data-dir', dataDir, 'wanted'],
    '0.0.0',
    {
      env: {},
      cwd: dataDir,
      stdin: Readable.from([]),
      stdout,
      stderr: new Writable({ write: (text, _encoding, done) => ((stderr += String(text)), done()) }),
      signal: interrupt.signal,
      onHangup: () => undefined,
    },
  );
  let printed = '';
  let wake: () => void = () => undefined;
  stdout.on('data', (text: string) => {
    printed += text;
    wake();
  });
  const until = async (text: string): Promise<void> => {
    while (!printed.includes(text)) await new Promise<void>((resolve) => (wake = resolve));
  };
  await until('wanted 2');
  await send('other too', 'wanted 3');
  await until('wanted 3');
  await send('wanted 4');
  await until('wanted 4');
  interrupt.abort();
  await following;

  t.strictSame(
    printed.trimEnd().split('\n'),
    [1, 2, 3, 4].map((number) => `{"message":"wanted ${number}"}`),
  );
  t.equal(stderr, '');
});
