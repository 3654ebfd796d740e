/** Whether the upstreams that sinks send to can be reached from here: a connection is made and closed, nothing is sent. */
import { connect } from 'node:net';
import type { SinkConfig } from '../config/schema.ts';
import { messageOf, systemCodeOf } from '../runtime/errors.ts';
import type { Finding } from './finding.ts';

const timeoutMs = 3000;
const defaultPorts: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'postgres:': 5432,
  'postgresql:': 5432,
};

export async function upstreams(sinks: readonly SinkConfig[]): Promise<Finding[]> {
  return Promise.all(
    sinks.map(async (sink, index): Promise<Finding> => {
      const { protocol, hostname, port, host } = new URL(sink.url);
      const says = `sinks[${index}]: ${sink.type} at ${host}`;
      const failure = await connectFailure(
        hostname.replace(/^\[|\]$/g, ''),
        Number(port) || (defaultPorts[protocol] ?? 80),
      );
      if (failure === null) return { check: 'upstream', outcome: 'ok', says: `${says} can be reached` };
      const mend = `Start it, let this host through to it, or change sinks[${index}].url. The rows wait meanwhile.`;
      return { check: 'upstream', outcome: 'warning', says: `${says} cannot be reached (${failure})`, mend };
    }),
  );
}

function connectFailure(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const end = (failure: string | null): void => {
      socket.destroy();
      resolve(failure);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end('no answer'));
    socket.once('error', (error) => end(systemCodeOf(error) ?? messageOf(error)));
  });
}
