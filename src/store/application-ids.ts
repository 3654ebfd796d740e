/**
 * Remembers the ids of the applications met, so that records can be encoded without asking the writer for each.
 *
 * Ids stay valid for the life of a data directory. The memory is bounded: an application name is whatever a log line says.
 */
import type { Application, LogRecord } from '../record/log-record.ts';
import { cleanText } from './batch-encoding.ts';

const maxRemembered = 10_000;

export class ApplicationIds {
  readonly #register: (applications: readonly Application[]) => Promise<readonly number[]>;
  #ids = new Map<string, number>();

  constructor(register: (applications: readonly Application[]) => Promise<readonly number[]>) {
    this.#register = register;
  }

  /** Registers the applications of `records` that are new; the answer knows the id of each of them. */
  async resolve(records: readonly LogRecord[]): Promise<(application: Application) => number> {
    if (this.#ids.size > maxRemembered) this.#ids = new Map();
    const ids = this.#ids;
    const unknown = new Map<string, Application>();
    /** Most records share the object of their application. */
    const keys = new Map<Application, string>();
    for (const { application } of records) {
      if (keys.has(application)) continue;
      const key = keyOf(application);
      keys.set(application, key);
      if (!ids.has(key)) unknown.set(key, cleaned(application));
    }
    if (unknown.size > 0) {
      const made = await this.#register([...unknown.values()]);
      [...unknown.keys()].forEach((key, index) => ids.set(key, made[index] ?? 0));
    }
    return (application) => ids.get(keys.get(application) ?? keyOf(application)) ?? 0;
  }
}

/** Cleaned text holds no NUL, so the joined text is unambiguous. */
function keyOf(application: Application): string {
  const { name, version, environment } = cleaned(application);
  return `${name}\0${version ?? ''}\0${environment ?? ''}`;
}

function cleaned({ name, version, environment }: Application): Application {
  return {
    name: cleanText(name),
    version: version === null ? null : cleanText(version),
    environment: environment === null ? null : cleanText(environment),
  };
}
