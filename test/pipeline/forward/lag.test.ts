/** What is said of how much waits. */
import { test } from 'tap';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aRecord } from '../../records.ts';
import { tempDir } from '../../temp-dir.ts';
import { forwarding, scripted } from './forwarding.ts';

void test('a row that waits in a store with hardly any others is not taken for the whole file', async (t) => {
  const down = scripted(() => ({ kind: 'unavailable', reason: 'down' }));
  const store = new SqliteStore(`${await tempDir(t)}/regression.db`);
  const { add, until } = await forwarding(t, [down], { store });
  await add([aRecord({ message: 'the only one' })]);

  const one = await until(({ lagRows }) => lagRows === 1);
  t.ok(one.lagBytes > 100 && one.lagBytes < 1000, String(one.lagBytes));

  await add(Array.from({ length: 2000 }, () => aRecord({ message: 'x'.repeat(1000) })));
  const many = await until(({ lagRows }) => lagRows === 2001);
  t.ok(many.lagBytes > 2e6 && many.lagBytes < 4e6, String(many.lagBytes));
});
