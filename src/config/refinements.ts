/** What options say only together. They are looked at also where something else is wrong, so that everything is said at once. */
import type { z } from 'zod';
import { hostAndPort, isLoopback } from '../runtime/host-and-port.ts';

export const besideOthers = { when: () => true };

/** The entries of a list that may be none, of which each may be anything. */
export function entriesIn<Entry extends object>(list: readonly Entry[]): (readonly [number, Partial<Entry>])[] {
  const given: readonly unknown[] = Array.isArray(list) ? list : [];
  return given.map((entry, index) => [index, (typeof entry === 'object' ? (entry ?? {}) : {}) as Partial<Entry>]);
}

/** @param names undefined for what needs none. */
export function refuseSameNames(names: readonly (string | undefined)[], what: string, context: z.RefinementCtx): void {
  for (const [index, name] of names.entries()) {
    if (name === undefined || names.indexOf(name) === index) continue;
    const message = `there is ${what === 'input' ? 'an' : 'a'} ${what} \`${name}\` already: give each its own name`;
    context.addIssue({ code: 'custom', path: [index, 'name'], message });
  }
}

export function refuseIncompleteTls(inputs: readonly object[], context: z.RefinementCtx): void {
  for (const [index, input] of entriesIn<{ listen?: unknown; tls?: { ca?: unknown; client_certificate?: unknown } }>(
    inputs,
  )) {
    const { listen, tls } = input;
    if (tls === undefined && typeof listen === 'string' && listen.startsWith('tls://')) {
      context.addIssue({ code: 'custom', path: [index, 'tls'], message: '`tls://` needs `cert` and `key`' });
    }
    if (tls?.ca !== undefined || !['optional', 'required'].includes(String(tls?.client_certificate))) continue;
    const message = 'client certificates need the file of their authority';
    context.addIssue({ code: 'custom', path: [index, 'tls', 'ca'], message });
  }
}

interface Reach {
  readonly listen?: unknown;
  readonly tls?: unknown;
  readonly allow_remote?: unknown;
}

export function refuseOpenAddress({ listen, tls, allow_remote: isMeant }: Reach, context: z.RefinementCtx): void {
  if (typeof listen !== 'string' || !listen.includes(':') || listen.startsWith('unix:')) return;
  if (tls !== undefined || isMeant === true || isLoopback(hostAndPort(listen).host)) return;
  const message = 'can be reached from other hosts: set `tls`, or `allow_remote: true` if the network is trusted';
  context.addIssue({ code: 'custom', path: ['listen'], message });
}
