/**
 * The daemon's own log: pino. JSON lines on standard error for machines; on a terminal the same entries as readable lines.
 */
import { Writable } from 'node:stream';
import { pino, type Logger } from 'pino';

import type { LogLevel } from './log-levels.ts';

export type { Logger } from 'pino';

export function createLogger(level: LogLevel, output: Writable & { readonly isTTY?: boolean }): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    output.isTTY ? readableLines(output) : output,
  );
}

const levelNames: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** `12:00:01 WARN  cannot read /var/log/btmp (EACCES)`, other fields behind the message as key=value. */
function readableLines(output: Writable): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string | Buffer, _encoding, done) {
      const { time, level, msg, hint, err, ...fields } = JSON.parse(line.toString()) as Record<string, unknown>;
      const rest = Object.entries(fields).map(
        ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      const cause = typeof err === 'object' && err !== null && 'message' in err ? `: ${String(err.message)}` : '';
      const name = (levelNames[Number(level)] ?? String(level)).padEnd(5);
      output.write(`${String(time).slice(11, 19)} ${name} ${String(msg)}${cause}${rest.join('')}\n`);
      if (typeof hint === 'string') output.write(`${' '.repeat(15)}${hint}\n`);
      done();
    },
  });
}
