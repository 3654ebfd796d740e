/**
 * Calls into a worker thread, as promises: the caller's side of thread/serve.ts.
 */
import { Worker } from 'node:worker_threads';
import { RegressionError } from '../runtime/errors.ts';
import type { PlainError, Reply } from './protocol.ts';

type Result<Calls, M extends keyof Calls> = Calls[M] extends (...args: never[]) => infer R ? R : never;
type Args<Calls, M extends keyof Calls> = Calls[M] extends (...args: infer A) => unknown ? A : never;

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export class ThreadLink<Calls> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<void>;
  #lastCall = 0;
  #failure: Error | null = null;

  /** @param entry name of the thread's entry file beside thread/, without extension. */
  constructor(
    entry: 'writer-thread' | 'reader-thread' | 'sealer-thread' | 'file-job-thread',
    workerData: unknown,
    onNotice: (notice: never) => void = () => undefined,
  ) {
    // Node refuses to run .ts from node_modules: what is installed runs from dist/, so the thread has our own extension.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./thread/${entry}.${extension}`, import.meta.url), {
      workerData,
      stdout: false,
      stderr: false,
    });
    this.#worker.on('message', (message: Reply | { notice: string }) => {
      if ('notice' in message) onNotice(message as never);
      else this.#settle(message);
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#fail(new RegressionError('STORE_CLOSED', `the store's ${entry} has ended`));
        resolve();
      });
    });
  }

  /** Resolves to the message with id 0, which the thread sends by itself: the writer once it is open, the sealer when it is done. */
  ready(): Promise<unknown> {
    return new Promise<unknown>((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
  }

  call<M extends keyof Calls & string>(
    method: M,
    args: Args<Calls, M>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<Result<Calls, M>> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const id = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args }, transfer);
    });
  }

  /** Ends the thread wherever it is (about 4 ms); calls under way are rejected. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Resolves when the thread has ended by itself. */
  exited(): Promise<void> {
    return this.#exited;
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    if (reply.ok) waiting.resolve(reply.result as never);
    else waiting.reject(errorOf(reply.error));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
  }
}

function errorOf({ code, message, hint, retryable, stack }: PlainError): Error {
  const error =
    code === null
      ? new Error(message)
      : new RegressionError(code, message, { retryable, ...(hint === undefined ? {} : { hint }) });
  if (stack !== undefined) error.stack = stack;
  return error;
}
