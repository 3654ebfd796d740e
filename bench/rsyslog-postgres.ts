/** rsyslog with ompgsql: a file of JSON lines into the tables that are ours, for the benchmark of forwarding. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { find, rsyslogModules } from '../test/clients/programs.ts';
import { usageOf } from './measure.ts';

/** ompgsql sends one statement a line: a trigger makes of it the rows that ours are. */
export const incoming = `
  DROP TABLE IF EXISTS incoming; DROP SEQUENCE IF EXISTS log_ids;
  CREATE SEQUENCE log_ids;
  CREATE TABLE incoming (time timestamptz, level int, name text, message text, line jsonb);
  CREATE OR REPLACE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS $$
  DECLARE log bigint := nextval('log_ids'); application bigint;
  BEGIN
    SELECT id INTO application FROM applications WHERE applications.name = NEW.name AND version IS NULL;
    IF application IS NULL THEN
      INSERT INTO applications (name, created_at) VALUES (NEW.name, now()) RETURNING id INTO application;
    END IF;
    INSERT INTO logs VALUES (log, NEW.time, (ARRAY['TRACE','DEBUG','INFO','WARN','ERROR','FATAL'])[NEW.level / 10], application, 'w1', NEW.message);
    INSERT INTO logs_metadata SELECT log * 1024 + row_number() OVER (), log, key, value, NULL
      FROM jsonb_each_text(NEW.line - '{time,level,name,msg}'::text[]);
    RETURN NULL;
  END $$;
  CREATE TRIGGER take BEFORE INSERT ON incoming FOR EACH ROW EXECUTE FUNCTION take();`;

export async function hasModule(name: string): Promise<boolean> {
  return readFile(join(rsyslogModules(), `${name}.so`)).then(
    () => true,
    () => false,
  );
}

export interface RsyslogOptions {
  /** Where its files go. */
  readonly home: string;
  readonly inputPath: string;
  readonly rows: number;
  readonly url: URL;
  readonly upstreamRows: () => Promise<number>;
}

/** Until all rows are there. imfile, mmjsonparse and ompgsql, batched as its documentation advises. */
export async function rsyslog({ home, inputPath, rows, url, upstreamRows }: RsyslogOptions) {
  const { port, username } = url;
  const config = join(home, 'rsyslog.conf');
  const modules = rsyslogModules();
  await writeFile(
    config,
    `global(workDirectory="${home}" maxMessageSize="64k")
module(load="${modules}/imfile" mode="inotify")
module(load="${modules}/mmjsonparse")
module(load="${modules}/ompgsql")
template(name="insert" type="list" option.stdsql="on") {
  constant(value="INSERT INTO incoming VALUES ('") property(name="$!time")
  constant(value="', ") property(name="$!level")
  constant(value=", '") property(name="$!name")
  constant(value="', '") property(name="$!msg")
  constant(value="', '") property(name="$!all-json") constant(value="')")
}
input(type="imfile" file="${inputPath}" tag="w1" ruleset="forward")
ruleset(name="forward") {
  action(type="mmjsonparse" cookie="")
  action(type="ompgsql" server="127.0.0.1" port="${port}" user="${username}" pass="" db="postgres" template="insert"
    queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="5000" queue.workerThreads="1" action.resumeRetryCount="-1")
}
`,
  );
  const startedAtMs = performance.now();
  const child = spawn(find('rsyslogd') ?? 'rsyslogd', ['-n', '-f', config, '-i', join(home, 'pid')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, RSYSLOG_MODDIR: modules },
  });
  try {
    while ((await upstreamRows()) < rows) {
      if (child.exitCode !== null) throw new Error(`rsyslogd ended with ${child.exitCode}`);
      await delay(20);
    }
    const usage = usageOf(child.pid ?? 0);
    if (usage === null) throw new Error('rsyslogd has ended');
    return { seconds: (performance.now() - startedAtMs) / 1000, usage };
  } finally {
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  }
}
