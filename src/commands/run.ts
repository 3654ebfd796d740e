/** `regression run`: the daemon. */
import { join, relative } from 'node:path';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
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
    let reload: () => void = () => undefined; // asked for before there is a daemon: it reads its configuration anyway
    surroundings.onHangup(() => reload());
    const { keepAllocatorSmall } = await import('../runtime/allocator.ts');
    await keepAllocatorSmall();
    const { effectiveConfig } = await import('./effective-config.ts');
    const { OwnLog } = await import('../runtime/logger.ts');
    const { ServiceManager } = await import('../runtime/service-manager.ts');
    const { InheritedSockets } = await import('../runtime/inherited-sockets.ts');
    const { settleHeap } = await import('../runtime/settled-heap.ts');
    const { Daemon } = await import('../daemon.ts');
    const { signal, env, stdout } = surroundings;
    const load = async () => (await effectiveConfig(flags, surroundings)).config;
    const config = await load();
    const { stderr: output, isJournal = false } = surroundings;
    const ownLog = new OwnLog({ ...config.log, output, isJournal });
    const { logger } = ownLog;

    const ended = Promise.withResolvers<void>();
    signal.addEventListener('abort', () => ended.resolve(), { once: true });
    const daemon = new Daemon({
      config,
      logger,
      ownLog,
      version,
      env,
      onFatal: (error) => ended.reject(error),
      load,
      inherited: await InheritedSockets.of(env, process.pid),
      onReloading: (isReloading) => (isReloading ? serviceManager.reloading() : serviceManager.reloaded()),
    });
    const serviceManager = new ServiceManager({ env, logger, status: () => daemon.status });
    await turnOfTheLoop(); // a signal that was sent while all this was loaded arrives
    if (signal.aborted) return;
    await serviceManager.starting();
    const started = daemon.start();
    // The daemon's own log says what came of it; who asks over the endpoint is told as well.
    reload = () => void started.then(() => daemon.reload()).catch(() => undefined);
    await started;
    settleHeap();
    if (flags.json) stdout.write(`${JSON.stringify(daemon.summary)}\n`);
    else if (stdout.isTTY === true) stdout.write(banner(daemon.summary, surroundings));
    else logger.info(entryOf(daemon.summary), `regression ${version} runs`);
    try {
      serviceManager.ready();
      if (!signal.aborted) await ended.promise;
    } finally {
      serviceManager.stopping();
      await daemon.stop();
      ownLog.close();
    }
    const farewell = 'stopped; everything read is stored';
    if (stdout.isTTY === true) stdout.write(`${farewell}\n`);
    else if (!flags.json) logger.info(farewell);
    surroundings.endSoon?.((left) => logger.warn({ left }, 'something was left open; the process ends all the same'));
  },
};

/** For those who read the daemon's log instead of a terminal. */
function entryOf({ inputs, server, dataDir }: DaemonSummary) {
  return { follows: inputs, answers_on: server, data_dir: dataDir };
}

function banner({ inputs, server, dataDir, adminTokenPath }: DaemonSummary, { cwd, env }: Surroundings): string {
  const command = env['npm_execpath'] === undefined ? 'regression' : 'npx regression'; // in a checkout, by npm start
  const token = shortest(adminTokenPath, cwd);
  const here = dataDir === join(cwd, 'data') ? '' : ` --data-dir ${shortest(dataDir, cwd)}`;
  const [first, ...others] = inputs;
  const curl = server.startsWith('unix:') ? `--unix-socket ${server.slice(5)} 'http://localhost` : `'${server}`;
  return `regression ${version}
  follows    ${[first ?? 'nothing', ...others].join('\n             ')}
  answers on ${server}
  data in    ${shortest(dataDir, cwd)}, admin token in ${token}
Try
  ${command} logs --severity warn${here}
  ${command} logs --follow${here}
  curl -H "Authorization: Bearer $(cat ${token})" ${curl}/api/v1/logs?limit=3'
Stop with Ctrl-C.
`;
}

function shortest(path: string, cwd: string): string {
  const fromHere = relative(cwd, path);
  return fromHere.startsWith('..') || fromHere === '' ? path : `./${fromHere}`;
}
