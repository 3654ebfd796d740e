/**
 * Guesses the application from a log file's path: `/var/log/nginx/access.log` is nginx's, `/var/log/dpkg.log` is dpkg's.
 */
import { basename, dirname } from 'node:path';

/** Directories that hold the logs of many applications, so that their name says nothing. */
const commonDirectories = new Set([
  '',
  '.',
  'log',
  'logs',
  'tmp',
  'var',
  'data',
  'home',
  'root',
  'app',
  'opt',
  'srv',
  'mnt',
  'src',
  'work',
]);

export function applicationHintOf(path: string): string {
  const directory = basename(dirname(path));
  if (basename(dirname(dirname(path))) === 'log' && !commonDirectories.has(directory)) return directory;
  const name = basename(path);
  const stem = name.replace(/\.(?:log|txt|json|ndjson|jsonl|out|err)(?:[.-].*)?$/i, '').replace(/\.(?:gz|zst)$/i, '');
  return stem === '' ? name : stem;
}
