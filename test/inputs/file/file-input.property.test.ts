/**
 * The real input against a model of ten lines, over random histories of a log file: every line exactly once, those of one
 * generation in their order, whatever is renamed, truncated, deleted, remade or restarted.
 */
import assert from 'node:assert/strict';
import { appendFile, copyFile, rename, truncate, unlink } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { FileInput } from '../../../src/inputs/file/file-input.ts';
import { fileOptions } from '../../../src/inputs/file/options.ts';
import { RecordingContext } from '../recording-context.ts';

type Step =
  | { readonly do: 'append'; readonly lines: number }
  | { readonly do: 'appendPart' }
  | { readonly do: 'look' }
  | { readonly do: 'rotate' }
  | { readonly do: 'copyTruncate' }
  | { readonly do: 'recreate' }
  | { readonly do: 'restart' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), lines: fc.integer({ min: 1, max: 50 }) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'appendPart' } as const) },
  { weight: 4, arbitrary: fc.constant({ do: 'look' } as const) },
  { weight: 2, arbitrary: fc.constant({ do: 'rotate' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'copyTruncate' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'recreate' } as const) },
  { weight: 2, arbitrary: fc.constant({ do: 'restart' } as const) },
);

/** Plays the steps on a real file that is followed with its rotated names. Returns what was seen and what was written. */
async function play(steps: readonly Step[]): Promise<{ seen: string[]; written: string[]; partial: string[] }> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-model-'));
  const path = join(directory, 'app.log');
  const options = fileOptions.parse({ include: [`${path}*`], exclude: ['*.copy'], rotate_wait: '1s' });
  const context = new RecordingContext();
  let input = new FileInput(options, context, false);
  const written: string[] = [];
  const partial: string[] = [];
  let unfinished = '';
  let rotations = 0;
  const look = async (): Promise<void> => {
    await input.scan();
    await input.drained();
  };
  /** The program closes its line, if it has begun one. */
  const finishLine = async (): Promise<void> => {
    if (unfinished === '') return;
    await appendFile(path, '\n');
    written.push(unfinished);
    unfinished = '';
  };
  const number = (): number => written.length + partial.length;

  await input.start();
  for (const { do: action, ...more } of steps) {
    if (action === 'append') {
      await finishLine();
      const lines = Array.from({ length: (more as { lines: number }).lines }, (_, index) => `line ${number() + index}`);
      await appendFile(path, `${lines.join('\n')}\n`);
      written.push(...lines);
    } else if (action === 'appendPart') {
      const part = unfinished === '' ? `part ${number()} ` : 'and more ';
      await appendFile(path, part);
      unfinished += part;
    } else if (action === 'look') {
      await look();
    } else if (action === 'rotate') {
      await finishLine();
      await rename(path, `${path}.${++rotations}`).catch(() => undefined);
    } else if (action === 'copyTruncate') {
      await finishLine();
      await look(); // what is unread when a file is truncated is lost to everyone; that has a test of its own
      await copyFile(path, `${path}.copy`).catch(() => undefined);
      await truncate(path).catch(() => undefined);
      await look(); // growing past the old size at once is a test of its own too
    } else if (action === 'recreate') {
      await look();
      if (unfinished !== '') partial.push(unfinished);
      unfinished = '';
      await unlink(path).catch(() => undefined);
    } else {
      await input.stop();
      input = new FileInput(options, context, false);
      await input.start();
      await input.drained();
    }
  }
  await finishLine();
  await look();
  context.clock.advance(2000);
  await look();
  await look();
  await input.stop();
  await rm(directory, { recursive: true });
  return { seen: context.texts, written, partial };
}

void test('random histories of a log file: every line exactly once', { timeout: 120_000 }, async (t) => {
  const seed = Number(process.env['REGRESSION_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.comment(`seed ${seed}: REGRESSION_SEED=${seed} plays it again`);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const { seen, written, partial } = await play(steps);
      assert.deepEqual(seen.toSorted(), [...written, ...partial].toSorted());
    }),
    { numRuns: 200, seed },
  );
  t.pass();
});
