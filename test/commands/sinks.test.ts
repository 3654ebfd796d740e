/** What an operator sees of sinks: status, metrics, dead letters, in a running daemon and in what it left. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { clientOf, regression, startDaemon, writeConfig } from '../daemon-process.ts';
import { ScriptedUpstream, answer, rowsIn } from '../sinks/scripted-upstream.ts';
import { tempDir } from '../temp-dir.ts';

void test(
  'status, metrics and dead letters tell of a sink, and letters are sent once more or dropped',
  { timeout: 390_000 },
  async (t) => {
    const directory = await tempDir(t);
    const log = join(directory, 'app.log');
    await writeFile(log, '');
    let poison = /poison/;
    const upstream = await ScriptedUpstream.listen(t);
    upstream.always((received, response, request) =>
      answer(poison.test(received.text) ? 422 : 200, 'do not like it')(received, response, request),
    );
    const more = `sinks: [{ type: http, name: upstream, url: '${upstream.url}' }]`;
    const config = await writeConfig(directory, [log], more);
    const daemon = startDaemon(t, ['--config', config]);
    const summary = await daemon.started;
    const client = await clientOf(summary);
    t.teardown(() => client.close());
    await appendFile(log, 'one\npoison a\ntwo\npoison b\nthree\n');
    const sink = async () => (await client.sinks()).sinks[0];
    while ((await sink())?.position !== 5) await new Promise((resolve) => setTimeout(resolve, 20));

    t.match(await sink(), {
      name: 'upstream',
      type: 'http',
      lag_rows: 0,
      delivered_rows: 3,
      dead_letters: 2,
      circuit: 'closed',
    });
    const asked = ['--config', config];
    const status = await regression(['status', ...asked]);
    t.match(status.stdout, /sink +upstream: http http:.*all delivered, idle.*last success/);
    t.match(status.stdout, '2 dead letters (regression deadletters list upstream)');
    const metrics = await (await fetch(`${summary.server}/metrics`)).text();
    for (const line of [
      'regression_sink_records_total{sink="upstream"} 3',
      'regression_sink_refused_total{sink="upstream"} 2',
      'regression_sink_lag_records{sink="upstream"} 0',
      'regression_sink_dead_letters{sink="upstream"} 2',
      'regression_sink_circuit_state{sink="upstream"} 0',
    ]) {
      t.ok(metrics.includes(`${line}\n`), line);
    }
    const listed = await regression(['deadletters', 'list', '--json', ...asked]);
    const letters = listed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    t.match(letters, [
      { sink: 'upstream', log_id: 2, reason: '422 do not like it', row: { message: 'poison a' } },
      { sink: 'upstream', log_id: 4, row: { message: 'poison b' } },
    ]);

    poison = /poison b/;
    t.match(await regression(['deadletters', 'retry', 'upstream', ...asked]), {
      stdout: '2 dead letters to be sent once more\n',
    });
    while ((await sink())?.dead_letters !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
    t.ok(rowsIn(upstream.received).filter(({ message }) => message === 'poison a').length > 1);
    for (const action of ['retry', 'drop'] as const) {
      await t.rejects(client.changeDeadLetters(action, 'nobody'), { code: 'NOT_FOUND', hint: 'Its sinks: upstream.' });
    }

    await upstream.close();
    await appendFile(log, 'four\n');
    while ((await sink())?.state !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 20));
    t.match(
      (await regression(['status', ...asked])).stdout,
      /upstream: http .*: 1 rows behind \(about [\d,]+ bytes, the oldest of [\d,]+ (?:s|min|h|days) ago\), waiting.*[^]*Nobody listens/,
    );
    t.match(await daemon.kill('SIGTERM'), { code: 0 });

    const left = await regression(['status', ...asked]);
    t.match(left.stdout, /sink +upstream: 1 rows behind/);
    t.match(await regression(['deadletters', 'retry', 'nobody', ...asked]), { code: 1, stderr: /no sink nobody/ });
    t.match(await regression(['deadletters', 'drop', 'upstream', ...asked]), { stdout: '1 dead letter dropped\n' });
  },
);
