/** The commands of docs/operations.md, run as they stand beside a daemon whose data directory is ./data. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { configSchema } from '../../src/config/schema.ts';
import { regressionHere } from '../commands/in-process.ts';
import { startDaemon } from '../start-daemon.ts';
import { tempDir } from '../temp-dir.ts';

const page = fileURLToPath(new URL('../../docs/operations.md', import.meta.url));

void test('every command of docs/operations.md does what it is there for', { timeout: 180_000 }, async (t) => {
  const directory = await tempDir(t);
  const blocks = [...(await readFile(page, 'utf8')).matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  for (const [, language, text = ''] of blocks) {
    const [, name] = /^# (\S+\.yaml)\n/.exec(text) ?? [];
    if (language === 'yaml' && name !== undefined) await writeFile(join(directory, name), text);
  }
  const dataDir = join(directory, 'data');
  const config = configSchema.parse({ data_dir: dataDir, inputs: [], server: { listen: '127.0.0.1:0' } });
  await startDaemon(t, dataDir, [], {}, { config, load: async () => config });

  const commands = blocks
    .filter(([, language]) => language === 'sh')
    .flatMap(([, , text = '']) => text.split('\n'))
    .filter((line) => line.startsWith('regression '));
  t.ok(commands.length > 2);
  for (const command of commands) {
    const words = command.replace(/ +#.*/, '').split(/ +/).slice(1);
    const { code, stdout, stderr } = await regressionHere(words, directory);
    t.equal(code, 0, `${command}: ${stderr}`);
    t.not(stdout, '', command);
  }
});
