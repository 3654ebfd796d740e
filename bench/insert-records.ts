/** Deterministic records, as varied as those of a web service (ids, routes, numbers), with four metadata rows each. */
import type { LogRecord } from '../src/record/log-record.ts';

export const application = { name: 'shop', version: '1.0.0', environment: 'production' };

/** The records of one batch of a long row of batches. */
export function aBatch(batch: number, rows: number): LogRecord[] {
  return Array.from({ length: rows }, (_, index) => {
    const n = batch * rows + index;
    const hash = Math.imul(n + 1, 2654435761) >>> 0;
    return {
      timestamp: new Date(1767225600000 + n * 4).toISOString().replace('Z', '000Z'),
      severity: (['INFO', 'INFO', 'INFO', 'WARN', 'ERROR'] as const)[n % 5] ?? 'INFO',
      application,
      source: '/var/log/shop/app.log',
      message: `request completed id=${hash.toString(16)} after validation against schema; attempt ${(n % 3) + 1} of 3, correlation ${(hash * 31).toString(36)}`,
      metadata: [
        ['userId', `u-${String(hash % 200_000).padStart(6, '0')}`],
        ['route', `/v1/orders/${hash % 100_000}/items`],
        ['cpu', ((hash % 10_000) / 100).toFixed(2)],
        ['durationMs', String(hash % 5000)],
      ],
    };
  });
}
