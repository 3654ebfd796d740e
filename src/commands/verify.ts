/** `regression verify`: the restore drill of the newest backup; with `--sources` the files on disk against what is stored of them. */
import { RegressionError } from '../runtime/errors.ts';
import type { InputsAnswer } from '../client/client.ts';
import type { Config } from '../config/schema.ts';
import type { FilePosition } from '../record/batch.ts';
import type { Command } from './command.ts';
import { ProgressBar } from './progress-bar.ts';
import { type Recount, recount } from './recount.ts';

interface Flags {
  readonly sources?: boolean;
}

interface Verdict {
  readonly generation: string;
  readonly path: string;
  readonly start_offset: number;
  readonly offset: number;
  /** Null when the file is not on disk any more. */
  readonly lines_on_disk: number | null;
  readonly empty_lines: number | null;
  readonly lines_stored: number;
  readonly rows_stored: number;
  readonly ok: boolean;
}

export const verify: Command<Flags> = {
  usage: 'verify',
  summary: 'Prove that the newest backup can be restored, or (--sources) that what is stored is what the files say',
  flags: {
    sources: {
      type: 'boolean',
      describe: 'Count the lines of each file generation that is still on disk again, and the rows of all',
    },
  },
  examples: [
    ['regression verify', 'restores the newest backup in a place of its own, checks every page, asks it questions'],
    ['regression verify --sources', 'lines before the position = lines stored + empty lines, for each generation'],
  ],
  async run(flags, surroundings) {
    if (flags.sources !== true) {
      const { runTask } = await import('./run-task.ts');
      return runTask('verify', flags, surroundings);
    }
    const { openEndpoint } = await import('./endpoint.ts');
    const { effectiveConfig } = await import('./effective-config.ts');
    const { config } = await effectiveConfig(flags, surroundings);
    const endpoint = await openEndpoint({ command: 'verify' }, flags, surroundings);
    const bar = new ProgressBar(surroundings.stderr);
    const verdicts: Verdict[] = [];
    let rows: readonly Recount[] = [];
    try {
      const { generations } = await endpoint.client.inputs({}, surroundings.signal);
      for (const [index, generation] of generations.entries()) {
        if (surroundings.signal.aborted) return;
        bar.draw(index / generations.length, generation.path);
        verdicts.push(await judge(generation, config));
      }
      rows = await recount(endpoint.client, surroundings.signal, (share) => bar.draw(share, 'rows'));
    } finally {
      bar.clear();
      await endpoint.close();
    }
    const wrong = verdicts.filter(({ ok }) => !ok);
    const wrongRows = rows.filter(({ ok }) => !ok);
    const ok = wrong.length + wrongRows.length === 0;
    surroundings.stdout.write(
      flags.json ? `${JSON.stringify({ ok, generations: verdicts, rows })}\n` : text(verdicts) + rowsText(rows),
    );
    if (wrongRows.length > 0) {
      throw new RegressionError(
        'STORE_CORRUPT',
        `the files of ${wrongRows.map(({ directory }) => directory).join(', ')} do not have the rows that were stored of them`,
        { hint: 'Rows may have been deleted by hand, or sent to the endpoint under the name of a file.' },
      );
    }
    if (wrong.length > 0) {
      throw new RegressionError(
        'STORE_CORRUPT',
        `${wrong.length} of ${verdicts.length} generations do not have the lines their file has`,
        {
          hint: 'regression doctor FILE says more; please report it with the output of verify --json.',
        },
      );
    }
  },
};

async function judge(known: InputsAnswer['generations'][number], config: Config): Promise<Verdict> {
  const { checkSource } = await import('../inputs/file/source-check.ts');
  const { FileGlobs } = await import('../inputs/file/glob.ts');
  const input = config.inputs.find(
    (candidate) => candidate.type === 'file' && new FileGlobs(candidate.include, candidate.exclude).matches(known.path),
  );
  const options = input?.type === 'file' ? input : undefined;
  const encoding = options === undefined || options.encoding === 'auto' ? 'utf-8' : options.encoding;
  const position: FilePosition = {
    generation: known.generation,
    path: known.path,
    device: known.device,
    inode: known.inode,
    fingerprint: known.fingerprint,
    fingerprintBytes: known.fingerprint_bytes,
    offset: known.offset,
    startOffset: known.start_offset,
    isEnded: known.is_ended,
    evidence: {
      ...(known.check === null ? {} : { check: known.check }),
      ...(known.real_path === null ? {} : { realPath: known.real_path }),
      ...(known.is_inside_line ? { insideLineAt: known.offset } : {}),
    },
  };
  const check = await checkSource(position, encoding, options?.max_line_bytes ?? 1024 * 1024);
  const isCounted = check.kind === 'counted';
  return {
    generation: known.generation,
    path: isCounted ? check.path : known.path,
    start_offset: known.start_offset,
    offset: known.offset,
    lines_on_disk: isCounted ? check.lines : null,
    empty_lines: isCounted ? check.emptyLines : null,
    lines_stored: known.lines,
    rows_stored: known.rows,
    ok: !isCounted || check.lines === known.lines,
  };
}

function rowsText(rows: readonly Recount[]): string {
  return rows
    .map(
      ({ ok, directory, rows_stored, rows_counted }) =>
        `${ok ? 'ok   ' : 'WRONG'} ${directory}: ${rows_stored} rows were stored, ${rows_counted} are there\n`,
    )
    .join('');
}

function text(verdicts: readonly Verdict[]): string {
  const counted = verdicts.filter(({ lines_on_disk }) => lines_on_disk !== null);
  const lines = verdicts.map(
    ({ ok, path, start_offset, offset, lines_on_disk, empty_lines, lines_stored, rows_stored }) =>
      `${lines_on_disk === null ? 'gone ' : ok ? 'ok   ' : 'WRONG'} ${path} [${start_offset}, ${offset}): ` +
      `${lines_on_disk === null ? 'not on disk' : `${lines_on_disk} lines and ${empty_lines} empty`}; stored ${lines_stored} lines in ${rows_stored} rows\n`,
  );
  const sum = counted.reduce((total, { lines_stored }) => total + lines_stored, 0);
  return `${lines.join('')}${counted.length} of ${verdicts.length} generations are on disk, ${sum.toLocaleString('en-US')} lines in them are stored\n`;
}
