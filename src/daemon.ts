/**
 * The composition root: makes the parts of the daemon, starts them in order and stops them in reverse.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config/schema.ts';
import { configuredSink } from './configured-sink.ts';
import { healthOf } from './health.ts';
import { type LocalPipeline, openLocalPipeline } from './local-pipeline.ts';
import { replacedFiles } from './package-info.ts';
import { Forwarder } from './pipeline/forward/forwarder.ts';
import { OwnLogRows } from './pipeline/own-log-rows.ts';
import { type AdminToken, loadOrCreateAdminToken } from './query/admin-token.ts';
import type { HealthPart } from './query/context.ts';
import { HealthThread } from './query/health-thread.ts';
import { postBounds } from './query/posts-under-way.ts';
import { QueryServer } from './query/server.ts';
import { Reload, type ReloadOutcome } from './reload.ts';
import { RunningInputs } from './running-inputs.ts';
import type { LogRecord } from './record/log-record.ts';
import { type Clock, systemClock } from './runtime/clock.ts';
import { diskSpace } from './runtime/disk-space.ts';
import { RegressionError } from './runtime/errors.ts';
import { hostAndPort } from './runtime/host-and-port.ts';
import type { InheritedSockets } from './runtime/inherited-sockets.ts';
import type { Logger, OwnLog } from './runtime/logger.ts';
import { createMetrics } from './runtime/metrics.ts';
import { addProcessMetrics } from './runtime/process-metrics.ts';
import type { Service } from './runtime/service.ts';
import { secretsFrom } from './sinks/secrets.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { TaskRunner } from './schedule/task-runner.ts';

export interface DaemonOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Where `logger` writes to; without it `log.format` and `log.rows` mean nothing. */
  readonly ownLog?: OwnLog;
  readonly version: string;
  /** Where secrets of the configuration are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** Reads the configuration anew, for `reload`; without it the one that was given is kept. */
  readonly load?: () => Promise<Config>;
  readonly onReloading?: (isReloading: boolean) => void;
  /** Sockets that a service manager holds for the daemon. */
  readonly inherited?: InheritedSockets;
  /** Told when the daemon cannot go on (a corrupt database): the caller stops it. */
  readonly onFatal: (error: unknown) => void;
}

/** What a daemon that has started tells its operator. */
export interface DaemonSummary {
  readonly inputs: readonly string[];
  readonly server: string;
  readonly dataDir: string;
  readonly adminTokenPath: string;
}

/** How long inputs get to hand over what they are reading; then the pipeline stops under them. Files lose nothing by it. */
const inputGraceMs = 1000;

export class Daemon implements Service {
  readonly name = 'daemon';
  readonly #options: DaemonOptions;
  readonly #clock: Clock;
  readonly #metrics = createMetrics();
  #pipeline: LocalPipeline | null = null;
  #inputs: RunningInputs | null = null;
  #server: QueryServer | null = null;
  #healthThread: HealthThread | null = null;
  #forwarder: Forwarder | null = null;
  #scheduler: Scheduler | null = null;
  #tasks: TaskRunner | null = null;
  #token: AdminToken | null = null;
  #reload: Reload | null = null;
  #isStarted = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Starts everything or nothing: what was started before a failure is stopped again. */
  async start(): Promise<void> {
    try {
      await this.#start();
      this.#isStarted = true;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#isStarted = false;
    await this.#server?.stop();
    await this.#healthThread?.stop();
    await this.#scheduler?.stop();
    await this.#tasks?.stop();
    // A reload that is under way may wait for the store as inputs may: neither holds up the stop.
    const stopping = Promise.all([this.#inputs?.stop(), this.#reload?.settled()]);
    const waited = new AbortController();
    this.#pipeline?.admission.release();
    await Promise.race([stopping, this.#clock.delay(inputGraceMs, waited.signal)]);
    waited.abort();
    this.#options.ownLog?.listen(null);
    await this.#pipeline?.ingest.stop();
    await stopping;
    await this.#scheduler?.stop(); // a reload that was under way may have made another
    await this.#forwarder?.stop();
    await this.#pipeline?.close();
    this.#server = null;
    this.#healthThread = null;
    this.#forwarder = null;
    this.#scheduler = null;
    this.#tasks = null;
    this.#inputs = null;
    this.#reload = null;
    this.#pipeline = null;
  }

  /**
   * Reads the configuration anew and takes over what a running daemon can.
   * @throws RegressionError `CONFIG_INVALID`, and what a part throws that cannot take its share over: then nothing has changed.
   */
  async reload(): Promise<ReloadOutcome> {
    if (this.#reload === null) throw new RegressionError('CONFLICT', 'the daemon is not running');
    return this.#reload.run();
  }

  get summary(): DaemonSummary {
    return {
      inputs: (this.#inputs?.all ?? []).map(({ input }) => input.describe()),
      server: this.#server?.url ?? '',
      dataDir: this.#options.config.data_dir,
      adminTokenPath: this.#token?.path ?? '',
    };
  }

  /** How it stands, in one line: what does not work, else what it does. */
  get status(): string {
    const failing = this.#health().filter(({ ok }) => !ok);
    if (failing.length > 0) return failing.map(({ name, reason }) => `${name}: ${reason ?? 'not ready'}`).join('; ');
    return `${this.summary.inputs.join(', ') || 'no inputs'}; answers on ${this.summary.server}`;
  }

  async #start(): Promise<void> {
    const { config, logger, version, env, onFatal } = this.#options;
    const clock = this.#clock;
    const metrics = this.#metrics;
    addProcessMetrics(metrics.registry);
    metrics.buildInfo.set({ version, node_version: process.version }, 1);
    const pipeline = await openLocalPipeline({ config, command: 'run', clock, metrics, logger, onFatal });
    this.#pipeline = pipeline;
    this.#applyLog(config.log);
    this.#token = await loadOrCreateAdminToken(config.data_dir);
    if (this.#token.isExposed) {
      logger.warn({ hint: `chmod 600 ${this.#token.path}` }, 'the admin token can be read by other users of this host');
    }
    this.#forwarder = new Forwarder({
      sinks: config.sinks.map(configuredSink),
      store: pipeline.store,
      recent: pipeline.recent,
      admission: pipeline.admission,
      clock,
      logger,
      metrics,
      secrets: secretsFrom(env),
    });
    const { store } = pipeline;
    const tasks = () => this.#reload?.config.tasks ?? config.tasks;
    const runner = new TaskRunner({ config: tasks, store, dataDir: config.data_dir, clock, metrics, logger });
    this.#tasks = runner;
    // The server first: an address that cannot be had is found before anything is read.
    this.#server = new QueryServer({
      store: pipeline.store,
      feed: pipeline.feed,
      append: (records) => pipeline.ingest.commit(records),
      clock,
      metrics,
      logger,
      queryTimeoutMs: config.server.query_timeout,
      health: () => this.#health(),
      freeBytes: async () => (await diskSpace(config.data_dir)).freeBytes,
      tasks: { runner, nextRun: (name) => this.#scheduler?.nextRun(name) ?? null },
      reload: () => this.reload(),
      forwarder: this.#forwarder,
      inputs: () =>
        (this.#inputs?.all ?? []).map(({ name, input }) => ({
          name,
          describes: input.describe(),
          files: input.files?.() ?? null,
        })),
      listen: config.server.listen,
      allowRemote: config.server.allow_remote,
      allowedHosts: config.server.allowed_hosts,
      tls: config.server.tls,
      socketMode: Number.parseInt(config.server.socket_mode, 8),
      requestLimits: {
        requestsPerSecond: config.server.requests_per_second,
        maxAtOnce: config.server.max_requests,
      },
      token: this.#token.token,
      version,
      ingest: { ingest: pipeline.ingest, ...postBounds(config.server.max_ingest_bytes) },
    });
    await this.#server.start();
    if (config.server.health_listen !== undefined) {
      this.#healthThread = new HealthThread({
        ...hostAndPort(config.server.health_listen),
        health: () => this.#health(),
      });
      await this.#healthThread.start();
    }
    pipeline.lock.announce(this.#server.url);
    await this.#forwarder.start();
    this.#inputs = new RunningInputs({
      ingest: pipeline.ingest,
      context: {
        knownPositions: () => pipeline.store.positions(),
        forgetGenerations: (generations) => pipeline.store.state.forgetGenerations(generations),
        clock,
        logger,
        metrics,
        ownPaths: [config.data_dir, config.tasks.backup.dir, config.tasks.archive.dir].filter(
          (path) => path !== undefined,
        ),
        inherited: this.#options.inherited,
      },
    });
    await this.#inputs.start(config.inputs);
    this.#options.inherited?.warnOfUnused(logger);
    await runner.start();
    await this.#schedule(config.tasks);
    this.#reload = this.#reloadOf(pipeline, this.#forwarder, this.#inputs);
  }

  #applyLog(log: Config['log']): void {
    const { logger, ownLog, version } = this.#options;
    const pipeline = this.#pipeline;
    if (ownLog === undefined) {
      logger.level = log.level;
      return;
    }
    ownLog.change(log);
    if (!log.rows || pipeline === null) return ownLog.listen(null);
    const commit = (records: readonly LogRecord[]): Promise<void> => pipeline.ingest.commit(records);
    const rows = new OwnLogRows({ commit, version, metrics: this.#metrics });
    ownLog.listen((entry) => rows.take(entry));
  }

  async #schedule(config: Config['tasks']): Promise<void> {
    const { logger } = this.#options;
    await this.#scheduler?.stop();
    this.#scheduler = null;
    if (this.#pipeline === null || this.#tasks === null) return;
    const { store } = this.#pipeline;
    const options = { config, runner: this.#tasks, store, clock: this.#clock, metrics: this.#metrics, logger };
    this.#scheduler = new Scheduler(options);
    await this.#scheduler.start();
  }

  #reloadOf(pipeline: LocalPipeline, forwarder: Forwarder, inputs: RunningInputs): Reload {
    const { config, logger, load = async () => config, onReloading = () => undefined } = this.#options;
    let { tasks, log } = config;
    return new Reload({
      config,
      load,
      onReloading,
      clock: this.#clock,
      logger,
      metrics: this.#metrics,
      parts: [
        () => this.#server?.renewTls(),
        (next) => {
          if (!isDeepStrictEqual(log, next.log)) this.#applyLog(next.log);
          log = next.log;
        },
        (next) => pipeline.change(next), // before the inputs: a new one's first record goes through the new transforms
        ({ sinks }) => forwarder.change(sinks.map(configuredSink)),
        (next) => inputs.change(next.inputs),
        async (next) => {
          if (isDeepStrictEqual(tasks, next.tasks)) return;
          tasks = next.tasks;
          await this.#schedule(tasks);
        },
      ],
    });
  }

  #health(): readonly HealthPart[] {
    const [pipeline, inputs] = [this.#pipeline, this.#inputs];
    return healthOf({ pipeline, inputs, isStarted: this.#isStarted, replacedFiles: replacedFiles() });
  }
}
