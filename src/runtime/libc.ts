/**
 * The C library by koffi, an optional package, for the few system calls that Node has no way to. Linux on 64-bit little-endian
 * machines, whose structures the callers write themselves.
 */
import type koffiModule from 'koffi';

export interface Libc {
  readonly koffi: typeof koffiModule;
  /** Declares a function, in C: `int close(int)`. */
  readonly func: (declaration: string) => SystemFunction;
}

export interface SystemFunction {
  (...args: unknown[]): unknown;
  /** Called in a thread of Node's pool; the last argument is told what came of it. */
  async(...args: unknown[]): void;
}

export const SOCK_DGRAM = 2;
export const SOCK_CLOEXEC = 0o2000000;
export const MSG_DONTWAIT = 0x40;

/** Null where koffi or the platform does not allow it: the caller has another way, or says so. */
export async function openLibc(): Promise<Libc | null> {
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) return null;
  const koffi = await import('koffi').then(
    (module) => module.default,
    () => null, // not installed
  );
  if (koffi === null) return null;
  const library = koffi.load(null);
  return { koffi, func: (declaration) => library.func(declaration) };
}
