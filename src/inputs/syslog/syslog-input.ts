/**
 * The syslog input: one listening address, datagrams or streams, each in a listener of its own kind.
 */
import { RegressionError, messageOf, systemCodeOf } from '../../runtime/errors.ts';
import { atMost, memoryBudget } from '../../runtime/memory-budget.ts';
import type { Input, InputContext, InputKind, LineStream, SourceDescription } from '../input.ts';
import { DatagramListener } from './datagram-listener.ts';
import { parseListen } from './listen-address.ts';
import { Notices } from './notices.ts';
import { type SyslogOptions, syslogOptions } from './options.ts';
import { StreamListener } from './stream-listener.ts';

export const syslog: InputKind<typeof syslogOptions> = {
  options: syslogOptions,
  create: (options, context) => new SyslogInput(options, context),
};

export class SyslogInput implements Input {
  readonly name = 'syslog';
  readonly #options: SyslogOptions;
  readonly #listener: DatagramListener | StreamListener;

  constructor(given: SyslogOptions, context: InputContext, { parts } = memoryBudget()) {
    const options = { ...given, queue_bytes: atMost(given.queue_bytes, parts.receivedBytes) };
    this.#options = options;
    const address = parseListen(options.listen);
    if (address === null) throw new RegressionError('CONFIG_INVALID', `${options.listen} is no listening address`);
    const notices = new Notices(`syslog on ${options.listen}`, context.clock, context.logger);
    const openStream = (): LineStream => context.open(syslogSourceOf(options));
    const shared = { options, context, notices, openStream };
    this.#listener =
      address.kind === 'udp' || address.kind === 'unixgram'
        ? new DatagramListener({ ...shared, address })
        : new StreamListener({ ...shared, address });
  }

  describe(): string {
    // Port 0 stands for any that is free: the one that was got is what an operator must know.
    return `syslog on ${this.#options.listen.replace(/:0$/, `:${this.port}`)}`;
  }

  /** The port in use; tests listen on port 0. */
  get port(): number {
    return this.#listener.port;
  }

  /** @throws RegressionError `INPUT_UNAVAILABLE` when the address cannot be listened on. */
  async start(): Promise<void> {
    try {
      await this.#listener.start();
    } catch (error) {
      throw error instanceof RegressionError ? error : this.#unavailable(error);
    }
  }

  stop(): Promise<void> {
    return this.#listener.stop();
  }

  #unavailable(error: unknown): RegressionError {
    const code = systemCodeOf(error);
    const hint =
      code === 'EADDRINUSE'
        ? 'Another program (or another regression) takes syslog there: stop it, or change inputs[].listen.'
        : code === 'EACCES'
          ? 'Ports below 1024 need CAP_NET_BIND_SERVICE; a Unix socket needs a directory that can be written.'
          : 'Check inputs[].listen.';
    return new RegressionError(
      'INPUT_UNAVAILABLE',
      `cannot take syslog on ${this.#options.listen}: ${messageOf(error)}`,
      { cause: error, hint },
    );
  }
}

/** What the pipeline is told of an address. */
export function syslogSourceOf(options: SyslogOptions): SourceDescription {
  const { listen, format, pattern, timezone, application } = options;
  return { source: listen, format, pattern, timezone, application, applicationHint: 'syslog' };
}
