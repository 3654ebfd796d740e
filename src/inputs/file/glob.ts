/**
 * Finds the files that globs name, now: directories may come and go between two scans.
 *
 * `*` and `?` stay within a name and do not match a leading dot; `[a-z]`, `[!a]`, `{a,b}`; `**` is any depth of directories, at
 * the end every file in them (symbolic links to directories are followed only where a pattern names them).
 */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { systemCodeOf } from '../../runtime/errors.ts';

export interface GlobProblem {
  readonly path: string;
  readonly error: unknown;
}

/** Paths of what the globs match, sorted, and the directories that could not be read. A missing directory is no problem. */
export interface FoundFiles {
  readonly paths: readonly string[];
  readonly problems: readonly GlobProblem[];
}

const hasMagic = /[*?[\]{}]/;

/** A bound against patterns like `/**` on huge trees: directories visited in one scan. */
const maxDirectories = 20_000;

export class FileGlobs {
  readonly #include: readonly (readonly string[])[];
  readonly #includes: readonly RegExp[];
  readonly #excludes: (path: string) => boolean;

  constructor(include: readonly string[], exclude: readonly string[] = []) {
    const patterns = include.flatMap(expandBraces).map((pattern) => resolve(pattern));
    this.#include = patterns.map((pattern) => pattern.split('/').slice(1));
    this.#includes = patterns.map((pattern) => pathRegex(pattern.replace(/\/\*\*$/, '/**/*')));
    const excludes = exclude.flatMap(expandBraces).map((pattern) => ({
      isName: !pattern.includes('/'),
      regex: pathRegex(pattern.includes('/') ? resolve(pattern) : pattern),
    }));
    this.#excludes = (path) => excludes.some(({ isName, regex }) => regex.test(isName ? basename(path) : path));
  }

  /** Whether `find` would give the path if there were a file. */
  matches(path: string): boolean {
    return this.#includes.some((regex) => regex.test(path)) && !this.#excludes(path);
  }

  /** Whether a file below `directory` could match: what a watcher need not look into is told by it. */
  mayContain(directory: string): boolean {
    const names = directory.split('/').filter((name) => name !== '');
    return this.#include.some((segments) => {
      for (const [index, name] of names.entries()) {
        const segment = segments[index];
        if (segment === '**') return true;
        if (segment === undefined || !pathRegex(segment).test(name)) return false;
      }
      return segments.length > names.length;
    });
  }

  isExcluded(path: string): boolean {
    return this.#excludes(path);
  }

  /** The directories that hold everything the globs can match: where a watcher should look. */
  baseDirectories(): readonly string[] {
    const bases = this.#include.map((segments) => {
      const firstMagic = segments.findIndex((segment) => hasMagic.test(segment));
      return `/${segments.slice(0, firstMagic < 0 ? -1 : firstMagic).join('/')}`;
    });
    return [...new Set(bases)].filter(
      (base, _index, all) => !all.some((other) => other !== base && base.startsWith(`${other}/`)),
    );
  }

  async find(): Promise<FoundFiles> {
    const walk = new Walk();
    for (const segments of this.#include) await walk.descend('/', segments);
    const paths = [...walk.paths].filter((path) => !this.#excludes(path)).sort();
    return { paths, problems: walk.problems };
  }
}

class Walk {
  readonly paths = new Set<string>();
  readonly problems: GlobProblem[] = [];
  readonly #entries = new Map<string, readonly Dirent[]>();

  async descend(directory: string, segments: readonly string[]): Promise<void> {
    const [segment, ...rest] = segments;
    if (segment === undefined) return;
    if (segment === '**') {
      const entries = await this.#read(directory);
      await this.descend(directory, rest.length === 0 ? ['*'] : rest);
      for (const entry of entries) {
        if (entry.isDirectory() && !entry.name.startsWith('.'))
          await this.descend(join(directory, entry.name), segments);
      }
    } else if (!hasMagic.test(segment)) {
      const path = join(directory, segment);
      const isMissing = this.#entries.get(directory)?.every(({ name }) => name !== segment) ?? false;
      if (isMissing) return;
      if (rest.length === 0) this.paths.add(path);
      else await this.descend(path, rest);
    } else {
      const regex = pathRegex(segment);
      for (const entry of await this.#read(directory)) {
        if (!regex.test(entry.name)) continue;
        const path = join(directory, entry.name);
        if (rest.length > 0) {
          if (entry.isDirectory() || entry.isSymbolicLink()) await this.descend(path, rest);
        } else if (!entry.isDirectory() || namesFiles(segment)) {
          this.paths.add(path);
        }
      }
    }
  }

  async #read(directory: string): Promise<readonly Dirent[]> {
    const known = this.#entries.get(directory);
    if (known !== undefined) return known;
    let entries: readonly Dirent[] = [];
    if (this.#entries.size === maxDirectories) {
      const error = new Error(`the globs reach more than ${maxDirectories} directories; the rest is not looked at`);
      this.problems.push({ path: directory, error });
    }
    if (this.#entries.size < maxDirectories) {
      try {
        entries = await readdir(directory, { withFileTypes: true });
      } catch (error) {
        const code = systemCodeOf(error);
        if (code !== 'ENOENT' && code !== 'ENOTDIR') this.problems.push({ path: directory, error });
      }
    }
    this.#entries.set(directory, entries);
    return entries;
  }
}

/** `*.log` means files, so that a directory app.log is worth a word; `*` does not. */
function namesFiles(segment: string): boolean {
  return segment.replaceAll(/[*?.]/g, '') !== '';
}

/** `a{b,c}d` as `abd`, `acd`; nested braces too. */
function expandBraces(pattern: string): string[] {
  const match = /^(.*?)\{([^{}]*,[^{}]*)\}(.*)$/s.exec(pattern);
  if (match === null) return [pattern];
  const [, before = '', choices = '', after = ''] = match;
  return choices.split(',').flatMap((choice) => expandBraces(before + choice + after));
}

function pathRegex(pattern: string): RegExp {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? '';
    if (pattern.startsWith('**/', at)) {
      source += '(?:[^/]+/)*';
      at += 2;
    } else if (char === '*') {
      source += at === 0 ? '(?!\\.)[^/]*' : '[^/]*';
    } else if (char === '?') {
      source += at === 0 ? '[^/.]' : '[^/]';
    } else if (char === '[' && pattern.indexOf(']', at + 2) > 0) {
      const end = pattern.indexOf(']', at + 2);
      const inside = pattern
        .slice(at + 1, end)
        .replaceAll('\\', '\\\\')
        .replace(/^!/, '^');
      source += `[${inside}]`;
      at = end;
    } else {
      source += char.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    }
  }
  return new RegExp(`^${source}$`, 's');
}
