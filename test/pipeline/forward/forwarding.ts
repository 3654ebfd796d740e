/** A forwarder over a store of its own, for tests: rows in, deliveries out. */
import { pino } from 'pino';
import type { Test } from 'tap';
import type { z } from 'zod';
import { Admission } from '../../../src/pipeline/forward/admission.ts';
import { type ConfiguredSink, Forwarder } from '../../../src/pipeline/forward/forwarder.ts';
import { RecentRows } from '../../../src/pipeline/forward/recent-rows.ts';
import type { SinkStatus } from '../../../src/pipeline/forward/sink-status.ts';
import type { LogRecord } from '../../../src/record/log-record.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { createMetrics } from '../../../src/runtime/metrics.ts';
import type { LogRow } from '../../../src/search/request.ts';
import { commonOptions } from '../../../src/sinks/options.ts';
import { sinks, type SinkType } from '../../../src/sinks/registry.ts';
import { secretsFrom } from '../../../src/sinks/secrets.ts';
import { type Delivery, type Repetitions, type SinkKind, delivered } from '../../../src/sinks/sink.ts';
import type { Store } from '../../../src/store/store.ts';
import { SqliteStore } from '../../../src/store/thread/sqlite-store.ts';

/** A thousand times as fast as the world: waits that a test does not want to sit through. */
export class HastyClock implements Clock {
  readonly waits: number[] = [];
  readonly #speed: number;

  constructor(speed = 1000) {
    this.#speed = speed;
  }

  nowMs(): number {
    return Date.now();
  }

  monotonicMs(): number {
    return performance.now() * this.#speed;
  }

  async delay(ms: number, signal?: AbortSignal): Promise<void> {
    this.waits.push(ms);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms / this.#speed);
    signal?.addEventListener('abort', () => resolve(), { once: true });
    if (signal?.aborted === true) resolve();
    await promise;
    clearTimeout(timer);
  }
}

/** A sink of the registry, with its options as a configuration would give them. */
export function configured(type: SinkType, given: Record<string, unknown>): ConfiguredSink {
  const isCommon = (key: string): boolean => key in commonOptions.shape;
  const split = Map.groupBy(Object.entries(given), ([key]) => isCommon(key));
  const kind = sinks[type] as unknown as SinkKind<z.ZodObject>;
  const own = kind.options.parse(Object.fromEntries(split.get(false) ?? []));
  const common = commonOptions.parse(Object.fromEntries(split.get(true) ?? []));
  return { type, repetitions: kind.repetitions, common, create: (context) => kind.create(own, context) };
}

/** A sink that answers as `deliver` says. */
export function scripted(
  deliver: (rows: readonly LogRow[], signal: AbortSignal) => Promise<Delivery> | Delivery = () => delivered,
  given: Record<string, unknown> = {},
  repetitions: Repetitions = 'by row',
): ConfiguredSink {
  return {
    type: 'scripted',
    repetitions,
    common: commonOptions.parse(given),
    create: () => ({
      describe: () => 'scripted',
      deliver: async (rows, signal) => deliver([...rows], signal),
      close: async () => undefined,
    }),
  };
}

export interface Forwarding {
  readonly store: Store;
  readonly forwarder: Forwarder;
  readonly admission: Admission;
  readonly clock: HastyClock;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly add: (records: readonly LogRecord[]) => Promise<void>;
  readonly status: () => Promise<SinkStatus>;
  /** Resolves once `holds`, asked again and again. */
  readonly until: (holds: (status: SinkStatus) => boolean) => Promise<SinkStatus>;
}

export interface ForwardingOptions {
  readonly store?: Store;
  readonly clock?: HastyClock;
  readonly env?: Record<string, string>;
  readonly recentBytes?: number;
  /** Stored before the forwarder starts. */
  readonly records?: readonly LogRecord[];
}

export async function forwarding(
  t: Test,
  sinks: readonly ConfiguredSink[],
  options: ForwardingOptions = {},
): Promise<Forwarding> {
  const { store = new SqliteStore(':memory:'), clock = new HastyClock(), env = {}, records = [] } = options;
  const recent = new RecentRows(options.recentBytes ?? 1024 * 1024);
  const metrics = createMetrics();
  const admission = new Admission();
  const append = recent.appendTo({
    append: async (batch) => {
      await admission.wait();
      return store.append(batch);
    },
  });
  if (records.length > 0) await store.append({ records, positions: [], gaps: [] });
  const logger = pino({ level: 'silent' });
  const secrets = secretsFrom(env);
  const forwarder = new Forwarder({ sinks, store, recent, admission, clock, logger, metrics, secrets });
  await forwarder.start();
  t.teardown(async () => {
    admission.release();
    await forwarder.stop();
    await store.close();
  });
  const status = async (): Promise<SinkStatus> => (await forwarder.status())[0] as SinkStatus;
  return {
    store,
    forwarder,
    admission,
    clock,
    metrics,
    add: async (added) => void (await append({ records: added, positions: [], gaps: [] })),
    status,
    async until(holds) {
      for (;;) {
        const current = await status();
        if (holds(current)) return current;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  };
}
