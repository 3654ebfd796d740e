/** The steps of systemd/README.md under a real systemd: install, take what journald has, change, upgrade, remove. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { test } from 'tap';
import { tempDir } from '../temp-dir.ts';
import { needsScratchSystemd, startScratchSystemd } from './scratch-systemd.ts';

const checkout = fileURLToPath(new URL('../../', import.meta.url));

/** The commands under each heading of the page; those of a checkout, which make the archive, are not for the host. */
function steps(): Readonly<Record<string, string>> {
  const page = readFileSync(join(checkout, 'systemd/README.md'), 'utf8');
  const sections = page.split(/^## /m).slice(1);
  return Object.fromEntries(
    sections.map((section) => {
      const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text);
      return [section.slice(0, section.indexOf('\n')), blocks.filter((text) => !text.includes('npm ')).join('')];
    }),
  );
}

/** What `npm run bundle` makes, of the packages that are installed here; in the same format, and not made smaller: that takes long. */
function archive(): Buffer {
  const json = (name: string) => JSON.parse(readFileSync(join(checkout, name), 'utf8'));
  const { version, files } = json('package.json') as { version: string; files: string[] };
  const { packages } = json('package-lock.json') as { packages: Record<string, { dev?: true; devOptional?: true }> };
  const needed = Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional && existsSync(join(checkout, path)))
    .map(([path]) => path);
  const shims = ['node_modules/.bin'].filter((path) => existsSync(join(checkout, path)));
  const words = ['-c', '--owner=root:0', '--group=root:0', `--transform=s,^,regression-${version}/,S`, '-C', checkout];
  const { stdout, status, stderr } = spawnSync('tar', [...words, ...files, 'package.json', ...needed, ...shims], {
    maxBuffer: 1024 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(stderr.toString());
  return gzipSync(stdout, { level: 0 });
}

void test(
  'the steps of systemd/README.md install, feed, change, upgrade and remove the service under systemd',
  { ...needsScratchSystemd(), timeout: 120_000 },
  async (t) => {
    const { run } = await startScratchSystemd(t, await tempDir(t));
    const done = (script: string, stdin?: Buffer): string => {
      const { code, output } = run(script, stdin);
      t.equal(code, 0, `${script}\n${code === 0 ? '' : output + run('journalctl -n 30 --no-pager').output}`);
      return output;
    };
    const section = steps();
    done('cat > regression-0.1.0-linux-x64.tar.gz', archive());
    done('echo "a line of the host" > /var/log/app.log; chgrp adm /var/log/app.log; chmod 640 /var/log/app.log');

    done(`set -e\n${section['Install']}`);
    t.equal(done('systemctl is-active regression.service'), 'active\n');
    t.match(done('systemctl show -p StatusText regression.service'), /answers on http/);
    t.equal(done('stat -c %a /var/lib/private/regression'), '700\n');

    done(`set -e\n${section['What journald has']}`);
    done('logger "told to the journal"; until regression logs | grep -q "told to the journal"; do sleep 0.1; done');

    done(`set -e\n${section['Change the configuration']}`);
    const right = done('cat /etc/regression/regression.yaml');
    done('echo "inputz: []" >> /etc/regression/regression.yaml');
    t.not(run('systemctl reload regression.service').code, 0, 'a wrong configuration is refused');
    t.equal(done('systemctl is-active regression.service'), 'active\n');
    done('cat > /etc/regression/regression.yaml', Buffer.from(right));

    done(`set -e\n${section['Upgrade, and go back']}`);
    done('regression logs | grep -q "told to the journal"');

    done(`set -e\n${section['Remove']}`);
    const left = ['/opt/regression', '/usr/local/bin/regression', '/var/lib/private/regression', '/etc/regression'];
    for (const path of left) t.not(run(`test -e ${path}`).code, 0, `${path} is gone`);
    t.not(run('systemctl cat regression.service').code, 0);
    t.equal(run("pgrep -f 'regression[.]js'").code, 1, 'nothing runs on');
  },
);
