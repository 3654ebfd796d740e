/** Options of the syslog input. */
import { z } from 'zod';
import { formats } from '../../parsers/registry.ts';
import { bytes } from '../../runtime/units.ts';
import { sourceOptions } from '../source-options.ts';

const MiB = 1024 * 1024;

export const syslogOptions = z.strictObject({
  listen: z
    .string()
    .regex(/^udp:\/\/(?:\[[\da-fA-F:.]+\]|[^[\]:/]+):\d{1,5}$/, {
      error: 'expected udp://ADDRESS:PORT, e.g. udp://127.0.0.1:5514 or udp://[::]:5514',
    })
    .default('udp://127.0.0.1:5514')
    .describe('Address to take datagrams on'),
  ...sourceOptions,
  format: z.enum(formats).default('syslog').describe('How datagrams are read; `syslog` is RFC 5424 and RFC 3164'),
  queue_bytes: bytes({ min: 64 * 1024, max: 1024 * MiB })
    .prefault('16MiB')
    .describe(
      'Datagrams waiting for the store; beyond it they are dropped and counted, since a sender cannot be made to wait',
    ),
  receive_buffer_bytes: bytes({ min: 4096, max: 1024 * MiB })
    .prefault('8MiB')
    .describe('Kernel receive buffer asked for; the kernel grants at most net.core.rmem_max'),
});

export type SyslogOptions = z.output<typeof syslogOptions>;
