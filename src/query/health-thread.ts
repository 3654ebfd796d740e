/**
 * `/health/live` and `/health/ready` from a thread of its own (`server.health_listen`): it answers when the main loop is stuck, and says so.
 * The thread knows what it is told once a second; being told nothing any more is what it notices.
 */
import { Worker } from 'node:worker_threads';
import { RegressionError } from '../runtime/errors.ts';
import type { Service } from '../runtime/service.ts';
import type { HealthPart } from './context.ts';

export interface HealthThreadOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly health: () => readonly HealthPart[];
  /** A main loop that says nothing for this long is stuck. */
  readonly stuckMs?: number;
}

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  readonly stuckMs: number;
}

export type FromHealthThread =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly message: string };

const tellIntervalMs = 1000;
const defaultStuckMs = 10_000;

export class HealthThread implements Service {
  readonly name = 'health thread';
  readonly #options: HealthThreadOptions;
  #thread: Worker | null = null;
  #timer: NodeJS.Timeout | null = null;
  #port = 0;

  constructor(options: HealthThreadOptions) {
    this.#options = options;
  }

  get url(): string {
    const { host } = this.#options;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  /** @throws RegressionError `SERVER_UNAVAILABLE`. */
  async start(): Promise<void> {
    const { host, port, health, stuckMs = defaultStuckMs } = this.#options;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const workerData: HealthServerOptions = { host, port, stuckMs };
    const thread = new Worker(new URL(`./thread/health-server.${extension}`, import.meta.url), { workerData });
    this.#thread = thread;
    const tell = (): void => thread.postMessage(health(), []);
    const listening = Promise.withResolvers<void>();
    thread.once('error', (error) => listening.reject(error));
    thread.once('message', (message: FromHealthThread) => {
      if (message.kind === 'failed') return listening.reject(unavailable(host, port, message.message));
      this.#port = message.port;
      return listening.resolve();
    });
    tell();
    try {
      await listening.promise;
    } catch (error) {
      await this.stop();
      throw error;
    }
    thread.unref(); // nothing waits for it
    this.#timer = setInterval(tell, Math.min(tellIntervalMs, stuckMs / 4));
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#thread?.terminate();
    this.#thread = null;
  }
}

function unavailable(host: string, port: number, message: string): RegressionError {
  return new RegressionError(
    'SERVER_UNAVAILABLE',
    `server.health_listen: cannot listen on ${host}:${port}: ${message}`,
    {
      hint: 'Another program listens there, or the address is none of this host: change server.health_listen.',
    },
  );
}
