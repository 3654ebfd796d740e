/** Positions of files that are long gone: forgotten, but not what was counted of them. */
import type { GenerationCalls, GenerationSums } from '../../state.ts';
import type { Sqlite } from '../sqlite.ts';

export function generationCalls(database: Sqlite): GenerationCalls {
  return {
    forgetGenerations(generations) {
      for (const generation of generations) {
        database.run(
          `UPDATE forgotten_generations SET generations = forgotten_generations.generations + 1,
             lines = forgotten_generations.lines + position.lines, rows = forgotten_generations.rows + position.rows
           FROM file_positions position WHERE position.generation = ?1 AND position.is_ended = 1`,
          [generation],
        );
        database.run('DELETE FROM file_positions WHERE generation = ?1 AND is_ended = 1', [generation]);
      }
    },
    forgottenGenerations: () =>
      database.get<GenerationSums>('SELECT generations, lines, rows FROM forgotten_generations') ?? {
        generations: 0,
        lines: 0,
        rows: 0,
      },
  };
}
