/**
 * Takes a changed configuration over while the daemon runs: everything in it that a running daemon can take over, or nothing.
 *
 * A configuration that cannot be read, or that some part refuses, leaves the daemon as it was; who asked is told why, and so are the
 * daemon's own log and the metrics. What a part does with its share is the part's business: it finds out itself what is new to it.
 */
import { type ConfigChanges, changesOf } from './config/changes.ts';
import type { Config } from './config/schema.ts';
import type { Clock } from './runtime/clock.ts';
import { hintOf, messageOf } from './runtime/errors.ts';
import type { Logger } from './runtime/logger.ts';
import type { Metrics } from './runtime/metrics.ts';

export interface ReloadOptions {
  /** What the daemon was started with. */
  readonly config: Config;
  /** Reads the configuration anew. */
  readonly load: () => Promise<Config>;
  /** What takes a configuration over, in this order; each all or nothing. */
  readonly parts: readonly ((config: Config) => void | Promise<void>)[];
  /** Told when it begins, and when it is over. */
  readonly onReloading: (isReloading: boolean) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Paths of the configuration, as `inputs` or `application.version`. */
export type ReloadOutcome = Pick<ConfigChanges, 'applied' | 'needsRestart'>;

export class Reload {
  readonly #options: ReloadOptions;
  #config: Config;
  #running: Promise<unknown> = Promise.resolve();
  /** The one that begins when the running one is over: whoever asks meanwhile means the same. */
  #waiting: Promise<ReloadOutcome> | null = null;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#measure(true);
  }

  /** What the daemon runs with now. */
  get config(): Config {
    return this.#config;
  }

  /** @throws RegressionError `CONFIG_INVALID`, every problem with its place; what a part throws. The old configuration stays then. */
  run(): Promise<ReloadOutcome> {
    this.#waiting ??= this.#running
      .catch(() => undefined) // was told to who asked
      .then(() => {
        const running = this.#reload();
        this.#running = running;
        this.#waiting = null;
        return running;
      });
    return this.#waiting;
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await this.#waiting?.catch(() => undefined);
    await this.#running.catch(() => undefined);
  }

  async #reload(): Promise<ReloadOutcome> {
    const { logger, onReloading } = this.#options;
    onReloading(true);
    try {
      const outcome = await this.#takeOver(await this.#options.load());
      this.#measure(true);
      const { applied, needsRestart } = outcome;
      const inForce =
        applied.length > 0 ? 'the changed configuration is in force' : 'nothing of the configuration is new';
      const later = needsRestart.length > 0 ? `; after a restart also: ${needsRestart.join(', ')}` : '';
      logger.info({ applied, needs_restart: needsRestart }, `${inForce}${later}`);
      return outcome;
    } catch (error) {
      this.#measure(false);
      logger.error(
        { hint: hintOf(error) },
        `the configuration was not taken over, the old one stays in force: ${messageOf(error)}`,
      );
      throw error;
    } finally {
      onReloading(false);
    }
  }

  async #takeOver(read: Config): Promise<ReloadOutcome> {
    const { next, applied, needsRestart } = changesOf(this.#config, read);
    const changed: ReloadOptions['parts'][number][] = [];
    try {
      for (const part of this.#options.parts) {
        await part(next);
        changed.push(part);
      }
    } catch (error) {
      for (const part of changed.toReversed()) await part(this.#config);
      throw error;
    }
    this.#config = next;
    return { applied, needsRestart };
  }

  #measure(isOk: boolean): void {
    const { metrics, clock } = this.#options;
    metrics.reloadOk.set(isOk ? 1 : 0);
    if (isOk) metrics.reloadSuccess.set(clock.nowMs() / 1000);
  }
}
