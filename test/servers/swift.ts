/** An object store of the test's own that speaks S3's protocol and checks its signatures: OpenStack Swift, from Debian's python3-swift. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { signedHeaders } from '../../src/archive/sigv4.ts';
import { freePort } from '../free-port.ts';
import { serverProcess } from './server-process.ts';

/** Debian's own: another Python may come before it and knows nothing of Debian's packages. */
const python = '/usr/bin/python3';
const program = fileURLToPath(new URL('swift-s3.py', import.meta.url));
export const region = 'eu-central-1';

export interface ObjectStore {
  readonly url: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A request of its owner. */
  readonly ask: (method: 'GET' | 'PUT', path: string) => Promise<Response>;
}

/** Options of a test that needs it: skipped without it, saying so. */
export function needsSwift(): { skip: string | false } {
  const { status } = spawnSync(python, ['-c', 'import swift, eventlet'], { stdio: 'ignore' });
  return { skip: status === 0 ? false : 'python3-swift is not installed' };
}

export async function startSwift(teardown: Pick<Test, 'teardown'>): Promise<ObjectStore> {
  const directory = await mkdtemp(join(tmpdir(), 'regression-swift-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  await serverProcess(teardown, {
    name: 'swift',
    directory,
    spawn: () => spawn(python, [program, directory, String(port), 'ann', 'the-secret'], { stdio: 'ignore' }),
    ask: () => fetch(url),
    signal: 'SIGKILL',
  });
  const credentials = { accessKeyId: 'test:ann', secretAccessKey: 'the-secret' };
  return {
    url,
    credentials,
    async ask(method, path) {
      const request = { method, url: new URL(path, url), headers: {}, region, nowMs: Date.now(), credentials };
      const headers: Record<string, string> = { ...signedHeaders({ ...request, bodySha256: sha256OfNothing }) };
      return fetch(request.url, { method, headers });
    },
  };
}

const sha256OfNothing = createHash('sha256').digest('hex');
