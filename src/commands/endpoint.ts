/**
 * The endpoint a command asks: the running daemon's, or one of its own over the data directory when no daemon holds it. So that
 * every command says the same with and without a daemon, there is one way to ask.
 */
import type { RegressionClient } from '../client/client.ts';
import type { Config } from '../config/schema.ts';
import type { LockHolder } from '../runtime/data-dir-lock.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { CommonFlags, Surroundings } from './command.ts';

export interface Endpoint {
  readonly client: RegressionClient;
  close(): Promise<void>;
}

export interface EndpointOptions {
  /** Name of the command, told to those who find the data directory held. */
  readonly command: string;
  /** Make the data directory if it is not there, instead of refusing. */
  readonly mayCreate?: boolean;
}

/** @throws RegressionError `DATA_DIR_LOCKED`, `DATA_DIR_UNUSABLE`, `UNAUTHORIZED`, and what opening the store throws. */
export async function openEndpoint(
  { command, mayCreate = false }: EndpointOptions,
  flags: CommonFlags,
  surroundings: Surroundings,
): Promise<Endpoint> {
  const { probeDataDir } = await import('../runtime/data-dir-lock.ts');
  const { dataDirOf } = await import('../config/data-dir.ts');
  const { env, cwd } = surroundings;
  const dataDir = await dataDirOf({ configPath: flags.config, dataDir: flags.dataDir, env, cwd });
  const server = dataDir === null ? null : ((await probeDataDir(dataDir))?.server ?? null);
  if (dataDir !== null && server !== null && !server.startsWith('https:'))
    return openDaemons(server, dataDir, undefined);

  const { effectiveConfig } = await import('./effective-config.ts');
  const { config } = await effectiveConfig(flags, surroundings);
  const holder = await probeDataDir(config.data_dir);
  return holder === null ? openOwn(config, command, mayCreate) : openHolders(holder, config);
}

/** The running daemon's. @throws RegressionError `DAEMON_UNREACHABLE` when none runs, `DATA_DIR_LOCKED`, `UNAUTHORIZED`. */
export async function openDaemon(flags: CommonFlags, surroundings: Surroundings): Promise<Endpoint> {
  const { effectiveConfig } = await import('./effective-config.ts');
  const { probeDataDir } = await import('../runtime/data-dir-lock.ts');
  const { config } = await effectiveConfig(flags, surroundings);
  const holder = await probeDataDir(config.data_dir);
  if (holder !== null) return openHolders(holder, config);
  throw new RegressionError('DAEMON_UNREACHABLE', `no daemon runs with ${config.data_dir}`, {
    hint: 'Start `regression run`, or name its directory with --data-dir.',
  });
}

async function openHolders({ command, pid, server }: LockHolder, config: Config): Promise<Endpoint> {
  if (server !== null) return openDaemons(server, config.data_dir, config.server.tls?.cert);
  throw new RegressionError(
    'DATA_DIR_LOCKED',
    `\`regression ${command}\` (pid ${pid}) is using ${config.data_dir} and answers no questions`,
    { hint: 'Ask again when it is done.' },
  );
}

async function openDaemons(url: string, dataDir: string, certPath: string | undefined): Promise<Endpoint> {
  const { readFile } = await import('node:fs/promises');
  const { RegressionClient } = await import('../client/client.ts');
  const { readAdminToken } = await import('../query/admin-token.ts');
  const token = await readAdminToken(dataDir);
  if (token === null) throw new RegressionError('UNAUTHORIZED', `there is no admin token in ${dataDir}`);
  const certificate =
    certPath === undefined || !url.startsWith('https:') ? undefined : await readFile(certPath, 'utf8');
  const client = new RegressionClient({ url, token, certificate });
  return { client, close: () => client.close() };
}

/** A server on a socket of our own in a private directory, for as long as the command runs. */
async function openOwn(config: Config, command: string, mayCreate: boolean): Promise<Endpoint> {
  const dataDir = config.data_dir;
  const { existsSync } = await import('node:fs');
  const { mkdtemp, rm } = await import('node:fs/promises');
  const { tmpdir } = await import('node:os');
  const path = await import('node:path');
  const { pino } = await import('pino');
  const { RegressionClient } = await import('../client/client.ts');
  const { version } = await import('../package-info.ts');
  const { loadOrCreateAdminToken } = await import('../query/admin-token.ts');
  const { LiveFeed } = await import('../query/live-feed.ts');
  const { QueryServer } = await import('../query/server.ts');
  const { systemClock } = await import('../runtime/clock.ts');
  const { actAsOwner, makeDataDir } = await import('../runtime/data-dir.ts');
  const { lockDataDir } = await import('../runtime/data-dir-lock.ts');
  const { createMetrics } = await import('../runtime/metrics.ts');
  const { TaskRunner } = await import('../schedule/task-runner.ts');
  const { openStore } = await import('../store/remote-store.ts');
  const { hotFileName, segmentsDirectoryName } = await import('../store/segments.ts');
  const hasData = [hotFileName, segmentsDirectoryName].some((name) => existsSync(path.join(dataDir, name)));
  if (!mayCreate && !hasData) {
    throw new RegressionError('DATA_DIR_UNUSABLE', `there is no data in ${dataDir}`, {
      hint: 'Start `regression run`, or name the directory with --data-dir.',
    });
  }
  await makeDataDir(dataDir);
  await actAsOwner(dataDir);
  await using opened = new AsyncDisposableStack(); // what is open when something fails is closed, in reverse
  const lock = await lockDataDir(dataDir, command);
  opened.defer(() => lock.release());
  const store = await openStore({ dataDir });
  opened.defer(() => store.close());
  const socketDirectory = await mkdtemp(path.join(tmpdir(), 'regression-'));
  opened.defer(() => rm(socketDirectory, { recursive: true, force: true }));
  const { token } = await loadOrCreateAdminToken(dataDir);
  const feed = new LiveFeed();
  const append = feed.appendTo(store);
  const metrics = createMetrics();
  const logger = pino({ level: 'silent' });
  const runner = new TaskRunner({ config: () => config.tasks, store, dataDir, clock: systemClock, metrics, logger });
  opened.defer(() => runner.stop());
  const server = new QueryServer({
    store,
    feed,
    append: (records) => append({ records, positions: [], gaps: [] }),
    clock: systemClock,
    metrics,
    logger,
    tasks: { runner, nextRun: () => null },
    queryTimeoutMs: 60_000, // nobody else waits
    health: () => [],
    listen: `unix:${path.join(socketDirectory, 'query.sock')}`,
    allowRemote: false,
    allowedHosts: [],
    token,
    version,
  });
  opened.defer(() => server.stop());
  await server.start();
  const client = new RegressionClient({ url: server.url ?? '', token });
  opened.defer(() => client.close());
  const held = opened.move();
  return { client, close: () => held.disposeAsync() };
}
