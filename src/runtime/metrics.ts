/**
 * Every metric of the daemon, named by Prometheus convention (base units, `_total` for counters).
 *
 * Hot paths count per chunk or batch, never per line: a labelled increment costs about as much as parsing a short line.
 */
import { Counter, Gauge, Histogram, Registry } from './prom-client-parts.ts';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter<Label>({ name: `regression_${name}`, help, labelNames, registers: [registry] });
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge<Label>({ name: `regression_${name}`, help, labelNames, registers: [registry] });
  const histogram = <Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly Label[] = [],
  ) => new Histogram<Label>({ name: `regression_${name}`, help, buckets, labelNames, registers: [registry] });

  return {
    registry,
    buildInfo: gauge('build_info', '1; which release this is, on which Node', ['version', 'node_version']),
    reloadOk: gauge('config_last_reload_successful', '1 when the configuration was taken over when it was last read'),
    reloadSuccess: gauge(
      'config_last_reload_success_timestamp_seconds',
      'When the configuration was last taken over, the start included',
    ),
    /** Lines and datagrams handed to the pipeline. */
    linesRead: counter('input_lines_total', 'Lines or datagrams read from inputs', ['input']),
    bytesRead: counter('input_bytes_total', 'Bytes read from inputs', ['input']),
    filesFollowed: gauge('input_files', 'Files being followed', ['input']),
    /** Each thing lost on purpose or by force, with its reason. */
    dropped: counter('input_dropped_total', 'Lines or datagrams that were not stored, by reason', ['input', 'reason']),
    gaps: counter('input_gaps_total', 'Parts of files that went unread, each stated as a gap, by reason', ['reason']),
    lostBytes: counter('input_lost_bytes_total', 'Bytes of files that are known to be lost unread, by reason', [
      'reason',
    ]),
    truncatedLines: counter('input_truncated_lines_total', 'Lines cut at max_line_bytes', ['input']),
    inputErrors: counter('input_errors_total', 'Errors of inputs (unreadable files, failed reads), by system code', [
      'input',
      'code',
    ]),
    syslogConnections: gauge('syslog_connections', 'Open stream connections of syslog senders'),
    syslogConnectionsClosed: counter(
      'syslog_connections_closed_total',
      'Syslog connections closed by us for a reason other than idleness',
      ['reason'],
    ),
    syslogReceiveBuffer: gauge(
      'syslog_receive_buffer_bytes',
      'Receive buffer that the kernel granted to a UDP listener',
      ['listen'],
    ),
    recordsParsed: counter('parsed_records_total', 'Records made of what was read, by the format it was read as', [
      'format',
    ]),
    parseFailures: counter(
      'parse_failures_total',
      "Entries that were not of their source's format and were stored as plain text",
      ['format'],
    ),
    transformDropped: counter(
      'transform_dropped_total',
      'Records that a transform did not let through, by its place and type',
      ['transform'],
    ),
    recordsStored: counter('store_records_total', 'Records committed'),
    commits: counter('store_commits_total', 'Transactions committed'),
    commitSeconds: histogram(
      'store_commit_seconds',
      'Time from handing a batch to the store until it is durable',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    ),
    queuedBytes: gauge('pipeline_queued_bytes', 'Text accepted from inputs and not yet committed'),
    storeBytes: gauge('store_bytes', 'Files of the store: `hot`, its `wal`, closed `segments`', ['part']),
    segments: gauge('store_segments', 'Closed files of the store'),
    unsealedSegments: gauge('store_unsealed_segments', 'Closed files that have not got their indexes yet'),
    storeErrors: counter('store_errors_total', 'Failed store operations, by error code', ['code']),
    damagedFiles: gauge('store_damaged_files', 'Database files that could not be used and were set aside, ever'),
    lostRows: gauge(
      'store_lost_records',
      'Records lost to damaged database files, as far as they could be counted, ever',
    ),
    freeBytes: gauge('data_dir_free_bytes', 'What the disk of the data directory has left for us'),
    partReady: gauge('part_ready', '1 when a part of the daemon does its work, as /health/ready says', ['part']),
    querySeconds: histogram(
      'query_seconds',
      'Time to answer a query',
      [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      ['route'],
    ),
    sinkRows: counter('sink_records_total', 'Records that an upstream has taken', ['sink']),
    sinkFailures: counter(
      'sink_failures_total',
      'Requests that an upstream did not take: `unavailable` now, or `refused` as the sink is configured',
      ['sink', 'kind'],
    ),
    sinkRefused: counter('sink_refused_total', 'Records that an upstream refused for good: dead letters', ['sink']),
    sinkDropped: counter('sink_dropped_total', 'Records that went unsent: to retention, or past max_backlog', ['sink']),
    sinkSeconds: histogram(
      'sink_seconds',
      'Time a request to an upstream takes, waiting for its turn included',
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      ['sink'],
    ),
    sinkLagRows: gauge('sink_lag_records', 'Records stored and not yet delivered', ['sink']),
    sinkLagSeconds: gauge('sink_lag_seconds', 'Age of the oldest record that is being delivered', ['sink']),
    sinkLagBytes: gauge('sink_lag_bytes', 'What waits for a sink, about, as it lies in the store', ['sink']),
    sinkLastSuccess: gauge('sink_last_success_timestamp_seconds', 'When an upstream last took records', ['sink']),
    sinkCircuit: gauge('sink_circuit_state', '0 closed, 1 half open, 2 open, 3 held until somebody changes something', [
      'sink',
    ]),
    sinkDeadLetters: gauge('sink_dead_letters', 'Dead letters kept', ['sink']),
    rowsRemoved: counter('store_rows_removed_total', 'Rows taken out of the store by tasks, by reason', ['reason']),
    taskRuns: counter('task_runs_total', 'Runs of tasks, by how they ended', ['task', 'outcome']),
    taskSkipped: counter('task_skipped_total', 'Scheduled runs left out because the one before was under way', [
      'task',
    ]),
    taskRunning: gauge('task_running', '1 while the task runs', ['task']),
    taskProgress: gauge('task_progress_ratio', 'How far the run under way is', ['task']),
    taskLastOutcome: gauge('task_last_ok', '1 when the last run succeeded, 0 when it failed', ['task']),
    taskLastSeconds: gauge('task_last_seconds', 'How long the last run took', ['task']),
    taskLastSuccess: gauge('task_last_success_timestamp_seconds', 'When the task last succeeded', ['task']),
    taskNextRun: gauge('task_next_run_timestamp_seconds', 'When the task is due next', ['task']),
    requests: counter('http_requests_total', 'HTTP requests answered', ['route', 'status']),
  };
}
