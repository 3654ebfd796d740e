/** Node's own loggers and SDKs, as applications use them: pino to syslog and to Loki, OpenTelemetry's logs SDK. */
import { SeverityNumber } from '@opentelemetry/api';
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http';
import { OTLPLogExporter as ProtobufExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import { once } from 'node:events';
import { type LoggerOptions, pino } from 'pino';
import { test } from 'tap';
import { startReceiver } from './receiver.ts';

/** Logs through a transport in its worker, and ends it so that all is sent. */
async function logWith(
  transport: ReturnType<typeof pino.transport>,
  log: (logger: pino.Logger) => void,
  options: LoggerOptions = {},
) {
  await once(transport, 'ready');
  log(pino(options, transport));
  transport.end();
  await once(transport, 'close');
}

void test('pino through pino-syslog and pino-socket, TCP and UDP', async (t) => {
  for (const mode of ['tcp', 'udp']) {
    const { ports, rows } = await startReceiver(t, [{ listen: `${mode}://127.0.0.1:0` }]);
    const transport = pino.transport({
      pipeline: [
        { target: 'pino-syslog', options: { modern: true, appname: 'checkout', facility: 17, newline: true } },
        { target: 'pino-socket', options: { mode, address: '127.0.0.1', port: ports[0] } },
      ],
    });
    await logWith(transport, (logger) => {
      logger.info({ userId: 'u-1' }, 'paid');
      logger.error('declined');
    });
    const got = await rows(2);

    t.strictSame(
      got.map(({ severity }) => severity),
      ['INFO', 'ERROR'],
      mode,
    );
    t.match(got[0], {
      application: 'checkout',
      metadata: { facility: 'local1', procid: String(process.pid), peer: '127.0.0.1' },
    });
    t.match(got[0]?.message, /paid/);
    t.match(
      `${got[0]?.message} ${JSON.stringify(got[0]?.metadata)}`,
      /u-1/,
      'what the JSON in the message says is kept',
    );
  }
});

void test('pino through pino-loki', async (t) => {
  const { url, token, rows } = await startReceiver(t);
  const transport = pino.transport({
    target: 'pino-loki',
    options: {
      host: url,
      headers: { Authorization: `Bearer ${token}` },
      labels: { application: 'checkout' },
      batching: false, // pino-loki 3.0.0 never ends a batching transport
    },
  });
  await logWith(transport, (logger) => {
    logger.info({ userId: 'u-1' }, 'paid');
    logger.error('declined');
  });
  const got = await rows(2);

  t.strictSame(
    got.map(({ message }) => message).sort((a, b) => a.localeCompare(b)),
    ['declined', 'paid'],
  );
  const paid = got.find(({ message }) => message === 'paid');
  t.match(paid, { severity: 'INFO', application: 'checkout', metadata: { userId: 'u-1' } });
  t.equal(got.find(({ message }) => message === 'declined')?.severity, 'ERROR');
});

void test('the OpenTelemetry logs SDK with its OTLP/HTTP exporters, JSON and protobuf', async (t) => {
  const { url, token, rows } = await startReceiver(t);
  const options = { url: `${url}/v1/logs`, headers: { authorization: `Bearer ${token}` } };
  for (const [place, exporter] of [new JsonExporter(options), new ProtobufExporter(options)].entries()) {
    const provider = new LoggerProvider({
      resource: resourceFromAttributes({ 'service.name': 'checkout', 'service.version': '1.4.2', 'host.name': 'h1' }),
      processors: [new BatchLogRecordProcessor({ exporter })],
    });
    const logger = provider.getLogger('payments', '2.0.0');
    logger.emit({
      timestamp: [1_764_000_000, 123_456_789],
      severityNumber: SeverityNumber.WARN,
      severityText: 'WARN',
      body: 'slow',
      attributes: { userId: 'u-1', tries: 3, ratio: 0.5, isRetry: true, tags: ['a', 'b'], nested: { deep: 'x' } },
    });
    logger.emit({ severityNumber: SeverityNumber.FATAL, body: { code: 7, why: ['disk'] }, eventName: 'crash' });
    await provider.forceFlush();
    await provider.shutdown();
    const got = (await rows(2 * (place + 1))).slice(2 * place);

    t.match(got[0], {
      timestamp: '2025-11-24T16:00:00.123456Z',
      severity: 'WARN',
      application: 'checkout',
      version: '1.4.2',
      source: 'payments',
      message: 'slow',
      metadata: {
        userId: 'u-1',
        tries: '3',
        ratio: '0.5',
        isRetry: 'true',
        tags: '["a","b"]',
        'nested.deep': 'x',
        'host.name': 'h1',
        'scope.version': '2.0.0',
      },
    });
    t.match(got[1], { severity: 'FATAL', metadata: { 'event.name': 'crash' } });
    t.match(JSON.parse(got[1]?.message ?? ''), { why: ['disk'] });
  }
});
