/**
 * More files than descriptors. `REGRESSION_FILES=10000` under `ulimit -n 256` is the fault as it stands in the list; `.ci/run` has it.
 */
import { appendFile } from 'node:fs/promises';
import { test } from 'tap';
import { openFilesLimit } from '../../../src/inputs/file/open-files.ts';
import { follow } from './followed.ts';

const count = Number(process.env['REGRESSION_FILES'] ?? 2000);
const maxOpenFiles = openFilesLimit(100);
/** Files that the test itself has open. */
const atOnce = 32;

void test(
  `${count} files with ${maxOpenFiles} descriptors: every line, also of files renamed while closed (F19)`,
  { timeout: 300_000 },
  async (t) => {
    const logs = await follow(t, { max_open_files: maxOpenFiles });
    const names = Array.from({ length: count }, (_, index) => `file-${index}.log`);
    const writeAll = async (text: string): Promise<void> => {
      for (let from = 0; from < count; from += atOnce) {
        await Promise.all(
          names.slice(from, from + atOnce).map((name) => appendFile(logs.path(name), `${text} ${name}\n`)),
        );
      }
    };
    await writeAll('first');
    await logs.start();
    t.equal(logs.context.lines.length, count);
    await writeAll('second');
    await logs.look();
    const { openFiles, files } = logs.input.files();
    t.ok(openFiles <= maxOpenFiles, `${openFiles} are open`);
    t.equal(files.length, count);

    for (const name of names.slice(0, 50)) {
      await appendFile(logs.path(name), `unread ${name}\n`);
      await logs.move(name, `${name}.1`);
    }
    await logs.waitOutRotation();

    t.equal(logs.context.lines.length, 2 * count + 50);
    t.equal(new Set(logs.context.texts).size, 2 * count + 50, 'each once');
    t.strictSame(logs.context.gaps, []);
  },
);
