/** What `regression doctor` says of ports and sockets: whether the daemon could have them. They are given back at once. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Config } from '../config/schema.ts';
import { type ListenAddress, parseListen } from '../inputs/syslog/listen-address.ts';
import { messageOf, systemCodeOf } from '../runtime/errors.ts';
import { hostAndPort } from '../runtime/host-and-port.ts';
import type { Finding } from './finding.ts';

type Place = ListenAddress & { readonly option: string };

const check = 'port';

export async function listeningPlaces({ server, inputs }: Config): Promise<Finding[]> {
  const { listen, health_listen: health } = server;
  const own: readonly (Place | null)[] = [
    listen.startsWith('unix:')
      ? { kind: 'unix', path: listen.slice(5), option: 'server.listen' }
      : { kind: 'tcp', ...hostAndPort(listen), option: 'server.listen' },
    health === undefined ? null : { kind: 'tcp', ...hostAndPort(health), option: 'server.health_listen' },
  ];
  const taken = inputs.map((input, index): Place | null => {
    const address = input.type === 'syslog' ? parseListen(input.listen) : null;
    return address === null ? null : { ...address, option: `inputs[${index}].listen` };
  });
  const places = [...own, ...taken].filter((place) => place !== null);
  return Promise.all(places.map((place) => ('path' in place ? socketFinding(place) : portFinding(place))));
}

async function portFinding({ kind, host, port, option }: Extract<Place, { port: number }>): Promise<Finding> {
  const says = `${option}: ${kind === 'udp' ? 'udp' : 'tcp'} ${host}:${port}`;
  const code = await bindFailure(kind === 'udp' ? 'udp' : 'tcp', host, port);
  if (code === null) return { check, outcome: 'ok', says: `${says} is free` };
  return { check, outcome: 'failed', says: `${says} cannot be had (${code})`, mend: mendPort(code, port, option) };
}

function mendPort(code: string, port: number, option: string): string {
  if (code === 'EADDRINUSE') return `See who has it: ss -lnptu 'sport = :${port}'; stop that, or change ${option}.`;
  if (code === 'EACCES')
    return `Ports below 1024 need AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit, or choose one above in ${option}.`;
  return `Is the address one of this host? Change ${option}.`;
}

/** The system code of what stands in the way; null when the port can be had. */
function bindFailure(kind: 'udp' | 'tcp', host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const failed = (error: unknown): void => resolve(systemCodeOf(error) ?? messageOf(error));
    if (kind === 'tcp') {
      const server = createServer();
      server.once('error', failed).listen(port, host, () => server.close(() => resolve(null)));
    } else {
      const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      socket.once('error', failed).bind(port, host, () => socket.close(() => resolve(null)));
    }
  });
}

/** A socket that is there already may be systemd's for us, or one that a killed daemon left. */
async function socketFinding({ path, option }: Extract<Place, { path: string }>): Promise<Finding> {
  const found = await stat(path).catch(() => null);
  if (found?.isSocket()) return { check, outcome: 'ok', says: `${option}: a socket is at ${path}` };
  if (found !== null) {
    const mend = `Remove it, or change ${option}.`;
    return { check, outcome: 'failed', says: `${option}: ${path} is there and is no socket`, mend };
  }
  return access(dirname(path), constants.W_OK | constants.X_OK).then(
    (): Finding => ({ check, outcome: 'ok', says: `${option}: ${path} can be made` }),
    (error: unknown): Finding => ({
      check,
      outcome: 'failed',
      says: `${option}: ${path} cannot be made (${systemCodeOf(error)})`,
      mend: `Give the daemon's user the directory: install -d -o ${process.getuid?.() ?? 0} ${dirname(path)}; or change ${option}.`,
    }),
  );
}
