/** `regression run`: the daemon. */
import { join, relative } from 'node:path';
import { version } from '../package-info.ts';
import type { Command, Surroundings } from './command.ts';
import type { DaemonSummary } from '../daemon.ts';

export const run: Command<object> = {
  usage: 'run',
  summary: 'The daemon: follow, store, answer',
  examples: [
    ['regression run', 'follow the logs of /var/log, take syslog on udp 5514, answer on http://127.0.0.1:8514'],
    ['regression run --config /etc/regression.yaml', 'do what the configuration says'],
    ['REGRESSION_DATA_DIR=/var/lib/regression regression run', 'keep the rows there'],
  ],
  async run(flags, surroundings) {
    const { effectiveConfig } = await import('./effective-config.ts');
    const { createLogger } = await import('../runtime/logger.ts');
    const { ServiceManager } = await import('../runtime/service-manager.ts');
    const { InheritedSockets } = await import('../runtime/inherited-sockets.ts');
    const { Daemon } = await import('../daemon.ts');
    const { signal, env } = surroundings;
    const load = async () => (await effectiveConfig(flags, surroundings)).config;
    const config = await load();
    const logger = createLogger(config.log.level, surroundings.stderr);

    const ended = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => ended.resolve(), { once: true });
    const daemon = new Daemon({
      config,
      logger,
      version,
      env,
      onFatal: (error) => ended.reject(error),
      load,
      inherited: await InheritedSockets.of(env, process.pid),
      onReloading: (isReloading) => (isReloading ? serviceManager.reloading() : serviceManager.reloaded()),
    });
    const serviceManager = new ServiceManager({ env, logger, status: () => daemon.status });
    const started = daemon.start();
    // The daemon's own log says what came of it; who asks over the endpoint is told as well.
    surroundings.onHangup(() => void started.then(() => daemon.reload()).catch(() => undefined));
    await started;
    if (flags.json) surroundings.stdout.write(`${JSON.stringify(daemon.summary)}\n`);
    else surroundings.stdout.write(banner(daemon.summary, surroundings));
    try {
      await serviceManager.ready();
      if (!signal.aborted) await ended.promise;
    } finally {
      serviceManager.stopping();
      await daemon.stop();
    }
    if (!flags.json) surroundings.stdout.write('stopped; everything read is stored\n');
  },
};

function banner({ inputs, server, dataDir, adminTokenPath }: DaemonSummary, { cwd }: Surroundings): string {
  const token = shortest(adminTokenPath, cwd);
  const here = dataDir === join(cwd, 'data') ? '' : ` --data-dir ${shortest(dataDir, cwd)}`;
  const [first, ...others] = inputs;
  const curl = server.startsWith('unix:') ? `--unix-socket ${server.slice(5)} 'http://localhost` : `'${server}`;
  return `regression ${version}
  follows    ${[first ?? 'nothing', ...others].join('\n             ')}
  answers on ${server}
  data in    ${shortest(dataDir, cwd)}, admin token in ${token}
Try
  npx regression logs --severity warn${here}
  npx regression logs --follow${here}
  curl -H "Authorization: Bearer $(cat ${token})" ${curl}/api/v1/logs?limit=3'
Stop with Ctrl-C.
`;
}

function shortest(path: string, cwd: string): string {
  const fromHere = relative(cwd, path);
  return fromHere.startsWith('..') || fromHere === '' ? path : `./${fromHere}`;
}
