import type { Severity } from './severity.ts';

/**
 * One parsed log entry: what becomes a row of `logs` and its rows of `logs_metadata`.
 */
export interface LogRecord {
  /** ISO 8601 UTC with microseconds, always 27 characters: `2026-11-24T03:00:00.123456Z`, so text order is time order. */
  readonly timestamp: string;
  readonly severity: Severity;
  readonly application: Application;
  /** Where the entry came from: a file's absolute path, `udp://127.0.0.1:5514`, `stdin`. */
  readonly source: string;
  readonly message: string;
  readonly metadata: Metadata;
}

/** Of rows that are about the daemon itself: who did what, and its own log. */
export const ownApplicationName = 'regression';

/** What wrote the entry. A release is its own application row: name, version and environment together are unique. */
export interface Application {
  readonly name: string;
  readonly version: string | null;
  readonly environment: string | null;
}

/**
 * Metadata type (key) and value pairs, in the order met. Keys are unique within a record; nested keys are joined by dots.
 * Pairs, not an object: `__proto__` is a key like any other.
 */
export type Metadata = readonly (readonly [type: string, value: string])[];
