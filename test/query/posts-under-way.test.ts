import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'tap';
import { PostsUnderWay, postBounds } from '../../src/query/posts-under-way.ts';
import { memoryBudget } from '../../src/runtime/memory-budget.ts';

const MiB = 1024 * 1024;

function under(bounds: { readonly maxBodyBytes: number; readonly maxBytesAtOnce?: number }) {
  const posts = new PostsUnderWay(bounds);
  return (headers: Record<string, string>) => {
    const response = new EventEmitter();
    const isIn = posts.enter(headers, response as ServerResponse);
    return { isIn, answer: () => response.emit('close') };
  };
}

void test('bodies are let in until they are too long together, and again once some have been answered', async (t) => {
  const enter = under({ maxBodyBytes: 100, maxBytesAtOnce: 100 });
  const first = enter({ 'content-length': '60' });
  t.ok(first.isIn);
  t.notOk(enter({ 'content-length': '41' }).isIn);
  t.ok(enter({ 'content-length': '40' }).isIn);
  t.notOk(enter({ 'content-length': '1' }).isIn);
  first.answer();
  t.ok(enter({ 'content-length': '60' }).isIn);
});

void test('one that is compressed, or does not say its length, counts as the longest that may come', async (t) => {
  const unsure: Record<string, string>[] = [
    { 'content-length': '1', 'content-encoding': 'gzip' },
    { 'transfer-encoding': 'chunked' },
  ];
  for (const headers of unsure) {
    const enter = under({ maxBodyBytes: 100, maxBytesAtOnce: 100 });
    const first = enter(headers);
    t.ok(first.isIn);
    t.notOk(enter({ 'content-length': '1' }).isIn);
    first.answer();
    t.ok(enter({ 'content-length': '1' }).isIn);
  }
});

void test('without a bound of bytes 64 are let in', async (t) => {
  const enter = under({ maxBodyBytes: 100 });
  for (let count = 0; count < 64; count++) t.ok(enter({ 'content-length': '100' }).isIn);
  t.notOk(enter({ 'content-length': '1' }).isIn);
});

void test('of little memory bodies get a share, one and all together; of much the configuration alone counts', async (t) => {
  t.strictSame(postBounds(16 * MiB, memoryBudget(128 * MiB)), { maxBodyBytes: 2 * MiB, maxBytesAtOnce: 2 * MiB });
  t.strictSame(postBounds(MiB, memoryBudget(128 * MiB)), { maxBodyBytes: MiB, maxBytesAtOnce: 2 * MiB });
  t.strictSame(postBounds(16 * MiB, memoryBudget(512 * MiB)), { maxBodyBytes: 16 * MiB, maxBytesAtOnce: undefined });
});
