/**
 * The promise of the whole: each line once, across kill -9 at any moment. The daemon is a real child process; its writer is
 * this test, which never stops.
 */
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'tap';
import type { RegressionClient } from '../../src/client/client.ts';
import { createParser } from '../../src/parsers/registry.ts';
import { openDatabases } from '../store/open-sqlite.ts';
import { clientOf, startDaemon, writeConfig } from '../daemon-process.ts';
import { type Random, seededRandom } from '../random.ts';
import { tempDir } from '../temp-dir.ts';

const kills = 20;
/** A writer waits for the next kill when it is this far: on a slow machine it would else write for ever. */
const linesPerKill = 3000;
const publicSamples = new URL('../../../shared/data/loghub_2k/', import.meta.url);
const ownSamples = new URL('../fixtures/parsers/plain/', import.meta.url);

/** Lines that real programs wrote; the public samples too, where they are at hand. */
async function realLines(): Promise<string[]> {
  const root = existsSync(publicSamples) ? publicSamples : ownSamples;
  const files = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.log')).sort();
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, root), 'utf8')));
  // Lines that begin with a header: others would, rightly, be joined to the record before them.
  return texts.flatMap((text) => text.split(/\r?\n/)).filter((line) => /^\[?(?:\d|[A-Z][a-z]{2} )\S/.test(line));
}

/** A program that logs: appends lines in pieces of any size, and has its file rotated away under it. */
class Writer {
  /** Every line whose write has returned, in order. */
  readonly ledger: string[] = [];
  readonly #name: string;
  readonly #path: string;
  readonly #lines: readonly string[];
  readonly #random: Random;
  #rotations = 0;
  /** Number of the first line of each file there has been. */
  readonly firstNumbers: number[] = [0];

  constructor(directory: string, name: string, lines: readonly string[], random: Random) {
    this.#name = name;
    this.#path = join(directory, `${name}.log`);
    this.#lines = lines;
    this.#random = random;
  }

  async writeSome(): Promise<void> {
    const fresh = Array.from({ length: this.#random.integer(1, 300) }, (_, index) => {
      const number = this.ledger.length + index;
      return `${this.#lines[number % this.#lines.length]} ${this.#name}#${number}`;
    });
    let text = `${fresh.join('\n')}\n`;
    while (text !== '') {
      const piece = text.slice(0, this.#random.integer(1, 20_000));
      await appendFile(this.#path, piece);
      text = text.slice(piece.length);
      if (this.#random.chance(0.3)) await delay(1); // the last line stands unfinished for a while
    }
    this.ledger.push(...fresh);
  }

  /** The last line of the file as it is now. */
  get lastLine(): string {
    return this.ledger.at(-1) ?? '';
  }

  /** `mv app.log app.log.N`: the names of older ones stay, as with dated logrotate files. */
  async rotate(): Promise<void> {
    await rename(this.#path, `${this.#path}.${++this.#rotations}`);
    this.firstNumbers.push(this.ledger.length);
  }
}

void test(
  'twenty kills at random moments under load: every line exactly once, in order over rotations (F36, F37, F1, F4)',
  { timeout: 390_000 },
  async (t) => {
    const directory = await tempDir(t);
    const logs = join(directory, 'logs');
    await mkdir(logs);
    const random = seededRandom(t);
    const lines = await realLines();
    // The glob keeps matching what rotates away from `kept`, and loses sight of what rotates away from `lost`.
    const writers = {
      kept: new Writer(logs, 'kept', lines, random),
      lost: new Writer(logs, 'lost', lines.toReversed(), random),
    };
    const config = await writeConfig(
      directory,
      [join(logs, '*.log'), join(logs, 'kept.log.*')],
      'tasks: { rotate: { max_size: 8MiB } }',
    );
    let client: RegressionClient | undefined;
    let isWriting = true;
    let kill = 0;
    const writing = (async () => {
      let isSeen = false;
      while (isWriting) {
        if (writers.kept.ledger.length > (kill + 1) * linesPerKill) {
          await delay(random.integer(1, 30));
          continue;
        }
        for (const writer of Object.values(writers)) await writer.writeSome();
        if (random.chance(0.1)) await writers.kept.rotate();
        // Nobody can know of a file that came and left the glob unseen; once any of its rows is stored, nothing may be missed.
        isSeen ||= await isStored(client, writers.lost.lastLine);
        if (isSeen && random.chance(0.2)) {
          await writers.lost.rotate();
          isSeen = false;
        }
        await delay(random.integer(1, 30));
      }
    })();

    for (; kill < kills; kill++) {
      const daemon = startDaemon(t, ['--config', config, '--log-level', 'error']);
      // Every fourth is killed somewhere in its start, the others while they work.
      if (kill % 4 !== 0) client = await clientOf(await daemon.started);
      await delay(random.integer(0, 700));
      client = undefined;
      const { signal, stderr } = await daemon.kill('SIGKILL');
      t.equal(signal, 'SIGKILL', `kill ${kill + 1} met a living daemon ${stderr}`);
    }
    isWriting = false;
    await writing;
    const total = writers.kept.ledger.length + writers.lost.ledger.length;
    const daemon = startDaemon(t, ['--config', config, '--log-level', 'error']);
    client = await clientOf(await daemon.started);
    await t.resolves(untilStored(client, total), `all of ${total} lines are stored`);
    const { code, signal } = await daemon.kill('SIGTERM');

    t.strictSame({ code, signal }, { code: 0, signal: null }, 'SIGTERM ends it with exit code 0');
    const databases = openDatabases(t, join(directory, 'data'));
    t.comment(`${databases.length - 1} segments`);
    for (const database of databases) {
      t.strictSame(database.all('PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
    }
    for (const [name, { ledger, firstNumbers }] of Object.entries(writers)) {
      const rows = databases.flatMap((database) =>
        database.all<{ message: string; source: string }>(
          'SELECT message, source FROM logs WHERE source LIKE ? ORDER BY id',
          [`%/${name}.log%`],
        ),
      );
      const parser = createParser('plain', { timezone: 'UTC', nowMs: () => Date.now() });
      const expected = ledger.map((line) => {
        const result = parser.parse(line);
        return result.ok ? result.entry.message : line;
      });
      t.strictSame(repeatedAndMissing(rows, ledger.length), { repeated: [], missing: [] }, `${name}: each line once`);
      const byNumber = rows.toSorted((a, b) => numberOf(a.message) - numberOf(b.message));
      t.ok(
        byNumber.every(({ message }, index) => message === expected[index]),
        `${name}: every line once, its message intact`,
      );
      t.strictSame(outOfOrder(rows, firstNumbers), [], `${name}: each generation in its order`);
    }
  },
);

/** The number that `Writer` put at the end of the line. */
function numberOf(message: string): number {
  return Number(/#(\d+)$/.exec(message)?.[1]);
}

/** Numbers of lines that have two rows, and of lines that have none. */
function repeatedAndMissing(rows: readonly { message: string; source: string }[], count: number) {
  const seen = new Map<number, string[]>();
  for (const { message, source } of rows) {
    const number = numberOf(message);
    seen.set(number, [...(seen.get(number) ?? []), source]);
  }
  return {
    repeated: [...seen].filter(([, sources]) => sources.length > 1),
    missing: Array.from({ length: count }, (_, number) => number).filter((number) => !seen.has(number)),
  };
}

/** Rows that stand behind a later line of the same file. Rows of different files may be mixed. */
function outOfOrder(rows: readonly { message: string }[], firstNumbers: readonly number[]): string[] {
  const generationOf = (row: { message: string }): number =>
    firstNumbers.findLastIndex((first) => first <= numberOf(row.message));
  return [...Map.groupBy(rows, generationOf).values()].flatMap((ofFile) =>
    ofFile
      .filter((row, index) => index > 0 && numberOf(ofFile[index - 1]?.message ?? '') > numberOf(row.message))
      .map(({ message }) => message),
  );
}

async function isStored(client: RegressionClient | undefined, line: string): Promise<boolean> {
  const number = /\w+#\d+$/.exec(line)?.[0];
  if (client === undefined || number === undefined) return false;
  const { rows } = await client.logs({ q: number, order: 'arrival' }).catch(() => ({ rows: [] }));
  return rows.some(({ message }) => message.endsWith(number));
}

async function untilStored(client: RegressionClient, total: number): Promise<void> {
  const deadline = AbortSignal.timeout(60_000);
  for (;;) {
    const { stats } = await client.logs({ limit: 1 }, deadline);
    if (stats.last_id >= total) return;
    await delay(100, undefined, { signal: deadline });
  }
}
