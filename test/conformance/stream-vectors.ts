/** Syslog over TCP: the messages of a stream, in order, by framer and parser together. */
import { join } from 'node:path';
import { SyslogFramer } from '../../src/inputs/syslog/framer.ts';
import { createParser } from '../../src/parsers/registry.ts';
import type { Case } from './run.ts';
import { differenceFrom } from './syslog-vectors.ts';
import { options, readVectors } from './vectors.ts';

interface ExpectedMessage {
  readonly fields?: Record<string, unknown>;
  /** The source suite reports the frame or message as broken: that its text is kept is all that is asked. */
  readonly error?: boolean;
}

export function streamCases(folder: string): Case[] {
  return readVectors(join(folder, 'syslog/syslog_vectors.jsonl'))
    .filter((vector) => vector['transport'] !== undefined)
    .map((vector) => {
      const { kind, name } = vector;
      const encoded = vector['input_b64'];
      const stream =
        encoded === undefined ? Buffer.from(String(vector['input'])) : Buffer.from(String(encoded), 'base64');
      const { messages } = vector['expect'] as { messages: readonly ExpectedMessage[] };
      return { kind, name, failure: differenceIn(stream, messages) };
    });
}

function differenceIn(stream: Buffer, expected: readonly ExpectedMessage[]): string | undefined {
  const framer = new SyslogFramer(64 * 1024);
  const texts = [...framer.push(stream), ...framer.end()].map(({ bytes }) => bytes.toString());
  const parser = createParser('syslog', options);
  const wanted = stream.length === 0 ? [] : expected; // no bytes are no message, whatever a parser makes of them
  if (texts.length !== wanted.length) return `${texts.length} messages, expected ${wanted.length}`;
  const failures = wanted.map(({ fields = {}, error = false }, index) => {
    const result = parser.parse(texts[index] ?? '');
    if (error) return undefined;
    return result.ok ? differenceFrom(fields, result.entry) : result.reason;
  });
  return failures.find((failure) => failure !== undefined);
}
