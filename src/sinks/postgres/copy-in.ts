/**
 * COPY FROM STDIN with everything sent at once: the statements, which are one transaction, and behind them the data of each COPY among
 * them. Waiting for the server's word before each would be a turn of the event loop, which is long while rows come in. A server that
 * has failed passes over the data that still comes.
 *
 * postgresql.org/docs/current/protocol-flow.html, "COPY Operations" and "Multiple Statements in a Simple Query"
 */
import type { ClientBase, Connection, Submittable } from 'pg';

/** Of COPY data in one message, which the server reads whole. */
const maxMessageBytes = 256 * 1024;
const copyDone = Buffer.from([0x63, 0, 0, 0, 4]);

/**
 * All of `statements` has taken effect when this resolves, or none of it has.
 * @param bodies in the text format of COPY, one for each `COPY .. FROM STDIN` among the statements.
 * @throws DatabaseError of pg.
 */
export function copyIn(client: ClientBase, statements: string, bodies: readonly Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyIn(statements, bodies, resolve, reject));
  });
}

/** What `pg` asks of a query: it is told of each message of the server that concerns it. */
class CopyIn implements Submittable {
  readonly #statements: string;
  readonly #bodies: readonly Uint8Array[];
  /** The server is ready for the next one: the transaction is committed. */
  readonly handleReadyForQuery: () => void;
  readonly handleError: (error: Error) => void;

  constructor(statements: string, bodies: readonly Uint8Array[], resolve: () => void, reject: (error: Error) => void) {
    this.#statements = statements;
    this.#bodies = bodies;
    this.handleReadyForQuery = resolve;
    this.handleError = reject;
  }

  submit(connection: Connection): void {
    const { stream } = connection;
    stream.cork();
    connection.query(this.#statements);
    for (const bytes of this.#bodies) {
      for (let at = 0; at < bytes.length; at += maxMessageBytes) {
        const chunk = bytes.subarray(at, at + maxMessageBytes);
        const head = Buffer.from([0x64, 0, 0, 0, 0]);
        head.writeUInt32BE(chunk.length + 4, 1);
        stream.write(head);
        stream.write(chunk);
      }
      stream.write(copyDone);
    }
    stream.uncork();
  }

  handleCopyInResponse(): void {
    // its data is on its way
  }

  handleCommandComplete(): void {
    // the last one is followed by the word that the server is ready
  }
}
