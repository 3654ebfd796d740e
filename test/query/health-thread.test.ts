import { spawnSync } from 'node:child_process';
import { test } from 'tap';
import { HealthThread } from '../../src/query/health-thread.ts';
import type { HealthPart } from '../../src/query/context.ts';

/** Asks until the status comes, and prints the answer. */
const asker = `const [url, status] = process.argv.slice(1);
for (;;) {
  const response = await fetch(url);
  const text = await response.text();
  if (response.status === Number(status)) { console.log(text); break; }
  await new Promise((resolve) => setTimeout(resolve, 20));
}`;

void test('health answers while the main loop is stuck, and says that it is (F69)', { timeout: 120_000 }, async (t) => {
  let parts: readonly HealthPart[] = [{ name: 'store', ok: true }];
  const thread = new HealthThread({ host: '127.0.0.1', port: 0, health: () => parts, stuckMs: 500 });
  t.teardown(() => thread.stop());
  await thread.start();
  const ready = async (): Promise<[number, any]> => {
    const response = await fetch(`${thread.url}/health/ready`);
    return [response.status, await response.json()];
  };
  // On a busy host the first word may be older than half a second already.
  let answer = await ready();
  while (answer[0] !== 200) answer = await ready();
  t.match(answer, [
    200,
    {
      status: 'ok',
      parts: [
        { name: 'store', ok: true },
        { name: 'main loop', ok: true },
      ],
    },
  ]);

  // The loop of this process stands still for as long as the other one asks.
  const { stdout } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', asker, `${thread.url}/health/live`, '503'],
    {
      encoding: 'utf8',
    },
  );
  t.match(JSON.parse(stdout), {
    status: 'not_ready',
    parts: [{ name: 'main loop', ok: false, reason: /has not worked/ }],
  });

  parts = [{ name: 'store', ok: false, reason: 'the disk is full' }];
  do answer = await ready();
  while (answer[1].parts.length !== 2 || answer[1].parts[0].ok || !answer[1].parts[1].ok);
  t.match(answer, [503, { status: 'not_ready', parts: [{ name: 'store', reason: 'the disk is full' }, {}] }]);
});

void test('an address that somebody has is refused, with the option to change', async (t) => {
  const first = new HealthThread({ host: '127.0.0.1', port: 0, health: () => [] });
  t.teardown(() => first.stop());
  await first.start();
  const port = Number(new URL(first.url).port);
  const second = new HealthThread({ host: '127.0.0.1', port, health: () => [] });

  await t.rejects(second.start(), { code: 'SERVER_UNAVAILABLE', message: /health_listen/, hint: /./ });
});
