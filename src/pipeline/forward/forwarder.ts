/**
 * Forwards rows to every sink of the configuration, each at its own pace: a dead one delays no other. Here they are made, started,
 * stopped and asked; how one works is in sink-runner.ts.
 */
import type { Clock } from '../../runtime/clock.ts';
import { RegressionError } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Metrics } from '../../runtime/metrics.ts';
import type { Service } from '../../runtime/service.ts';
import type { Filter } from '../../search/request.ts';
import { parseQuery } from '../../search/parse-query.ts';
import type { CommonSinkOptions } from '../../sinks/options.ts';
import type { Secrets, Sink, SinkContext } from '../../sinks/sink.ts';
import type { Store } from '../../store/store.ts';
import type { RecentRows } from './recent-rows.ts';
import { RowSource } from './row-source.ts';
import { SinkRunner } from './sink-runner.ts';
import type { SinkStatus } from './sink-status.ts';

export interface ConfiguredSink {
  readonly type: string;
  readonly repeatsBatches: boolean;
  readonly common: CommonSinkOptions;
  readonly create: (context: SinkContext) => Sink;
}

export interface ForwarderOptions {
  readonly sinks: readonly ConfiguredSink[];
  readonly store: Pick<Store, 'search' | 'state' | 'stats'>;
  readonly recent: RecentRows;
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

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { sinks, store, recent, clock, logger, metrics, secrets, random } = this.#options;
    if (sinks.length === 0) return;
    const origin = await store.state.origin();
    const runners = sinks.map(({ type, repeatsBatches, common, create }) => {
      const name = common.name ?? type;
      const sink = create({ name, origin, clock, secrets, concurrency: common.concurrency });
      return new SinkRunner({
        name,
        type,
        sink,
        repeatsBatches,
        filter: filterOf(common),
        options: common,
        rows: new RowSource(store, recent, clock),
        arrival: (signal) => recent.arrival(signal),
        store,
        clock,
        logger,
        metrics,
        random,
      });
    });
    this.#runners = runners;
    await Promise.all(runners.map((runner) => runner.start()));
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

  /** Dead letters of a sink are to be sent once more. @throws RegressionError `NOT_FOUND`. */
  wake(name: string): void {
    const runner = this.#runners.find((candidate) => candidate.name === name);
    if (runner === undefined) throw new RegressionError('NOT_FOUND', `there is no sink ${name} in the configuration`);
    runner.wake();
  }
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
