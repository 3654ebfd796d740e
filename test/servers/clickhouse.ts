/** A ClickHouse of the test's own, from Debian's clickhouse-server, on free ports in a directory of its own. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { find } from '../clients/programs.ts';
import { freePort } from '../free-port.ts';
import { serverProcess } from './server-process.ts';

export interface ClickhouseServer {
  readonly url: string;
  readonly query: (sql: string) => Promise<string>;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

const users = `<yandex>
  <profiles><default/></profiles>
  <users><default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
  <quotas><default/></quotas>
</yandex>`;

export async function startClickhouse(teardown: Pick<Test, 'teardown'>): Promise<ClickhouseServer> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-clickhouse-'));
  const [http, tcp, interserver] = [await freePort(), await freePort(), await freePort()];
  const url = `http://127.0.0.1:${http}`;
  await mkdir(join(directory, 'data'));
  await writeFile(join(directory, 'users.xml'), users);
  await writeFile(
    join(directory, 'config.xml'),
    `<yandex>
  <logger><level>error</level><log>${directory}/log</log><errorlog>${directory}/errors</errorlog></logger>
  <http_port>${http}</http_port><tcp_port>${tcp}</tcp_port><interserver_http_port>${interserver}</interserver_http_port>
  <listen_host>127.0.0.1</listen_host>
  <path>${directory}/data/</path><tmp_path>${directory}/tmp/</tmp_path>
  <remote_servers><main><shard><replica><host>127.0.0.1</host><port>${tcp}</port></replica></shard></main></remote_servers>
  <users_config>${directory}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>5368709</mark_cache_size><max_concurrent_queries>20</max_concurrent_queries>
</yandex>`,
  );

  const query = async (sql: string): Promise<string> => {
    const response = await fetch(url, { method: 'POST', body: sql });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text.trimEnd();
  };
  const { kill, start } = await serverProcess(teardown, {
    name: 'clickhouse-server',
    directory,
    spawn: () => {
      const program = find('clickhouse-server') ?? 'clickhouse-server';
      return spawn(program, [`--config-file=${directory}/config.xml`], { cwd: directory, stdio: 'ignore' });
    },
    ask: () => query('SELECT 1'),
    signal: 'SIGKILL',
  });
  return { url, query, kill, start };
}
