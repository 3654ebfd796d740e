/**
 * The parts of prom-client that the daemon needs. Its index loads all the rest as well (default metrics with OpenTelemetry, a push gateway, clusters): a
 * megabyte that stays for as long as the daemon runs. The version is pinned exactly, so these paths hold; the tests of metrics go through them.
 */
import { createRequire } from 'node:module';
import type * as promClient from 'prom-client';

const require = createRequire(import.meta.url);

export const Counter = require('prom-client/lib/counter.js') as typeof promClient.Counter;
export const Gauge = require('prom-client/lib/gauge.js') as typeof promClient.Gauge;
export const Histogram = require('prom-client/lib/histogram.js') as typeof promClient.Histogram;
export const Registry = require('prom-client/lib/registry.js') as typeof promClient.Registry;
