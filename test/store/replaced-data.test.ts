import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { completeRestore, replaceData, unfinishedRestore } from '../../src/store/replaced-data.ts';
import { memoryDir } from '../temp-dir.ts';
import { killedBeforeCall } from './interrupted-fs.ts';

function fill(directory: string, content: string, names: readonly string[]): void {
  mkdirSync(join(directory, 'segments'), { recursive: true });
  for (const name of names) writeFileSync(join(directory, name), content);
}

/** What stands in a data directory: `old`, `new`, or a mixture, which must never be. */
function stateOf(directory: string): string {
  const contents = ['regression.db', 'segments/000000000001.db', 'segments/000000000002.db', 'regression.db-wal']
    .map((name) => join(directory, name))
    .map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : '-'));
  return contents.join(' ');
}

void test('a kill before any file operation of a restore leaves the old data or the new, never a mixture (F47)', async (t) => {
  const root = await memoryDir(t);
  const before = 'old old - old';
  const after = 'new new new -';
  let operations = 0;
  const seen = new Set<string>();
  for (let isKilled = true; isKilled; operations++) {
    const directory = join(root, String(operations));
    fill(directory, 'old', ['regression.db', 'regression.db-wal', 'segments/000000000001.db', 'admin.token']);
    fill(unfinishedRestore(directory), 'new', [
      'regression.db',
      'segments/000000000001.db',
      'segments/000000000002.db',
    ]);
    isKilled = await killedBeforeCall(operations, () => replaceData(directory, Date.parse('2026-11-24T03:00:00Z')));
    // The next start may be killed as well.
    await killedBeforeCall(operations % 7, () => completeRestore(directory));

    completeRestore(directory);

    const state = stateOf(directory);
    seen.add(state);
    if (state !== before && state !== after) t.fail(`killed before operation ${operations}: ${state}`);
    if (state === after && stateOf(join(directory, 'replaced-20261124T030000000Z')) !== before) {
      t.fail(`killed before operation ${operations}: the old data is not whole`);
    }
    const left = readdirSync(directory).filter((name) => name.startsWith('restore'));
    if (left.length > 0) t.fail(`killed before operation ${operations}: left behind: ${left.join(', ')}`);
    rmSync(directory, { recursive: true });
  }
  t.strictSame([...seen].sort(), [after, before]);
  t.ok(operations > 10, `${operations} moments were tried`);
});
