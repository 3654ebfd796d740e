/**
 * Rows as an ExportLogsServiceRequest, in JSON, and what its response says. The same in protobuf is in otlp-protobuf.ts, which is loaded by the first
 * batch that is sent so.
 *
 * opentelemetry-proto 1.x: collector/logs/v1/logs_service.proto, logs/v1/logs.proto, common/v1/common.proto. The other direction is in inputs/http/.
 */
import { z } from 'zod';
import { severityRank } from '../record/severity.ts';
import type { LogRow } from '../search/request.ts';
import { type Answer, jsonOf } from './http-upstream.ts';
import { nanosOf } from './nanos.ts';

export type Attributes = readonly (readonly [key: string, value: string])[];

interface Group {
  readonly resource: Attributes;
  readonly rows: LogRow[];
}

/** Rows of one release follow each other under one resource; rows keep their order within it. */
export function groupsOf(rows: Iterable<LogRow>): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const { application, version, environment } = row;
    const key = `${application}\n${version ?? ''}\n${environment ?? ''}`;
    let group = groups.get(key);
    if (group === undefined) {
      const resource: [string, string][] = [['service.name', application]];
      if (version !== null) resource.push(['service.version', version]);
      if (environment !== null) resource.push(['deployment.environment.name', environment]);
      group = { resource, rows: [] };
      groups.set(key, group);
    }
    group.rows.push(row);
  }
  return [...groups.values()];
}

/** TRACE is 1, DEBUG 5, ... FATAL 21: Logs Data Model, "Field: SeverityNumber". */
export function severityNumberOf({ severity }: LogRow): number {
  return severityRank(severity) * 4 + 1;
}

export function attributesOf({ id, source, metadata }: LogRow, origin: string): Attributes {
  return [['log.record.uid', `${origin}-${id}`], ['log.source', source], ...Object.entries(metadata)];
}

export function otlpJson(rows: Iterable<LogRow>, origin: string): string {
  const keyValues = (attributes: Attributes) =>
    attributes.map(([key, value]) => ({ key, value: { stringValue: value } }));
  const resourceLogs = groupsOf(rows).map(({ resource, rows: records }) => ({
    resource: { attributes: keyValues(resource) },
    scopeLogs: [
      {
        scope: { name: 'regression' },
        logRecords: records.map((row) => {
          const nanos = nanosOf(row.timestamp);
          return {
            ...(nanos.startsWith('-') ? {} : { timeUnixNano: nanos, observedTimeUnixNano: nanos }),
            severityNumber: severityNumberOf(row),
            severityText: row.severity,
            body: { stringValue: row.message },
            attributes: keyValues(attributesOf(row, origin)),
          };
        }),
      },
    ],
  }));
  return JSON.stringify({ resourceLogs });
}

export interface PartialSuccess {
  readonly rejected: number;
  readonly message: string;
}

/** JSON writes 64-bit numbers as text. */
const responseSchema = z.object({
  partialSuccess: z
    .object({
      rejectedLogRecords: z.union([z.string(), z.number()]).default(0),
      errorMessage: z.string().default(''),
    })
    .nullish(),
});

/** What an ExportLogsServiceResponse says of records that were not taken; an answer that is none says nothing. */
export async function partialSuccessOf({ text, bytes, headers }: Answer): Promise<PartialSuccess> {
  if (String(headers['content-type'] ?? '').includes('json')) {
    const parsed = responseSchema.safeParse(jsonOf(text));
    const partial = parsed.success ? parsed.data.partialSuccess : null;
    return { rejected: Number(partial?.rejectedLogRecords ?? 0), message: partial?.errorMessage ?? '' };
  }
  try {
    const { readPartialSuccess } = await import('./otlp-protobuf.ts');
    return readPartialSuccess(bytes);
  } catch {
    return { rejected: 0, message: '' }; // 2xx says that they were taken; what else it says is not for us
  }
}
