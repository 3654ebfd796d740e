import { test } from 'tap';
import { keepAllocatorSmall } from '../../src/runtime/allocator.ts';

interface Report {
  readonly header: { readonly glibcVersionRuntime?: string };
}

void test('glibc is told to keep little memory; another C library is left alone', async (t) => {
  const { header } = process.report.getReport() as unknown as Report;

  t.equal(await keepAllocatorSmall(), header.glibcVersionRuntime !== undefined);
});
