/** What stands between the values of a row's JSON text: the same words wherever it is written. */
import type { Application } from '../record/log-record.ts';

export const rowParts = {
  start: Buffer.from('{"id":'),
  timestamp: Buffer.from(',"timestamp":'),
  severity: Buffer.from(',"severity":'),
  /** Behind the application's part. */
  message: Buffer.from(',"message":'),
  metadata: Buffer.from(',"metadata":{'),
  comma: Buffer.from(','),
  colon: Buffer.from(':'),
  end: Buffer.from('}}\n'),
} as const;

/** The members of an application, and the key of what follows them. */
export function applicationPart({ name, version, environment }: Application): Buffer {
  return Buffer.from(`,${JSON.stringify({ application: name, version, environment }).slice(1, -1)},"source":`);
}
