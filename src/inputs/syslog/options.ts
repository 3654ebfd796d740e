/** Options of the syslog input. */
import { z } from 'zod';
import { formats } from '../../parsers/registry.ts';
import { bytes, duration } from '../../runtime/units.ts';
import { sourceOptions } from '../source-options.ts';
import { parseListen } from './listen-address.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const dayMs = 86_400_000;

export const syslogOptions = z.strictObject({
  listen: z
    .string()
    .refine((listen) => parseListen(listen) !== null, {
      error:
        'expected udp://, tcp:// or tls://ADDRESS:PORT, unix:///PATH or unixgram:///PATH, e.g. udp://127.0.0.1:5514 or unixgram:///dev/log',
    })
    .default('udp://127.0.0.1:5514')
    .describe(
      'Where syslog is taken: `udp://`, `tcp://` or `tls://ADDRESS:PORT`, `unix:///PATH` (a stream socket) or `unixgram:///PATH` (a datagram socket, as `/dev/log` is)',
    ),
  ...sourceOptions,
  format: z.enum(formats).default('syslog').describe('How messages are read; `syslog` is RFC 5424 and RFC 3164'),
  max_message_bytes: bytes({ min: 480, max: 16 * MiB })
    .prefault('64KiB')
    .describe('Longer messages are cut and marked `truncated`; of a datagram 64 KiB are kept at most'),
  queue_bytes: bytes({ min: 256 * KiB, max: 1024 * MiB })
    .prefault('64MiB')
    .describe(
      'Datagrams waiting for the store; beyond it they are dropped and counted, since a sender cannot be made to wait. Also bounds the unfinished messages of all stream connections together',
    ),
  receive_buffer_bytes: bytes({ min: 4096, max: 1024 * MiB })
    .prefault('8MiB')
    .describe('UDP: kernel receive buffer asked for; the kernel grants at most net.core.rmem_max'),
  tls: z
    .strictObject({
      cert: z.string().min(1).describe('Path of the certificate chain, PEM'),
      key: z.string().min(1).describe('Path of its private key, PEM'),
      ca: z
        .string()
        .min(1)
        .optional()
        .describe('Path of the authorities that client certificates are checked against, PEM'),
      client_certificate: z
        .enum(['none', 'optional', 'required'])
        .default('none')
        .describe('Whether senders are asked for a certificate; one that is shown must be valid'),
    })
    .optional()
    .describe('For `tls://` (RFC 5425)'),
  idle_timeout: duration({ min: 1000, max: 30 * dayMs })
    .prefault('1h')
    .describe(
      'A stream connection that sends nothing for this long is closed; one that waits for the store is not idle',
    ),
  max_connections: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(16_384)
    .describe('Stream connections at once; more are closed as they come, and counted'),
  socket_mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, { error: 'expected an octal mode, e.g. 0666' })
    .default('0666')
    .describe('Unix sockets: who may write to it; /dev/log is open to all'),
});

export type SyslogOptions = z.output<typeof syslogOptions>;
