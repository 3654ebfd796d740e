/**
 * Remembers the ids of the applications met, so that the writer need not be asked for those of each batch.
 *
 * Ids stay valid for the life of a data directory. The memory is bounded: an application name is whatever a log line says.
 */
import type { Application } from '../record/log-record.ts';
import { applicationKey } from './batch-encoding.ts';

const maxRemembered = 10_000;

export class ApplicationIds {
  readonly #register: (applications: readonly Application[]) => Promise<readonly number[]>;
  #ids = new Map<string, number>();

  constructor(register: (applications: readonly Application[]) => Promise<readonly number[]>) {
    this.#register = register;
  }

  /** The ids of `applications`, in their order; registers those that are new. */
  async resolve(applications: readonly Application[]): Promise<readonly number[]> {
    if (this.#ids.size > maxRemembered) this.#ids = new Map();
    const ids = this.#ids;
    const keys = applications.map(applicationKey);
    const unknown = applications.filter((_, index) => !ids.has(keys[index] ?? ''));
    if (unknown.length > 0) {
      const made = await this.#register(unknown);
      unknown.forEach((application, index) => ids.set(applicationKey(application), made[index] ?? 0));
    }
    return keys.map((key) => ids.get(key) ?? 0);
  }
}
