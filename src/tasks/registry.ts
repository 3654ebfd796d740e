/** Which tasks exist. */
import { rotate } from './rotate.ts';

export const tasks = { rotate };

export type TaskName = keyof typeof tasks;
