/**
 * The inputs that run. They can be exchanged while the daemon works: what stays the same runs on, what is new begins where the
 * store says that somebody has read to, so that each line is still stored exactly once.
 */
import { isDeepStrictEqual } from 'node:util';
import type { InputConfig } from './config/schema.ts';
import type { Input, InputContext, InputKind } from './inputs/input.ts';
import { inputs as inputKinds } from './inputs/registry.ts';
import type { Ingest } from './pipeline/ingest.ts';
import { RegressionError, messageOf } from './runtime/errors.ts';

export interface RunningInputsOptions {
  readonly ingest: Pick<Ingest, 'open' | 'flushed' | 'failure'>;
  /** What every input is given, but for the way into the pipeline. */
  readonly context: Omit<InputContext, 'open' | 'name'>;
}

interface Running {
  /** In metrics and in the daemon's own log. */
  readonly name: string;
  readonly config: InputConfig;
  readonly input: Input;
  /** Aborted once the input has stopped: what its streams hold of records that are not complete is for the next reader. */
  readonly left: AbortController;
}

export class RunningInputs {
  readonly #options: RunningInputsOptions;
  #running: readonly Running[] = [];
  #failure: string | null = null;
  #isStopped = false;

  constructor(options: RunningInputsOptions) {
    this.#options = options;
  }

  get all(): readonly { readonly name: string; readonly input: Input }[] {
    return this.#running;
  }

  /** Null while all inputs of the configuration run; else why one does not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** @throws what starting an input throws; those before it run then, until `stop`. */
  async start(configs: readonly InputConfig[]): Promise<void> {
    for (const running of this.#create(configs, [])) await this.#start(running);
  }

  /**
   * Stops what is not in `configs` any more and starts what is new; a changed input is both. All or nothing: when one cannot be
   * started, those that were stopped are started again, where they were.
   * @throws RegressionError `CONFLICT` while the store takes no rows, since nobody can read on before it does; what making or
   * starting an input throws.
   */
  async change(configs: readonly InputConfig[]): Promise<void> {
    const before = this.#running;
    const stopped = [...before];
    const isNew = (config: InputConfig): boolean => {
      const same = stopped.findIndex((running) => isDeepStrictEqual(running.config, config));
      if (same >= 0) stopped.splice(same, 1);
      return same < 0;
    };
    const newConfigs = configs.filter(isNew);
    const kept = before.filter((running) => !stopped.includes(running));
    const added = this.#create(newConfigs, kept);
    if (stopped.length === 0 && added.length === 0) return;
    if (this.#options.ingest.failure !== null) {
      throw new RegressionError(
        'CONFLICT',
        `inputs: not while the store takes no rows (${this.#options.ingest.failure})`,
        {
          hint: 'Reload again when /health/ready says that the store is ready.',
        },
      );
    }
    await this.#leave(stopped);
    this.#running = kept;
    try {
      for (const running of added) await this.#start(running);
      this.#failure = null;
    } catch (error) {
      await this.#leave(this.#running.filter((running) => !kept.includes(running)));
      this.#running = kept;
      await this.#startAgain(stopped.map(({ config }) => config));
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#running.toReversed().map(({ input }) => input.stop()));
    this.#running = [];
  }

  async #startAgain(configs: readonly InputConfig[]): Promise<void> {
    for (const running of this.#create(configs, this.#running)) {
      try {
        await this.#start(running);
      } catch (error) {
        this.#failure = messageOf(error); // told by the health of the daemon
      }
    }
  }

  /** A file input that starts asks the store how far its files are read: all that these have read must be there. */
  async #leave(leaving: readonly Running[]): Promise<void> {
    if (leaving.length === 0) return;
    await Promise.all(leaving.map(({ input }) => input.stop()));
    for (const { left } of leaving) left.abort();
    for (const { name } of leaving) this.#options.context.metrics.filesFollowed.remove({ input: name });
    await this.#options.ingest.flushed();
  }

  async #start(running: Running): Promise<void> {
    if (this.#isStopped) return; // a change that a stop has overtaken
    this.#running = [...this.#running, running];
    await running.input.start();
  }

  #create(configs: readonly InputConfig[], beside: readonly Running[]): Running[] {
    const { ingest, context } = this.#options;
    const taken = new Set(beside.map(({ name }) => name));
    return configs.map((config) => {
      const left = new AbortController();
      const name = freeName(config, taken);
      const { type, ...options } = config;
      // Which schema checked the options is known by `type`, not by the compiler.
      const kind = inputKinds[type] as unknown as InputKind<never>;
      const input = kind.create(options as never, {
        ...context,
        name,
        open: (source) => ingest.open(source, left.signal),
      });
      return { name, config, input, left };
    });
  }
}

/** `file`, `file-2`: the same for as long as the input runs. */
function freeName({ name, type }: InputConfig, taken: Set<string>): string {
  let free = name ?? type;
  for (let number = 2; taken.has(free); number++) free = `${name ?? type}-${number}`;
  taken.add(free);
  return free;
}
