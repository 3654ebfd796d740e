/** The program as a container runs it: process 1 of its own namespaces, a root file system that cannot be written, any user. */
import { fileURLToPath } from 'node:url';
import { test, type Test } from 'tap';
import { type Place, needsNamespaces, startPlace } from '../servers/namespaces.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));
const timeout = { timeout: 180_000 };
/** Nobody of the password file. */
const uid = 12_345;

/**
 * What the Dockerfile makes, over this machine's files: the program in /app, a volume in /data. Without a time zone.
 * @param more in sh, before the files are closed to writing.
 */
function startContainer(t: Test, more = ''): Promise<Place> {
  return startPlace(
    t,
    `mkdir -p "$root/app" "$root/data" "$root/etc/regression"
mount --bind '${checkout}' "$root/app"
mount -t tmpfs -o mode=700,uid=${uid},gid=${uid} tmpfs "$root/data"
mount -t tmpfs tmpfs "$root/var/log"
rm -f "$root/etc/localtime" "$root/etc/timezone"
cat > "$root/etc/regression/regression.yaml" <<'END'
inputs: [{ type: file, include: [/var/log/*.log], scan_interval: 100ms }, { type: syslog, listen: 'udp://127.0.0.1:5514' }]
END
${more}
mount -o remount,ro "$root/tmp"
mount -o remount,ro "$root"
exec chroot --userspec=${uid}:${uid} "$root" env -i PATH=/usr/bin:/bin LANG=tlh_XX.utf9 REGRESSION_DATA_DIR=/data /app/bin/regression run`,
  );
}

void test(
  'as process 1, any user, on a read-only root without a time zone it follows, answers its health check and stops when told (F72)',
  { ...needsNamespaces, ...timeout },
  async (t) => {
    const container = await startContainer(t);
    await container.until('/app/bin/healthcheck');

    t.match((await container.run('cat /proc/1/status')).said, new RegExp(`Name:\\tnode\\n[^]*Uid:\\t${uid}\\t`));
    t.match((await container.run('touch /app/x /tmp/x')).said, /Read-only file system[^]*Read-only file system/);
    await container.run('echo "2026-11-24 03:00:00 ERROR payment failed" > /var/log/shop.log');
    const rows = await container.until('/app/bin/regression logs --json --application shop | grep payment');
    t.match(JSON.parse(rows), { timestamp: '2026-11-24T03:00:00.000000Z', severity: 'ERROR' });
    t.equal((await container.run('/app/bin/healthcheck /health/nothing')).code, 1);
    t.equal((await container.run('/app/bin/healthcheck /health/ready 127.0.0.1 1')).code, 1);
    t.match((await container.run('/app/bin/regression status')).said, /daemon +running/);

    await container.run('kill -TERM 1');
    const { code, said } = await container.ended;
    t.equal(code, 0);
    t.match(said, /"msg":"stopped; everything read is stored"/);
    t.notMatch(said, /"level":[456]0/, 'nothing to complain about');
  },
);

void test(
  'without /proc it runs; what cannot be known then is said (F72)',
  { ...needsNamespaces, ...timeout },
  async (t) => {
    const container = await startContainer(t, 'umount "$root/proc"');
    await container.until('/app/bin/healthcheck');
    await container.run('echo "2026-11-24 03:00:00 ERROR payment failed" > /var/log/shop.log');

    await container.until('/app/bin/regression logs --application shop | grep payment');
    t.match((await container.run('/app/bin/regression doctor')).said, /inotify +its limits cannot be read/);
    await container.run('kill -TERM 1');
    t.match(await container.ended, { code: 0 });
  },
);
