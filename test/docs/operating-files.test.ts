/** What docs/deploy/ ships for others' programs: dashboards and rules name what there is, manifests are what their schemas say. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Counter, Gauge, Histogram } from 'prom-client';
import { test } from 'tap';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';
import { addProcessMetrics } from '../../src/runtime/process-metrics.ts';
import { find, needs } from '../clients/programs.ts';
import { tempDir } from '../temp-dir.ts';

const folder = fileURLToPath(new URL('../../docs/deploy/', import.meta.url));
const textOf = (name: string): string => readFileSync(join(folder, name), 'utf8');

/** All metrics as a scrape shows them, each with a sample: those with labels are not there before the first. */
async function scrape(): Promise<string> {
  const { registry, ...metrics } = createMetrics();
  addProcessMetrics(registry);
  for (const metric of Object.values(metrics)) {
    const { labelNames } = metric as unknown as { labelNames: string[] };
    const labels = Object.fromEntries(labelNames.map((name) => [name, 'x'])) as never;
    if (metric instanceof Counter) metric.inc(labels, 1);
    else if (metric instanceof Gauge) metric.set(labels, 1);
    else if (metric instanceof Histogram) metric.observe(labels, 1);
  }
  return registry.metrics();
}

for (const name of ['grafana-dashboard.json', 'alerts.yaml']) {
  void test(`every metric and label that ${name} names exists`, async (t) => {
    const scraped = await scrape();
    const names = new Set(textOf(name).match(/\b(?:regression|process)_[a-z_]+/g));

    t.ok(names.size > 5);
    for (const metric of names) t.match(scraped, new RegExp(`^${metric}[{ ]`, 'm'), metric);
    for (const [, labels = ''] of textOf(name).matchAll(/ by \(([^)]*)\)/g)) {
      for (const label of labels.split(', ')) t.ok(label === 'instance' || scraped.includes(`${label}="`), label);
    }
  });
}

void test('the dashboard is one that Grafana can import', async (t) => {
  const { panels, ...dashboard } = JSON.parse(textOf('grafana-dashboard.json'));

  t.match(dashboard, { title: 'Regression', schemaVersion: 39, templating: { list: [{ type: 'datasource' }, {}] } });
  t.equal(new Set(panels.map(({ id }: { id: number }) => id)).size, panels.length);
  for (const { type, title, targets, gridPos } of panels) {
    t.ok(gridPos.x + gridPos.w <= 24, title);
    t.ok(type === 'row' || targets.every(({ expr }: { expr: string }) => expr !== ''), title);
  }
});

void test('Prometheus finds nothing wrong with the metrics and the alert rules', needs('promtool'), async (t) => {
  const promtool = find('promtool') ?? '';
  const metrics = spawnSync(promtool, ['check', 'metrics'], { input: await scrape(), encoding: 'utf8' });
  t.strictSame([metrics.status, metrics.stderr], [0, '']);
  const rules = spawnSync(promtool, ['check', 'rules', join(folder, 'alerts.yaml')], { encoding: 'utf8' });
  t.equal(rules.status, 0, rules.stderr);
});

void test('the configurations of the compose and Kubernetes examples are right', async (t) => {
  const [configMap] = parseAllDocuments(textOf('kubernetes.yaml')).map((document) => document.toJS());
  const directory = await tempDir(t);
  writeFileSync(join(directory, 'kubernetes.yaml'), configMap.data['regression.yaml']);
  writeFileSync(join(directory, 'compose.yaml'), textOf('regression.yaml'));

  for (const configPath of ['kubernetes.yaml', 'compose.yaml']) {
    const { config } = await loadConfig({ configPath, env: {}, cwd: directory });
    t.match(config, { data_dir: '/data', inputs: [{ include: ['/var/log/app/*.log'] }] });
  }
});

void test('the systemd unit is as closed as systemd can tell: 2.0 or better', needs('systemd-analyze'), async (t) => {
  const unit = fileURLToPath(new URL('../../systemd/regression.service', import.meta.url));
  const args = ['security', '--offline=yes', '--threshold=20', unit];
  const { status, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });

  t.equal(status, 0);
  t.match(stdout, /Overall exposure level for regression.service: [01]\.\d OK/);
});
