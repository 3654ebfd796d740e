/** Archived files on their way into an object store: a real one that checks signatures, and one that says no. */
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { z } from 'zod';
import { listArchived } from '../../src/archive/archived.ts';
import type { Store } from '../../src/store/store.ts';
import { archive } from '../../src/tasks/archive.ts';
import type { TaskOutcome } from '../../src/tasks/task.ts';
import { aRecord } from '../records.ts';
import { needsSwift, region, startSwift } from '../servers/swift.ts';
import { archiveDirOf, contextOf, countRows, dataDirOf, openInThisThread } from '../tasks/task-place.ts';
import { tempDir } from '../temp-dir.ts';

const slow = { timeout: 180_000 };
const dayMs = 86_400_000;
const file = '000000000001.sqlite.zst';

type Upload = z.input<typeof archive.options>['upload'];

interface Place {
  readonly archiveDir: string;
  readonly store: Store;
  readonly archive: (upload: Upload) => Promise<TaskOutcome>;
}

/** A sealed segment of 50 rows, a month old by the real clock, which a real object store compares its own with. */
async function place(t: Test): Promise<Place> {
  const root = await tempDir(t);
  mkdirSync(dataDirOf(root));
  const store = openInThisThread(dataDirOf(root));
  t.teardown(() => store.close());
  const timestamp = new Date(Date.now() - 30 * dayMs).toISOString().replace('Z', '000Z');
  await store.append({ records: Array.from({ length: 50 }, () => aRecord({ timestamp })), positions: [], gaps: [] });
  await store.rotate();
  await store.sealed();
  const archiveDir = archiveDirOf(root);
  const context = contextOf(store, root, new Date().toISOString());
  return {
    archiveDir,
    store,
    archive: (upload) => archive.run(context, archive.options.parse({ dir: archiveDir, after: '5d', upload })),
  };
}

/** Answers with the next of `statuses`, in the end with 201. */
async function serving(t: Test, statuses: number[]): Promise<{ readonly url: string; readonly stored: string[] }> {
  const stored: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      let bytes = 0;
      for await (const chunk of request) bytes += (chunk as Buffer).length;
      const status = statuses.shift() ?? 201;
      if (status === 201) stored.push(`${request.method} ${request.url} ${bytes}`);
      response.writeHead(status).end('told');
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stored };
}

void test(
  'an S3-compatible server takes what is signed, as it is; a wrong secret, key or bucket is refused and the rows stay',
  { ...slow, ...needsSwift() },
  async (t) => {
    const objects = await startSwift(t);
    const { archive, archiveDir, store } = await place(t);
    t.equal((await objects.ask('PUT', '/bucket')).status, 200);
    const upload = {
      url: `${objects.url}/bucket/logs of (host)/`,
      region,
      access_key_id: objects.credentials.accessKeyId,
      secret_access_key: objects.credentials.secretAccessKey,
    };

    const refused = [
      { ...upload, secret_access_key: 'wrong' },
      { ...upload, access_key_id: 'test:bob' }, // whom Swift tells no more than that
      { ...upload, url: `${objects.url}/nothing/` },
    ];
    for (const [index, code] of [
      'SignatureDoesNotMatch',
      'SignatureDoesNotMatch|InvalidAccessKeyId|AccessDenied',
      'NoSuchBucket',
    ].entries()) {
      await t.rejects(archive(refused[index]), { code: 'UPLOAD_FAILED', message: new RegExp(code) });
      t.strictSame(await countRows(store), { live: 50, removed: 0 }, code);
    }
    await archive(upload);

    t.strictSame(await countRows(store), { live: 0, removed: 50 });
    const response = await objects.ask('GET', `/bucket/logs%20of%20(host)/${file}`);
    const there = Buffer.from(await response.arrayBuffer());
    t.ok(there.equals(readFileSync(join(archiveDir, file))), `${there.length} bytes are there`);
    t.match(await listArchived(archiveDir), [{ uploaded_to: `${objects.url}/bucket/logs%20of%20(host)/${file}` }]);
  },
);

void test('a server that refuses leaves the rows where they are; the next run goes on', slow, async (t) => {
  const { archive, store, archiveDir } = await place(t);
  const { url, stored } = await serving(t, [503, 403]);

  for (const status of [503, 403]) {
    await t.rejects(archive({ url }), {
      code: 'UPLOAD_FAILED',
      retryable: true,
      message: new RegExp(`${status}: told`),
    });
    t.strictSame(await countRows(store), { live: 50, removed: 0 });
  }
  await archive({ url });

  t.strictSame(await countRows(store), { live: 0, removed: 50 });
  t.strictSame(stored, [`PUT /${file} ${readFileSync(join(archiveDir, file)).length}`]);
});

void test(
  'an address that carries its own signature is used as it is, and the secret is written nowhere',
  slow,
  async (t) => {
    const { archive, archiveDir } = await place(t);
    const { url, stored } = await serving(t, []);

    await archive({ url: `${url}/container/logs?sp=w&sig=secret%2Bsign` });

    t.match(stored, [new RegExp(`^PUT /container/logs/${file}\\?sp=w&sig=secret%2Bsign `)]);
    t.match(await listArchived(archiveDir), [{ uploaded_to: `${url}/container/logs/${file}` }]);
  },
);
