/**
 * Which names rotation gives to a log file: `app.log.1`, `app.log-20261124`, `app-2026-11-24.log`, `app.log.old`, and all of them
 * with `.gz` or `.zst` behind.
 */
import { basename, dirname, extname, join } from 'node:path';

/** Behind the log's own name: something with a digit in it, or a word for what has been put aside. */
const suffix =
  /^[._~-](?:[\w.:+-]*\d[\w.:+-]*|old|prev|previous|bak|rotated|save|saved|\d)(?:\.(?:gz|zst|gzip|zstd|z))?$/i;
const packedOnly = /^\.(?:gz|zst)$/i;

/** True when rotation may have given the file at `path` the name `candidate`; directories are not looked at. */
export function isRotatedName(candidate: string, path: string): boolean {
  const name = basename(candidate);
  const log = basename(path);
  if (name === log) return false;
  if (name.startsWith(log)) return suffix.test(name.slice(log.length)) || packedOnly.test(name.slice(log.length));
  const extension = extname(log);
  const stem = log.slice(0, log.length - extension.length);
  if (extension === '' || !name.startsWith(stem)) return false;
  const bare = name.replace(/\.(?:gz|zst)$/i, '');
  return bare.endsWith(extension) && suffix.test(bare.slice(stem.length, bare.length - extension.length));
}

/** The paths that rotation may have made `path` of: a few, to be looked up. */
export function originalsOf(path: string): readonly string[] {
  const directory = dirname(path);
  const name = basename(path).replace(/\.(?:gz|zst)$/i, '');
  const extension = extname(name);
  const found = new Set([name]);
  for (const { index } of name.matchAll(/[._~-]/g)) {
    const stem = name.slice(0, index);
    found.add(stem).add(stem + extension);
  }
  return [...found].map((original) => join(directory, original)).filter((original) => isRotatedName(path, original));
}

/** By any packer, also by those that are not unpacked here. */
export function isNameOfPacker(path: string): boolean {
  return isPackedName(path) || /\.(?:bz2|xz|lzma|lz4)$/i.test(path);
}

export function isPackedName(path: string): boolean {
  return /\.(?:gz|zst|gzip|zstd|z)$/i.test(path);
}
