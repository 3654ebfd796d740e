/** Every alert of docs/deploy/alerts.yaml can fire, and none does while all is well: judged by Prometheus itself. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'tap';
import { parse, stringify } from 'yaml';
import { find, needs } from '../clients/programs.ts';
import { tempDir } from '../temp-dir.ts';

const alerts = fileURLToPath(new URL('../../docs/deploy/alerts.yaml', import.meta.url));
const labels = 'instance="web-1",job="regression"';

/** What is scraped each minute for two hours: [series, values] as promtool writes them; `_` is no sample. */
type Series = readonly (readonly [name: string, values: string])[];

interface Case {
  /** Some time after `atMinute` it fires. */
  readonly trouble: Series;
  readonly atMinute: number;
  /** It does not fire with these, once they have been looked at for an hour. */
  readonly fine: Series;
}

/** A counter that is not there before the first of what it counts. */
const appears = (value: number): string => `_x30 ${value}x90`;
const metric = (name: string, more = ''): string => `regression_${name}{${labels}${more === '' ? '' : `,${more}`}}`;

const cases: Readonly<Record<string, Case>> = {
  RegressionDown: {
    trouble: [[`up{${labels}}`, '1x30 0x90']],
    atMinute: 40,
    fine: [[`up{${labels}}`, '1x120']],
  },
  RegressionStoreFails: {
    trouble: [[metric('store_errors_total', 'code="STORE_FULL"'), '_x30 1+1x90']],
    atMinute: 40,
    fine: [[metric('store_errors_total', 'code="STORE_FULL"'), '7x120']],
  },
  RegressionNotReady: {
    trouble: [[metric('part_ready', 'part="store"'), '1x30 0x90']],
    atMinute: 40,
    fine: [[metric('part_ready', 'part="store"'), '1x69 0x2 1x49']],
  },
  RegressionDiskLow: {
    trouble: [[metric('data_dir_free_bytes'), '5000000000x30 900000000x90']],
    atMinute: 45,
    fine: [[metric('data_dir_free_bytes'), '5000000000x120']],
  },
  RegressionDataLost: {
    trouble: [[metric('store_lost_records'), '0x30 250x90']],
    atMinute: 35,
    fine: [[metric('store_lost_records'), '250x120']],
  },
  RegressionLinesDropped: {
    trouble: [[metric('input_dropped_total', 'input="udp",reason="kernel_buffer_full"'), appears(40)]],
    atMinute: 35,
    fine: [
      [metric('input_dropped_total', 'input="udp",reason="kernel_buffer_full"'), '40x120'],
      [metric('input_dropped_total', 'input="app",reason="empty_line"'), '0+9x120'],
      [metric('input_dropped_total', 'input="udp",reason="empty_datagram"'), '0+9x120'],
    ],
  },
  RegressionFilesLost: {
    trouble: [[metric('input_lost_bytes_total', 'reason="deleted"'), appears(700)]],
    atMinute: 35,
    fine: [
      [metric('input_lost_bytes_total', 'reason="truncated"'), '40x120'],
      [metric('input_lost_bytes_total', 'reason="line_too_long"'), '0+9x120'],
    ],
  },
  RegressionInputErrors: {
    trouble: [[metric('input_errors_total', 'input="app",code="EACCES"'), '_x30 1+1x90']],
    atMinute: 50,
    fine: [[metric('input_errors_total', 'input="app",code="EACCES"'), '7x120']],
  },
  RegressionSinkBehind: {
    trouble: [[metric('sink_lag_seconds', 'sink="up"'), '0x20 0+60x100']],
    atMinute: 50,
    fine: [[metric('sink_lag_seconds', 'sink="up"'), '0x75 700x5 0x40']],
  },
  RegressionSinkHeld: {
    trouble: [[metric('sink_circuit_state', 'sink="up"'), '0x30 3x90']],
    atMinute: 40,
    fine: [[metric('sink_circuit_state', 'sink="up"'), '0x30 2x90']],
  },
  RegressionDeadLetters: {
    trouble: [[metric('sink_dead_letters', 'sink="up"'), '0x30 2x90']],
    atMinute: 50,
    fine: [[metric('sink_dead_letters', 'sink="up"'), '0x120']],
  },
  RegressionRowsUnsent: {
    trouble: [[metric('sink_dropped_total', 'sink="up"'), appears(5000)]],
    atMinute: 35,
    fine: [[metric('sink_dropped_total', 'sink="up"'), '5000x120']],
  },
  RegressionTaskFailed: {
    trouble: [[metric('task_last_ok', 'task="backup"'), '1x30 0x90']],
    atMinute: 95,
    fine: [[metric('task_last_ok', 'task="backup"'), '1x65 0x20 1x35']],
  },
  RegressionReloadRefused: {
    trouble: [[metric('config_last_reload_successful'), '1x30 0x90']],
    atMinute: 40,
    fine: [[metric('config_last_reload_successful'), '1x120']],
  },
};

void test('every alert fires in its trouble, and is quiet otherwise', needs('promtool'), async (t) => {
  const { groups } = parse(readFileSync(alerts, 'utf8')) as { groups: { rules: { alert: string }[] }[] };
  t.strictSame(
    groups.flatMap(({ rules }) => rules.map(({ alert }) => alert)),
    Object.keys(cases),
    'each has its case',
  );
  const judged = (name: string, series: Series, minutes: readonly number[], firing: number) => ({
    name: `${name} ${firing === 0 ? 'is quiet' : 'fires'}`,
    interval: '1m',
    input_series: series.map(([named, values]) => ({ series: named, values })),
    promql_expr_test: minutes.map((minute) => ({
      expr: `count(ALERTS{alertname="${name}",alertstate="firing"}) or vector(0)`,
      eval_time: `${minute}m`,
      exp_samples: [{ labels: '{}', value: firing }],
    })),
  });
  const tests = Object.entries(cases).flatMap(([name, { trouble, atMinute, fine }]) => [
    judged(name, trouble, [29], 0),
    judged(name, trouble, [atMinute], 1),
    judged(name, fine, [70, 80, 110], 0),
  ]);
  const path = join(await tempDir(t), 'test.yaml');
  writeFileSync(path, stringify({ rule_files: [alerts], evaluation_interval: '1m', tests }));
  const { status, stdout, stderr } = spawnSync(find('promtool') ?? '', ['test', 'rules', path], { encoding: 'utf8' });

  t.equal(status, 0, `${stdout}${stderr}`);
});
