/** What the process takes of its host, under the names that every Prometheus client uses. Read when they are asked for. */
import { readdirSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { Counter, Gauge } from './prom-client-parts.ts';

export function addProcessMetrics(registry: Registry): void {
  const startedAtSeconds = Date.now() / 1000 - process.uptime();
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers: [],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  registry.registerMetric(cpu);
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss());
  gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () => startedAtSeconds);
  gauge('process_open_fds', 'Number of open file descriptors.', openDescriptors);

  function gauge(name: string, help: string, read: () => number | null): void {
    const metric = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        const value = read();
        if (value === null) this.reset();
        else this.set(value);
      },
    });
    registry.registerMetric(metric);
  }
}

/** Null where there is no /proc. */
function openDescriptors(): number | null {
  try {
    return readdirSync('/proc/self/fd').length - 1; // the one that lists them
  } catch {
    return null;
  }
}
