/** Every pattern that the code ships, alone, on text made to be slow: what the parsers' own tests might not reach. */
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'tap';

const places = ['parsers', 'record', 'pipeline', 'transforms', 'inputs', 'search', 'query'];
const literal =
  /(?<=[=(,:!&|?[]\s*|\n\s*)\/(?![/*])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([dgimsuvy]*)(?=\s*[.,;)\]}\n])/g;

interface Shipped {
  readonly place: string;
  readonly pattern: RegExp;
}

function shippedPatterns(): Shipped[] {
  return places.flatMap((place) => {
    const root = new URL(`../../src/${place}/`, import.meta.url);
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    return files.flatMap((name) => {
      const code = readFileSync(new URL(name, root), 'utf8').replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
      return [...code.matchAll(literal)].map(([text, source = '', flags]) => ({
        place: `${place}/${name}: ${text}`,
        pattern: new RegExp(source, flags),
      }));
    });
  });
}

// oxfmt-ignore
const pieces = [
  ' ', 'a', '1', '-', '.', ':', '/', '=', '"', '\\', '[', '<', '(', '\t', '\n', '\r\n', 'a ', '1 ', ' :', 'a=', '="', '\\"', 'a.', '1.', '1:', ':1', 'a:',
  '[a', '] [', '<1>', '2026-', 'at ', '\n at ', 'a=b ', 'a="b" ', 'a@b', '@', '1234 ', ', client: ', 'Bearer ', 'password', 'password=', '://', 'a:a@', 'é',
];

/**
 * CPU time of this thread, so that a busy machine changes nothing. On 100 kB a linear pattern takes under 5 ms, a quadratic one
 * over 2 s.
 */
const maxCpuMs = 500;

void test(
  'each shipped pattern takes linear time on 100 kB of hostile text (F31, F32)',
  { timeout: 300_000 },
  async (t) => {
    const shipped = shippedPatterns();
    t.ok(shipped.length > 100, `${shipped.length} patterns`);
    const slow: string[] = [];
    for (const { place, pattern } of shipped) {
      for (const piece of pieces) {
        const text = `${piece.repeat(100_000 / piece.length)}\0`;
        pattern.lastIndex = 0;
        const before = process.threadCpuUsage();
        pattern.test(text);
        const { user, system } = process.threadCpuUsage(before);
        if (user + system > maxCpuMs * 1000) slow.push(`${place} on ${JSON.stringify(piece)}`);
      }
    }
    t.strictSame(slow, []);
  },
);
