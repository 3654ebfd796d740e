/** The daemon where little of a processor is granted to it (F70). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import { controlGroup, needsControlGroups } from '../control-group.ts';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { tempDir } from '../temp-dir.ts';

const options = { ...needsControlGroups(), timeout: 180_000 };

void test('a tenth of a core is enough to start, to follow, to answer and to stop (F70)', options, async (t) => {
  const directory = await tempDir(t);
  const log = join(directory, 'app.log');
  await writeFile(log, 'first\n');
  const { through } = controlGroup(t, { cpuShare: 0.1 });
  const daemon = startDaemon(t, ['--config', await writeConfig(directory, [log])], { through });
  const client = await clientOf(await daemon.started);
  t.teardown(() => client.close());

  while ((await client.logs({ limit: 1 })).stats.last_id < 1) await delay(200);
  const { code } = await daemon.kill('SIGTERM');

  t.equal(code, 0);
});
