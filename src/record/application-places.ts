import type { Application } from './log-record.ts';

/** Applications that are known again by their object; more are found by what they say. */
const maxRemembered = 1000;

/** Of a place that is in no list. */
export const noApplication: Application = { name: '', version: null, environment: null };

/** The releases that the records of a batch are of, each once: rows and counts name theirs by its place in the list. */
export class ApplicationPlaces {
  readonly #applications: Application[] = [];
  readonly #byContent = new Map<string, number>();
  /** Most records share the object of their application. */
  readonly #byObject = new Map<Application, number>();

  get applications(): readonly Application[] {
    return this.#applications;
  }

  of(application: Application): number {
    return this.#byObject.get(application) ?? this.#find(application);
  }

  #find(application: Application): number {
    const { name, version, environment } = application;
    const content = JSON.stringify([name, version, environment]);
    let place = this.#byContent.get(content);
    if (place === undefined) {
      place = this.#applications.push(application) - 1;
      this.#byContent.set(content, place);
    }
    if (this.#byObject.size < maxRemembered) this.#byObject.set(application, place);
    return place;
  }
}
