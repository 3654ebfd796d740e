import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'tap';
import { syslogOptions } from '../../../src/inputs/syslog/options.ts';
import { SyslogInput } from '../../../src/inputs/syslog/syslog-input.ts';
import { memoryBudget } from '../../../src/runtime/memory-budget.ts';
import { RecordingContext } from '../recording-context.ts';

const MiB = 1024 * 1024;

void test('of little memory datagrams get a share, whatever queue_bytes is, and every drop is counted (F70)', async (t) => {
  const context = new RecordingContext();
  const release = context.hold();
  const options = syslogOptions.parse({ listen: 'udp://127.0.0.1:0', queue_bytes: '64MiB' });
  const input = new SyslogInput(options, context, memoryBudget(96 * MiB));
  t.teardown(() => input.stop());
  await input.start();
  const sender = createSocket('udp4').bind(0);
  await once(sender, 'listening');
  t.teardown(() => sender.close());
  const datagrams = 400;
  for (let sent = 0; sent < datagrams; sent++) {
    await new Promise((resolve) => sender.send(`<13>${'x'.repeat(8000)}`, input.port, '127.0.0.1', resolve));
  }
  await context.until('input_dropped_total', (dropped) => dropped > 0);
  release();
  await input.stop();

  t.equal(context.lines.length + (await context.count('input_dropped_total')), datagrams, 'sent = stored + dropped');
});
