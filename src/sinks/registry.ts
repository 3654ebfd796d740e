/** Which sinks exist. A new one is a file, a line here and a test. */
import { clickhouse } from './clickhouse.ts';
import { elasticsearch } from './elasticsearch.ts';
import { http } from './http.ts';
import { loki } from './loki.ts';
import { otlp } from './otlp.ts';
import { postgres } from './postgres/postgres.ts';
import { regression } from './regression.ts';

export const sinks = { http, regression, otlp, loki, elasticsearch, clickhouse, postgres };

export type SinkType = keyof typeof sinks;
