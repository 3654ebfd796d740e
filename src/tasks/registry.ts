/** Which tasks exist. */
import type { z } from 'zod';
import { archive } from './archive.ts';
import { backup } from './backup.ts';
import { prune } from './prune.ts';
import { rotate } from './rotate.ts';
import { verify } from './verify.ts';

export const tasks = { rotate, archive, backup, verify, prune };

export type TaskName = keyof typeof tasks;

/** The options of each, as the configuration has them. */
export type TasksConfig = { readonly [Name in TaskName]: z.output<(typeof tasks)[Name]['options']> };
