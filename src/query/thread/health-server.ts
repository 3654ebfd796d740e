/** Runs in the health thread: answers with what it was told last, and with 503 once it is told nothing. See ../health-thread.ts. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import type { HealthPart } from '../context.ts';
import type { FromHealthThread, HealthServerOptions } from '../health-thread.ts';
import { readinessOf } from '../readiness.ts';

const { host, port, stuckMs } = workerData as HealthServerOptions;
let toldAtMs = performance.now();
let parts: readonly HealthPart[] = [];

parentPort?.on('message', (told: readonly HealthPart[]) => {
  toldAtMs = performance.now();
  parts = told;
});

const server = createServer((request, response) => {
  const path = request.url?.split('?', 1)[0];
  if (path !== '/health/live' && path !== '/health/ready') {
    response.writeHead(404).end();
    return;
  }
  const silentMs = performance.now() - toldAtMs;
  const reason = `it has not worked for ${Math.round(silentMs / 1000)} s`;
  const loop: HealthPart =
    silentMs > stuckMs ? { name: 'main loop', ok: false, reason } : { name: 'main loop', ok: true };
  const all = path === '/health/live' ? [loop] : [...parts, loop];
  const readiness = readinessOf(all);
  response.writeHead(readiness.status === 'not_ready' ? 503 : 200, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(readiness));
});

const tell = (message: FromHealthThread): void => parentPort?.postMessage(message, []);
server.requestTimeout = 10_000;
server.maxConnections = 100;
server.once('error', (error) => tell({ kind: 'failed', message: error.message }));
server.listen(port, host, () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }));
