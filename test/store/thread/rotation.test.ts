import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';
import { aPosition, someRecords } from '../../records.ts';
import { tempDir } from '../../temp-dir.ts';
import { atEveryMoment, intercepted, systemError } from '../interrupted-fs.ts';
import { walk } from '../store.contract.ts';

const oneTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

async function idsIn(store: SqliteStore): Promise<number[]> {
  return (await walk(store, { order: 'arrival', limit: 1000 })).map(({ id }) => id);
}

void test(
  'a kill before any file operation of a rotation leaves every row once, and ids go on (F37, F46)',
  { timeout: 360_000 },
  async (t) => {
    await atEveryMoment(t, 30, async (directory, killing) => {
      const path = join(directory, 'regression.db');
      const killed = new SqliteStore(path);
      await killed.append({ records: someRecords(20), positions: [aPosition({ offset: 1 })], gaps: [] });
      await killed.rotate();
      await killed.append({ records: someRecords(20), positions: [aPosition({ offset: 2 })], gaps: [] });
      await killing(() => killed.rotate());

      const store = new SqliteStore(path);
      const problems: string[] = [];
      if (String(await idsIn(store)) !== String(oneTo(40))) problems.push(`rows ${String(await idsIn(store))}`);
      const { firstId } = await store.append({ records: someRecords(1), positions: [], gaps: [] });
      if (firstId !== 41) problems.push(`the next id is ${firstId}`);
      if ((await store.positions())[0]?.offset !== 2) problems.push('the position went back');
      await store.rotate();
      if (String(await idsIn(store)) !== String(oneTo(41))) problems.push('rows after the next rotation');
      await store.close();
      const left = readdirSync(directory).filter((name) => !/^(regression\.db|segments|snapshots)$/.test(name));
      if (left.length > 0) problems.push(`left behind: ${left.join(', ')}`);
      return problems;
    });
  },
);

for (const code of ['EIO', 'ENOSPC'] as const) {
  void test(
    `a rotation that fails (${code}) leaves the old file in use and can be repeated`,
    { timeout: 120_000 },
    async (t) => {
      const path = join(await tempDir(t), 'regression.db');
      const store = new SqliteStore(path);
      t.teardown(() => store.close());
      let rows = 0;
      const appendSome = async (): Promise<void> => {
        await store.append({ records: someRecords(5), positions: [], gaps: [] });
        rows += 5;
      };
      for (const failing of ['writeSync', 'fsyncSync', 'renameSync', 'openSync', 'unlinkSync'] as const) {
        await appendSome();
        let hasFailed = false;
        await intercepted(
          (call) => {
            if (call !== failing || hasFailed) return;
            hasFailed = true;
            throw systemError(code);
          },
          async () => store.rotate().catch(() => undefined),
        );

        t.ok(hasFailed, failing);
        await appendSome();
        await store.rotate();
        t.strictSame(await idsIn(store), oneTo(rows), `every row once after a failed ${failing}`);
      }
    },
  );
}
