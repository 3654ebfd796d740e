/**
 * Kubernetes' klog and the glog it comes from: `Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg`, the level as its first letter.
 *
 * glog also writes the year (`Lyyyymmdd`, since 0.6). Both headers are given in the libraries' own documentation
 * (github.com/google/glog, "Log line prefix"; github.com/kubernetes/klog, klog.go `formatHeader`).
 */
import type { Severity } from '../record/severity.ts';
import { parseTimestamp } from '../record/timestamp.ts';
import type { ParseResult, ParserKind } from './parser.ts';

/** Thread ids are at most 20 digits (64 bits), and padded with blanks. */
const header = /^([IWEF])((?:\d{4})?\d{4} \d\d:\d\d:\d\d\.\d{1,9}) +(\d{1,20}) ([^\s:\]]{1,255}):(\d{1,9})\](?: |$)/;

const severities: Readonly<Record<string, Severity>> = { I: 'INFO', W: 'WARN', E: 'ERROR', F: 'FATAL' };

export const klog: ParserKind = {
  description: 'klog and glog: Kubernetes components and C++ programs (I0505 17:59:40.692994 28133 klog.go:70] text)',
  likelihood: (text) => (header.test(text) ? 1 : 0),
  create: (options) => ({
    parse(text): ParseResult {
      const match = header.exec(text);
      if (match === null) return { ok: false, reason: 'no klog header' };
      const [whole, letter = '', time = '', id = '', file = '', line = ''] = match;
      const timestamp = parseTimestamp(time, options);
      if (timestamp === null) return { ok: false, reason: `${time} is not a time` };
      return {
        ok: true,
        entry: {
          timestamp,
          severity: severities[letter],
          message: text.slice(whole.length),
          metadata: [
            ['id', id],
            ['file', file],
            ['line', line],
          ],
        },
      };
    },
  }),
};
