/**
 * Docker's `json-file` driver: `{"log":"text\n","stream":"stdout","time":"2016-10-05T00:00:30.082640485Z"}`, with `attrs` for the
 * labels and variables that the driver was told to add (docs.docker.com/engine/logging/drivers/json-file).
 *
 * A line of more than 16 KiB is split: a `log` without a newline at its end goes on in the next entry of the same stream.
 */
import { parseTimestamp } from '../record/timestamp.ts';
import type { EnvelopeKind } from './envelope.ts';

/** Members of the driver's entries; an object with others is a program's own that happens to have a `log`. */
const members = new Set(['log', 'stream', 'time', 'attrs']);

export const docker: EnvelopeKind = {
  description: "Docker's json-file; what is inside may be of any format",
  open(text, options) {
    // Cheap before JSON.parse, which the line's own parser would have to do again.
    if (!text.includes('"log"') || !/^\{\s*"(?:log|stream|time|attrs)"\s*:/.test(text)) return null;
    const entry = readObject(text);
    if (entry === null || typeof entry['log'] !== 'string') return null;
    if (!Object.keys(entry).every((key) => members.has(key))) return null;
    const { log, stream = '', time, attrs } = entry;
    if (typeof stream !== 'string') return null;
    const timestamp = time === undefined ? undefined : typeof time === 'string' ? parseTimestamp(time, options) : null;
    if (timestamp === null) return null;
    const metadata: [string, string][] = stream === '' ? [] : [['stream', stream]];
    if (attrs !== undefined) {
      if (typeof attrs !== 'object' || attrs === null || Array.isArray(attrs)) return null;
      for (const [name, value] of Object.entries(attrs)) {
        metadata.push([`attrs.${name}`, typeof value === 'string' ? value : JSON.stringify(value)]);
      }
    }
    return {
      envelope: 'docker',
      text: log.replace(/\r?\n$/, ''),
      stream,
      isPartial: !log.endsWith('\n'),
      timestamp,
      metadata,
    };
  },
};

function readObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null; // not JSON: whatever it is, it is not Docker's
  }
}
