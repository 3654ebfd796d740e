/** What a `.cpuprofile` of V8 says, by the part of the program in whose own code (not what it called) the time went. */

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Shares {
  readonly busySeconds: number;
  /** Of the busy time, the largest first, from a hundredth on. */
  readonly parts: readonly (readonly [part: string, share: number])[];
}

export function sharesOf(json: string): Shares {
  const { nodes, samples, timeDeltas } = JSON.parse(json) as Profile;
  const partOf = new Map(nodes.map(({ id, callFrame }) => [id, partName(callFrame.functionName, callFrame.url)]));
  const micros = new Map<string, number>();
  for (const [index, sample] of samples.entries()) {
    const part = partOf.get(sample) ?? '?';
    micros.set(part, (micros.get(part) ?? 0) + (timeDeltas[index] ?? 0));
  }
  micros.delete('idle');
  const busy = [...micros.values()].reduce((sum, value) => sum + value, 0);
  const parts = [...micros].map(([part, value]) => [part, value / busy] as const);
  return { busySeconds: busy / 1e6, parts: parts.filter(([, share]) => share >= 0.01).toSorted((a, b) => b[1] - a[1]) };
}

function partName(functionName: string, url: string): string {
  if (functionName === '(idle)') return 'idle';
  if (url.startsWith('wasm:')) return 'SQLite (WebAssembly)';
  if (url.includes('/node_modules/')) return url.split('/node_modules/').at(-1)?.split('/')[0] ?? url;
  if (url.startsWith('node:')) return url.split('/').slice(0, 2).join('/').replace('node:internal', 'node');
  const [, own] = /\/dist\/(.+)\.js$/.exec(url) ?? [];
  return own ?? (functionName.startsWith('(') ? functionName.slice(1, -1) : `native ${functionName}`);
}
