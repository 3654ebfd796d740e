/** The schema of a pattern in a configuration. Apart from the pattern itself, which threads use that know no schemas. */
import { z } from 'zod';
import { patternProblem } from './linear-pattern.ts';

/** Kept as its text. */
export const pattern = () =>
  z.string().superRefine((source, context) => {
    const problem = patternProblem(source);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });
