/** Something that lives: started in order, stopped in reverse (see daemon.ts). */
export interface Service {
  readonly name: string;
  /** Resolves when the service does its work; rejects when it cannot. */
  start(): Promise<void>;
  /** Idempotent; resolves when nothing of the service is left running. */
  stop(): Promise<void>;
}
