/** A large page is written into the memory of one that has been sent. */
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'tap';
import type { SearchPage, SearchRequest } from '../../src/search/request.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { PageMemory, leastReusedBytes, pageMemory } from '../../src/store/page-memory.ts';
import { openStore } from '../../src/store/remote-store.ts';
import { cacheLimits } from '../../src/query/query-cache.ts';
import { serve } from '../query/serve.ts';
import { someRecords } from '../records.ts';
import { memoryDir } from '../temp-dir.ts';

const MiB = 1024 * 1024;
const large: SearchRequest = { filter: {}, order: 'desc', limit: 5000, asBytes: true };
const textOf = ({ bytes }: SearchPage): string => Buffer.from(bytes ?? []).toString();

void test('it is had back with the page, and the page is the same', async (t) => {
  const store = await openStore({ dataDir: await memoryDir(t) });
  t.teardown(() => store.close());
  await store.append({ records: someRecords(5000, { metadata: [['k', 'é']] }), positions: [], gaps: [] });
  const search = (request: SearchRequest): Promise<SearchPage> => store.search(request, { deadlineMs: 10_000 });
  const first = await search(large);
  const memory = first.bytes?.buffer as ArrayBuffer;
  const text = textOf(first);
  pageMemory.giveBack(memory);
  t.ok(memory.byteLength >= leastReusedBytes, 'it waits');
  t.equal(pageMemory.bytes, memory.byteLength);

  const few = await search({ ...large, filter: { untilId: 3 } });
  t.equal(few.rowCount, 3);
  t.ok((few.bytes?.buffer.byteLength ?? 0) < leastReusedBytes, 'a page that is not large has its own, and may be kept');
  t.equal(pageMemory.bytes, 0);

  const second = await search(large);
  t.ok(textOf(second) === text);
  const held = second.bytes?.buffer.byteLength;
  pageMemory.giveBack(second.bytes?.buffer as ArrayBuffer);
  await search({ ...large, order: 'arrival' });
  await search({ ...large, asBytes: false });
  await search({ ...large, limit: 100 });
  t.not(pageMemory.bytes, 0, 'others are not given it');
  const shorter = await search({ ...large, limit: 4000 });
  t.equal(pageMemory.bytes, 0);
  t.equal(second.bytes?.length, 0, 'it has gone to the thread');
  t.equal(shorter.bytes?.buffer.byteLength, held, 'and come back, though less would do');
  t.ok(textOf(shorter) === `${text.split('\n').slice(0, 4000).join('\n')}\n`);
});

void test('what is sent gives it back, and what follows is not written over it', async (t) => {
  const store = await openStore({ dataDir: await memoryDir(t) });
  t.teardown(() => store.close());
  await store.append({ records: someRecords(9000), positions: [], gaps: [] });
  const { get } = await serve(t, { store, clock: systemClock });
  const path = '/api/v1/logs?limit=4500';
  for (const format of ['ndjson', 'json']) {
    const rows = (order: string): string => `${path}&format=${format}&order=${order}`;
    const once = (await Promise.all([get(rows('asc')), get(rows('desc'))])).map(({ text }) => withoutTime(text));
    const again = (await Promise.all([get(rows('asc')), get(rows('desc'))])).map(({ text }) => withoutTime(text));
    t.strictSame(
      once.map((text) => text.length),
      again.map((text) => text.length),
    );
    t.ok(once.join() === again.join());
    t.match(once[0], /"row 0"[^]*"row 4499"/);
    t.match(once[1], /"row 8999"[^]*"row 4500"/);
  }
  while (pageMemory.bytes === 0) await turn();
  t.ok(pageMemory.bytes <= 16 * MiB);
});

const withoutTime = (text: string): string => text.replace(/"elapsed_ms":[\d.]+/, '');

void test('it is bounded, and given up when nobody asks', async (t) => {
  const memory = new PageMemory({ mostBytes: 10 * MiB, idleMs: 0 });
  const [one, other, small] = [new ArrayBuffer(6 * MiB), new ArrayBuffer(6 * MiB), new ArrayBuffer(1 * MiB)];
  memory.giveBack(one);
  memory.giveBack(other);
  memory.giveBack(small);
  t.equal(memory.bytes, 6 * MiB);
  t.equal(other.byteLength, 0, 'freed');
  t.equal(small.byteLength, 1 * MiB, 'left to who may have it too');
  t.ok(cacheLimits.bytesPerEntry < leastReusedBytes, 'answers that are remembered are not taken back');
  while (memory.bytes > 0) await turn();
  t.equal(one.byteLength, 0);
  t.equal(memory.takeFor(large), undefined);
});
