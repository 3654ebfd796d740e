import { test } from 'tap';
import { changesOf } from '../../src/config/changes.ts';
import { configSchema } from '../../src/config/schema.ts';

const configOf = (given: object) => configSchema.parse({ inputs: [], ...given });

void test('what a running daemon takes over and what waits for a restart are told apart, by path', async (t) => {
  const before = configOf({ application: { name: 'shop', version: '1.0' } });
  const after = configOf({
    application: { name: 'shop', version: '1.1' },
    inputs: [{ type: 'file', include: ['/var/log/app.log'] }],
    data_dir: '/elsewhere',
    server: { max_requests: 7 },
    tasks: { rotate: { max_size: '1MiB', schedule: '0 4 * * *' } },
    log: { level: 'debug' },
  });

  const { next, applied, needsRestart } = changesOf(before, after);

  t.strictSame(applied, ['application.version', 'inputs', 'tasks.rotate.schedule', 'log.level']);
  t.strictSame(needsRestart, ['data_dir', 'server.max_requests', 'tasks.rotate.max_size']);
  t.match(next, { application: { version: '1.1' }, log: { level: 'debug' } });
  t.match(next, { data_dir: before.data_dir, server: before.server });
  t.equal(next.tasks.rotate.max_size, before.tasks.rotate.max_size);
  t.strictSame(changesOf(next, after).needsRestart, needsRestart, 'it is said again for as long as it waits');
});

void test('a group of options that may be absent comes and goes as a whole', async (t) => {
  const without = configOf({});
  const withTls = configOf({ server: { tls: { cert: '/cert.pem', key: '/key.pem' } } });

  t.strictSame(changesOf(without, withTls), { next: without, applied: [], needsRestart: ['server.tls'] });
  t.strictSame(changesOf(withTls, without), { next: withTls, applied: [], needsRestart: ['server.tls'] });
  t.strictSame(changesOf(withTls, withTls), { next: withTls, applied: [], needsRestart: [] });
});
