/**
 * Forwards rows to every sink of the configuration, each at its own pace: a dead one delays no other. Here they are made, started,
 * stopped and asked; how one works is in sink-runner.ts.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Service } from '../../runtime/service.ts';
import type { Filter } from '../../search/request.ts';
import { parseQuery } from '../../search/parse-query.ts';
import type { CommonSinkOptions } from '../../sinks/options.ts';
import type { Repetitions, Secrets, Sink, SinkContext } from '../../sinks/sink.ts';
import type { Store } from '../../store/store.ts';
import type { Admission } from './admission.ts';
import type { RecentRows } from './recent-rows.ts';
import { RowSource } from './row-source.ts';
import { SinkRunner } from './sink-runner.ts';
import type { SinkStatus } from './sink-status.ts';

export interface ConfiguredSink {
  readonly type: string;
  readonly repetitions: Repetitions;
  /** Every option, the sink's own ones too: what is equal is the same sink. */
  readonly common: CommonSinkOptions;
  readonly create: (context: SinkContext) => Sink;
}

export interface ForwarderOptions {
  readonly sinks: readonly ConfiguredSink[];
  readonly store: Pick<Store, 'search' | 'state' | 'stats'>;
  readonly recent: RecentRows;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly secrets: Secrets;
  readonly random?: () => number;
}

const circuitNumbers = { closed: 0, half_open: 1, open: 2 } as const;

/** How long `stop` lets sinks deliver what is there already. What is not delivered then is after the next start. */
const drainMs = 3000;

export class Forwarder implements Service {
  readonly name = 'forwarder';
  readonly #options: ForwarderOptions;
  #runners: readonly SinkRunner[] = [];
  readonly #sinkOf = new WeakMap<SinkRunner, ConfiguredSink>();

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.change(this.#options.sinks);
  }

  /**
   * From here on these are the sinks. What stays as it is works on undisturbed; a sink that is changed goes on at its position,
   * which goes by its name. Nothing changes when one cannot be made.
   */
  async change(sinks: readonly ConfiguredSink[]): Promise<void> {
    const before = this.#runners;
    const runnerOf = new Map(
      sinks.map((sink) => [sink, before.find((runner) => isSame(this.#sinkOf.get(runner), sink))]),
    );
    const kept = new Set([...runnerOf.values()].filter((runner) => runner !== undefined));
    if (kept.size === before.length && sinks.length === before.length) return;
    const origin = await this.#options.store.state.origin();
    const runners = sinks.map((sink) => runnerOf.get(sink) ?? this.#runnerOf(sink, origin));
    const leaving = before.filter((runner) => !kept.has(runner));
    await Promise.all(leaving.map((runner) => runner.stop(drainMs)));
    for (const { name } of leaving) this.#forgetGauges(name);
    this.#runners = runners;
    await Promise.all(runners.filter((runner) => !kept.has(runner)).map((runner) => runner.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#runners.map((runner) => runner.stop(drainMs)));
  }

  async status(): Promise<readonly SinkStatus[]> {
    if (this.#runners.length === 0) return [];
    const stored = await this.#options.store.state.sinks();
    const letters = new Map(stored.map(({ name, deadLetters }) => [name, deadLetters]));
    return Promise.all(this.#runners.map((runner) => runner.status(letters.get(runner.name) ?? 0)));
  }

  /** Sets the gauges of every sink to what they are now. */
  async measure(): Promise<void> {
    const { metrics } = this.#options;
    for (const status of await this.status()) {
      const labels = { sink: status.name };
      metrics.sinkLagRows.set(labels, status.lagRows);
      metrics.sinkLagSeconds.set(labels, status.lagSeconds);
      metrics.sinkLagBytes.set(labels, status.lagBytes);
      metrics.sinkDeadLetters.set(labels, status.deadLetters);
      metrics.sinkCircuit.set(labels, status.state === 'held' ? 3 : circuitNumbers[status.circuit]);
      if (status.lastSuccessAt !== null) {
        metrics.sinkLastSuccess.set(labels, Date.parse(status.lastSuccessAt) / 1000);
      }
    }
  }

  #runnerOf(configured: ConfiguredSink, origin: string): SinkRunner {
    const { store, recent, admission, clock, logger, metrics, secrets, random } = this.#options;
    const { type, repetitions, common, create } = configured;
    const name = common.name ?? type;
    const runner = new SinkRunner({
      name,
      type,
      sink: create({ name, origin, clock, secrets, concurrency: common.concurrency }),
      repetitions,
      filter: filterOf(common),
      options: common,
      rows: new RowSource(store, recent, clock),
      arrival: (signal) => recent.arrival(signal),
      admission,
      store,
      clock,
      logger,
      metrics,
      random,
    });
    this.#sinkOf.set(runner, configured);
    return runner;
  }

  /** A sink that is no more stands nowhere. */
  #forgetGauges(sink: string): void {
    const { sinkLagRows, sinkLagSeconds, sinkLagBytes, sinkDeadLetters, sinkCircuit, sinkLastSuccess } =
      this.#options.metrics;
    const gauges = [sinkLagRows, sinkLagSeconds, sinkLagBytes, sinkDeadLetters, sinkCircuit, sinkLastSuccess];
    for (const gauge of gauges) gauge.remove({ sink });
  }

  /** Of the configuration. */
  get names(): readonly string[] {
    return this.#runners.map(({ name }) => name);
  }

  /** Dead letters of a sink are to be sent once more. */
  wake(name: string): void {
    this.#runners.find((candidate) => candidate.name === name)?.wake();
  }
}

/** `common` holds every option of the configuration, the sink's own ones too. */
function isSame(before: ConfiguredSink | undefined, sink: ConfiguredSink): boolean {
  return before?.type === sink.type && isDeepStrictEqual(before.common, sink.common);
}

/** Relative times mean nothing in a query that stands for years: they count from 1970, and find everything or nothing. */
function filterOf({ severity, application, query }: CommonSinkOptions): Filter {
  const parsed = query === undefined ? null : parseQuery(query, 0);
  return {
    ...(severity === undefined ? {} : { minSeverity: severity }),
    ...(application === undefined ? {} : { application }),
    ...(query === undefined || parsed === null ? {} : { search: { text: query, query: parsed } }),
  };
}
