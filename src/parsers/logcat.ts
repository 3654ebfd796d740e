/**
 * Android's logcat: `threadtime` (`03-17 16:13:38.811  1702  2395 D WindowManager: text`), `time` and `brief`
 * (`D/WindowManager( 1702): text`), by developer.android.com/tools/logcat, "Log output formats". The year may be there or not.
 */
import { severityOfWord } from '../record/severity.ts';
import { parseTimestamp } from '../record/timestamp.ts';
import type { ParseResult, ParserKind } from './parser.ts';

const time = '((?:\\d{4}-)?\\d\\d-\\d\\d +\\d\\d:\\d\\d:\\d\\d\\.\\d{3,9})';
const threadTime = new RegExp(`^${time} +(?:[\\w-]+ +)?(\\d{1,7}) +(\\d{1,7}) ([VDIWEFA]) (.{0,128}?) *:(?: |$)`);
const brief = new RegExp(`^(?:${time} +)?([VDIWEFA])\\/(.{0,128}?) *\\( *(\\d{1,7})\\):(?: |$)`);

export const logcat: ParserKind = {
  description: "Android's logcat (threadtime, time, brief)",
  likelihood: (text) => (threadTime.test(text) || brief.test(text) ? 0.97 : 0),
  create: (options) => ({
    parse(text): ParseResult {
      const [whole = '', when, pid = '', tid, level = '', tag = ''] =
        threadTime.exec(text) ?? reordered(brief.exec(text));
      if (whole === '') return { ok: false, reason: 'no logcat header' };
      const timestamp = when === undefined ? undefined : parseTimestamp(when, options);
      if (timestamp === null) return { ok: false, reason: `${when} is not a time` };
      const severity = severityOfWord(level);
      const metadata: [string, string][] = [['pid', pid]];
      if (tid !== undefined) metadata.push(['tid', tid]);
      if (tag !== '') metadata.push(['tag', tag]);
      if (severity?.text !== undefined) metadata.push(['severity_text', severity.text]);
      return {
        ok: true,
        entry: { timestamp, severity: severity?.severity, message: text.slice(whole.length), metadata },
      };
    },
  }),
};

/** The groups of `brief` in the order of `threadTime`'s; it names no thread. */
function reordered(match: RegExpExecArray | null): (string | undefined)[] {
  if (match === null) return [];
  const [whole, when, level, tag, pid] = match;
  return [whole, when, pid, undefined, level, tag];
}
