/**
 * What a service manager is told: ready, what the daemon is about, that it lives, that it stops. The protocol is sd_notify(3): datagrams of
 * `NAME=value` lines to the Unix socket that `NOTIFY_SOCKET` names.
 */
import { type Libc, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, openLibc } from './libc.ts';
import type { Logger } from './logger.ts';
import { AF_UNIX, unixSocketAddress } from './socket-address.ts';

const MSG_NOSIGNAL = 0x4000;
const statusIntervalMs = 10_000;
/** Of a start that is under way: asked for again before it is over. */
const patienceMicros = 60_000_000;

export interface ServiceManagerOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** One line for `systemctl status`, asked for now and then. */
  readonly status: () => string;
}

/** Does nothing where no service manager waits for a word. */
export class ServiceManager {
  readonly #options: ServiceManagerOptions;
  #send: ((text: string) => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #toldStatus = '';

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
  }

  /** The daemon starts: for as long as it does, which a long database may make minutes, the manager is to be patient. */
  async starting(): Promise<void> {
    const { env, logger } = this.#options;
    const path = env['NOTIFY_SOCKET'];
    if (path === undefined || path === '') return;
    const libc = await openLibc();
    if (libc === null) {
      logger.warn(
        { hint: 'Install the optional package koffi, or use Type=exec without WatchdogSec.' },
        'the service manager cannot be told that the daemon is ready',
      );
      return;
    }
    this.#send = senderTo(path, libc);
    const startedAtMs = performance.now();
    const beg = (): void => {
      const seconds = Math.round((performance.now() - startedAtMs) / 1000);
      this.#send?.(`EXTEND_TIMEOUT_USEC=${patienceMicros}\nSTATUS=starting, for ${seconds} s: reads its database`);
    };
    beg();
    this.#timer = setInterval(beg, statusIntervalMs);
    this.#timer.unref();
  }

  /** The daemon does its work: `READY=1`, then its status and, if asked for (`WATCHDOG_USEC`), a sign of life twice in that time. */
  ready(): void {
    if (this.#send === null) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    const { env } = this.#options;
    this.#toldStatus = this.#statusLine();
    this.#send(`READY=1\nMAINPID=${process.pid}\n${this.#toldStatus}`);
    const watchdogMs = watchdogMsOf(env);
    // From the main loop on purpose: when that is stuck, the daemon is to be started anew.
    this.#timer = setInterval(
      () => this.#tell(watchdogMs !== null),
      Math.min(statusIntervalMs, watchdogMs ?? Infinity),
    );
    this.#timer.unref();
  }

  /** The configuration is read anew: the manager waits until `reloaded`. */
  reloading(): void {
    this.#send?.(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}\nSTATUS=reads its configuration anew`);
  }

  reloaded(): void {
    this.#toldStatus = this.#statusLine();
    this.#send?.(`READY=1\n${this.#toldStatus}`);
  }

  stopping(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#send?.('STOPPING=1\nSTATUS=stopping: commits what was read');
  }

  #tell(isWatched: boolean): void {
    const status = this.#statusLine();
    const lines = [...(isWatched ? ['WATCHDOG=1'] : []), ...(status === this.#toldStatus ? [] : [status])];
    this.#toldStatus = status;
    if (lines.length > 0) this.#send?.(lines.join('\n'));
  }

  #statusLine(): string {
    return `STATUS=${this.#options.status().replaceAll('\n', ' ')}`;
  }
}

/** Half of the time after which the manager gives us up; null when it does not watch, or watches another process. */
function watchdogMsOf(env: ServiceManagerOptions['env']): number | null {
  const micros = Number(env['WATCHDOG_USEC']);
  const watched = env['WATCHDOG_PID'];
  if (!(micros > 0) || (watched !== undefined && Number(watched) !== process.pid)) return null;
  return micros / 2000;
}

function senderTo(path: string, libc: Libc): (text: string) => void {
  const address = unixSocketAddress(path);
  const socket = libc.func('int socket(int, int, int)');
  const sendto = libc.func('int64_t sendto(int, void*, uint64_t, int, void*, uint32_t)');
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return (text) => {
    const bytes = Buffer.from(text);
    // A manager that does not listen any more is no concern of ours.
    sendto(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
  };
}
