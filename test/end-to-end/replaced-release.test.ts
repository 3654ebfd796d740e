/** A newer release is put in place while the older one runs: what the daemon loads late is still its own, or it says that it is not. */
import { appendFile, cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Test, test } from 'tap';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { ScriptedUpstream } from '../sinks/scripted-upstream.ts';
import { tempDir } from '../temp-dir.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));

/** A copy of the program in a folder of its own, as the archive is unpacked; the packages are those of the checkout. */
async function install(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const part of ['bin', 'dist', 'migrations', 'package.json']) {
    await cp(join(checkout, part), join(folder, part), { recursive: true });
  }
  await symlink(join(checkout, 'node_modules'), join(folder, 'node_modules'));
}

/** Exchanges a link at once, as `ln -sfn` does nearly. */
async function pointTo(link: string, folder: string): Promise<void> {
  await symlink(folder, `${link}.new`);
  await rename(`${link}.new`, link);
}

async function startInstalled(t: Test) {
  const directory = await tempDir(t);
  const opt = join(directory, 'opt');
  await install(join(opt, 'regression-1'));
  await pointTo(join(opt, 'regression'), 'regression-1');
  const log = join(directory, 'app.log');
  await writeFile(log, 'before\n');
  const config = await writeConfig(directory, [log]);
  const installed = join(opt, 'regression/bin/regression.js');
  const daemon = startDaemon(t, ['--config', config], { cwd: directory, installed });
  const summary = await daemon.started;
  const authorization = `Bearer ${(await readFile(summary.adminTokenPath, 'utf8')).trim()}`;
  return { directory, opt, log, daemon, client: await clientOf(summary), server: summary.server, authorization };
}

void test('a daemon whose release link points elsewhere by now goes on as the release it was started from', async (t) => {
  const { directory, opt, log, daemon, client, server, authorization } = await startInstalled(t);
  const upstream = await ScriptedUpstream.listen(t);
  await mkdir(join(opt, 'regression-2/dist'), { recursive: true }); // nothing in it: whatever were loaded from there would fail
  await pointTo(join(opt, 'regression'), 'regression-2');

  await writeConfig(
    directory,
    [log],
    `sinks:\n  - { type: otlp, name: up, url: ${upstream.url}, encoding: protobuf }\n`,
  );
  await client.reload();
  await appendFile(log, 'behind the upgrade\n');
  await upstream.until(() => upstream.received.some(({ text }) => text.includes('behind the upgrade')));
  t.strictSame(
    (await client.sql('SELECT count(*) AS n FROM logs WHERE application_id = 1')).rows,
    [[2]],
    'the first SQL',
  );
  t.match(await (await fetch(`${server}/openapi.json`)).json(), { openapi: '3.1.0' });
  const mcp = await fetch(`${server}/mcp`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  });
  t.match(await mcp.text(), /inputSchema/);
  await client.runTask('rotate'); // the migrations make a hot file, and a thread seals the old one
  t.equal((await fetch(`${server}/health/ready`)).status, 200);
  t.equal((await daemon.kill('SIGTERM')).code, 0);
  await client.close();
});

void test('a daemon whose files were exchanged under it says so until it is restarted', async (t) => {
  const { opt, client, server } = await startInstalled(t);
  const partOf = async () => {
    const { status, parts } = (await (await fetch(`${server}/health/ready`)).json()) as {
      status: string;
      parts: { name: string; warning?: string; hint?: string }[];
    };
    return { status, ...parts.find(({ name }) => name === 'program') };
  };
  t.match(await partOf(), { status: 'ok', name: 'program' });

  await writeFile(join(opt, 'regression-1/package.json'), '{"version":"9.9.9"}');
  t.match(await partOf(), {
    status: 'degraded',
    warning: /^version \S+ runs, and its files were replaced by those of 9\.9\.9$/,
    hint: /^Restart the daemon/,
  });
  await rm(join(opt, 'regression-1/package.json'));
  t.match(await partOf(), { status: 'degraded', warning: /its files are gone$/ });
  await client.close();
});
