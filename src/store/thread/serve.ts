/**
 * Answers calls that come in as messages: the thread's side of the link (see ../thread-link.ts).
 */
import type { MessagePort } from 'node:worker_threads';
import { RegressionError, messageOf } from '../../runtime/errors.ts';
import type { PlainError, Reply, Request } from '../protocol.ts';

/** One function a call; what it returns or resolves to is the answer. */
export type Handlers<Calls> = {
  readonly [M in keyof Calls]: Calls[M] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Result | Promise<Result>
    : never;
};

export function serve<Calls>(port: MessagePort, handlers: Handlers<Calls>): void {
  port.on('message', (request: Request<Calls>) => {
    void answer(handlers, request).then((reply) => port.postMessage(reply, movedWith(reply)));
  });
}

/** Bytes of an answer change hands instead of being copied: they are the answer's alone. */
function movedWith(reply: Reply): ArrayBuffer[] {
  const result = reply.ok ? (reply.result as { readonly bytes?: unknown } | null | undefined) : null;
  const bytes = result?.bytes;
  return bytes instanceof Uint8Array && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
}

async function answer<Calls>(handlers: Handlers<Calls>, { id, method, args }: Request<Calls>): Promise<Reply> {
  try {
    const handler = handlers[method as keyof Calls] as (...args: readonly unknown[]) => unknown;
    return { id, ok: true, result: await handler(...(args as readonly unknown[])) };
  } catch (error) {
    return { id, ok: false, error: plainError(error) };
  }
}

export function plainError(error: unknown): PlainError {
  const known = error instanceof RegressionError ? error : undefined;
  return {
    code: known?.code ?? null,
    message: messageOf(error),
    hint: known?.hint,
    retryable: known?.retryable ?? false,
    stack: error instanceof Error ? error.stack : undefined,
  };
}
