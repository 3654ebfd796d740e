/**
 * The logs of supercomputers as the USENIX Computer Failure Data Repository publishes them (usenix.org/cfdr): Blue Gene/L,
 * Thunderbird, Spirit and Liberty carry an alert label and an epoch in front of the system's own line, the HPC clusters of Los
 * Alamos a record number and the node.
 *
 *     - 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.363779 R02-M1-N0-C:J12-U11 RAS KERNEL INFO text
 *     - 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: text
 *     134681 node-246 unix.hw state_change.unavailable 1077804742 1 text
 *
 * The epoch is the instant; the local time behind it, in no stated zone, gives the digits behind the second.
 */
import { severityOfWord } from '../record/severity.ts';
import { timestampOfEpoch } from '../record/timestamp.ts';
import type { ParseResult, ParserKind, ParserOptions } from './parser.ts';
import { parseRfc3164 } from './syslog-3164.ts';

const labelled = /^(-|[A-Z][\w.-]{0,40}) (\d{9,10}) (\d{4}\.\d\d\.\d\d) (\S{1,100}) /;
const blueGene =
  /(\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.(\d{6})) (\S{1,100}) ([A-Z]{1,20}) ([A-Z]{1,20}) ([A-Z]{1,10})(?: |$)/y;
const clusterEvent = /^(\d{1,10}) ([\w-]{1,60}) ([\w.-]{1,60}) ([\w.-]{1,60}) (\d{9,10}) (-?\d{1,10}) /;

export const supercomputer: ParserKind = {
  description: 'Blue Gene/L, Thunderbird, Spirit, Liberty and HPC cluster logs of the CFDR',
  likelihood: (text) => (labelled.test(text) || clusterEvent.test(text) ? 0.97 : 0),
  create: (options) => ({
    parse: (text): ParseResult =>
      parseLabelled(text, options) ??
      parseClusterEvent(text) ?? { ok: false, reason: 'neither an alert label nor an event record' },
  }),
};

function parseLabelled(text: string, options: ParserOptions): ParseResult | null {
  const match = labelled.exec(text);
  if (match === null) return null;
  const [whole, label = '', epoch = '', date = '', node = ''] = match;
  const timestamp = timestampOfEpoch(epoch) ?? undefined;
  const metadata: [string, string][] = label === '-' ? [] : [['label', label]];
  metadata.push(['date', date], ['node', node]);
  blueGene.lastIndex = whole.length;
  const event = blueGene.exec(text);
  if (event !== null) {
    const [, localTime = '', micros = '', , type = '', component = '', level = ''] = event;
    const severity = severityOfWord(level);
    metadata.push(['local_time', localTime], ['type', type], ['component', component]);
    if (severity === null) metadata.push(['level', level]);
    else if (severity.text !== undefined) metadata.push(['severity_text', severity.text]);
    return {
      ok: true,
      entry: {
        timestamp: timestamp?.replace(/\d{6}Z$/, `${micros}Z`),
        severity: severity?.severity,
        message: text.slice(blueGene.lastIndex),
        metadata,
      },
    };
  }
  const inner = parseRfc3164(text.slice(whole.length), options);
  if (!inner.ok) return { ok: true, entry: { timestamp, message: text.slice(whole.length), metadata } };
  return { ok: true, entry: { ...inner.entry, timestamp, metadata: [...metadata, ...inner.entry.metadata] } };
}

function parseClusterEvent(text: string): ParseResult | null {
  const match = clusterEvent.exec(text);
  if (match === null) return null;
  const [whole, id = '', node = '', component = '', state = '', epoch = '', flag = ''] = match;
  return {
    ok: true,
    entry: {
      timestamp: timestampOfEpoch(epoch) ?? undefined,
      message: text.slice(whole.length),
      metadata: [
        ['event_id', id],
        ['node', node],
        ['component', component],
        ['state', state],
        ['flag', flag],
      ],
    },
  };
}
