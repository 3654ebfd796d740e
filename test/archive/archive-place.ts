/** A store with old segments, whose rows are as odd as rows can be, and tasks to run on it. */
import { mkdirSync } from 'node:fs';
import type { Test } from 'tap';
import type { z } from 'zod';
import type { LogRecord } from '../../src/record/log-record.ts';
import type { LogRow } from '../../src/search/request.ts';
import type { Store } from '../../src/store/store.ts';
import { archive } from '../../src/tasks/archive.ts';
import { prune } from '../../src/tasks/prune.ts';
import type { TaskOutcome } from '../../src/tasks/task.ts';
import { aRecord } from '../records.ts';
import { archiveDirOf, contextOf, dataDirOf, openInThisThread } from '../tasks/task-place.ts';
import { tempDir } from '../temp-dir.ts';

export const rowsPerSegment = 50;

/** Its metadata are six pairs. */
const odd: Partial<LogRecord> = {
  severity: 'FATAL',
  application: { name: 'odd', version: '1.0', environment: null },
  source: 'stdin',
  message: '\u{feff}tab\t quote" back\\slash newline\n return\r \u{1f600} \u0001 \u007f',
  metadata: [
    ['z', ''],
    ['10', 'ten'],
    ['a "key"\n', 'b\\c\n"'],
    ['__proto__', 'x'],
    ['nested.key', '{"a":1}'],
    ['\u{1f600}', '1e400'],
  ],
};

/** Keys that are numbers come first once JavaScript has had the metadata of a row in its hands. */
export const sorted = (row: LogRow) => ({
  ...row,
  metadata: Object.entries(row.metadata).sort(([a], [b]) => a.localeCompare(b)),
});

export interface Place {
  readonly dataDir: string;
  readonly archiveDir: string;
  readonly store: Store;
  readonly archive: (options?: Partial<z.input<typeof archive.options>>) => Promise<TaskOutcome>;
  readonly prune: (options: Partial<z.input<typeof prune.options>>) => Promise<TaskOutcome>;
}

/** Three sealed segments, of the 1st, 11th and 21st of November, and rows of the 24th in the hot file; it is the 24th. */
export async function place(t: Test): Promise<Place> {
  const root = await tempDir(t);
  const dataDir = dataDirOf(root);
  const archiveDir = archiveDirOf(root);
  mkdirSync(dataDir);
  const store = openInThisThread(dataDir);
  t.teardown(() => store.close());
  for (const day of ['01', '11', '21', '24']) {
    const records = Array.from({ length: rowsPerSegment }, (_, index) =>
      aRecord({
        timestamp: `2026-11-${day}T00:00:${String(index).padStart(2, '0')}.00000${index % 10}Z`,
        message: `day ${day}`,
        ...(index % 25 === 7 ? odd : {}),
      }),
    );
    await store.append({ records, positions: [], gaps: [] });
    if (day !== '24') await store.rotate();
  }
  await store.sealed();
  const context = contextOf(store, root, '2026-11-24T12:00:00Z');
  return {
    dataDir,
    archiveDir,
    store,
    archive: (options = {}) => archive.run(context, archive.options.parse({ dir: archiveDir, ...options })),
    prune: (options) => prune.run(context, prune.options.parse(options)),
  };
}
