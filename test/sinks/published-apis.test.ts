/**
 * Loki, Elasticsearch and VictoriaLogs, none of which can be had here: small models that take and refuse as their documentation says.
 * What a request looks like, word for word, is in scripted-protocols.test.ts.
 *
 * grafana.com/docs/loki/latest/reference/loki-http-api and .../operations/request-validation-rate-limits; what equals another entry is
 * loki/pkg/chunkenc/unordered.go. elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk. docs.victoriametrics.com/victorialogs/data-ingestion
 */
import { test } from 'tap';
import { configured, forwarding } from '../pipeline/forward/forwarding.ts';
import { aRecord, someRecords } from '../records.ts';
import { ScriptedUpstream, answer } from './scripted-upstream.ts';

type LokiValue = [nanos: string, line: string, metadata: Record<string, string>];

/** Stores what is valid of a push, and answers 400 for the rest of it, or 429 when a push was more than the stream's rate. */
class LokiModel {
  readonly stored: LokiValue[] = [];
  #seen = new Set<string>();
  #highest = 0n;
  #pushes = 0;

  push(text: string): { readonly status: number; readonly text: string } {
    const { streams } = JSON.parse(text) as { streams: { stream: Record<string, string>; values: LokiValue[] }[] };
    const errors: string[] = [];
    const isLimited = ++this.#pushes === 2;
    for (const { stream, values } of streams) {
      if (Object.keys(stream).length > 15) errors.push('has 16 label names; limit 15');
      for (const [place, value] of values.entries()) {
        const [nanos, line, metadata] = value;
        const isString = [nanos, line, ...Object.values(metadata)].every((field) => typeof field === 'string');
        if (!isString || !/^-?\d+$/.test(nanos)) return { status: 400, text: 'not a push' };
        const identity = JSON.stringify([stream, nanos, line]);
        if (this.#seen.has(identity)) continue;
        if (isLimited && place > 2) {
          errors.push('429');
        } else if (BigInt(nanos) < this.#highest - 3_600_000_000_000n) {
          errors.push(`entry with timestamp ${nanos} ignored, reason: 'entry too far behind'`);
        } else if (line.length > 1000) {
          errors.push('Max entry size exceeded for stream');
        } else {
          this.#seen.add(identity);
          this.stored.push(value);
          if (BigInt(nanos) > this.#highest) this.#highest = BigInt(nanos);
        }
      }
    }
    if (errors.includes('429')) return { status: 429, text: 'Per stream rate limit exceeded' };
    return errors.length === 0 ? { status: 204, text: '' } : { status: 400, text: errors.join('\n') };
  }
}

void test('Loki: lines that are equal in a microsecond are all there, each once; what comes too late or is too long is a dead letter', async (t) => {
  const loki = new LokiModel();
  const upstream = await ScriptedUpstream.listen(t);
  upstream.always((received, response, request) => {
    const { status, text } = loki.push(received.text);
    answer(status, text)(received, response, request);
  });
  const records = [
    ...someRecords(5, { message: 'again' }),
    aRecord({ message: 'x'.repeat(1001) }),
    aRecord({ message: 'of yesterday', timestamp: '2026-11-22T03:00:00.000000Z' }),
    ...Array.from({ length: 20 }, () => aRecord({ message: 'again' })),
  ];
  const { until, store } = await forwarding(t, [configured('loki', { url: upstream.url, batch_rows: 9 })], { records });
  const status = await until(({ position }) => position === records.length);

  t.match(status, { deliveredRows: records.length - 2, deadLetters: 2 });
  const letters = await store.state.deadLetters(null, 5);
  t.match(letters, [
    { logId: 6, reason: /Max entry size/ },
    { logId: 7, reason: /entry too far behind/ },
  ]);
  const origin = await store.state.origin();
  const ids = loki.stored.map(([, , metadata]) => Number(metadata['record_id']?.replace(`${origin}-`, '')));
  t.same(
    ids.toSorted((a, b) => a - b),
    records.map((_, index) => index + 1).filter((id) => id !== 6 && id !== 7),
  );
});

void test('Elasticsearch: too many at once, too large, and an index that is not there: nothing is lost or taken for a poison row', async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  const documents = new Set<string>();
  const missing = {
    type: 'index_not_found_exception',
    reason: 'no such index and [action.auto_create_index] is [false]',
  };
  let requests = 0;
  let isThere = false;
  upstream.always((received, response, request) => {
    const lines = received.text.split('\n').slice(0, -1);
    if (++requests === 1) {
      answer(429, '{"error":{"type":"es_rejected_execution_exception"},"status":429}')(received, response, request);
    } else if (lines.length > 8) {
      answer(413, '{"statusCode":413}')(received, response, request);
    } else {
      const items = lines
        .filter((_, index) => index % 2 === 0)
        .map((line) => {
          const { _id: id = '' } = (JSON.parse(line) as { create: Record<string, string> }).create;
          if (!isThere) return { create: { status: 404, error: missing } };
          const isNew = !documents.has(id);
          documents.add(id);
          return { create: { status: isNew ? 201 : 409 } };
        });
      const errors = items.some((item) => item.create.status >= 300);
      answer(200, JSON.stringify({ took: 3, errors, items }))(received, response, request);
    }
  });
  const sink = configured('elasticsearch', { url: upstream.url });
  const { until } = await forwarding(t, [sink], { records: someRecords(10) });

  t.match(await until(({ state }) => state === 'held'), {
    deadLetters: 0,
    lastError: { message: /index_not_found/, hint: /index/ },
  });
  isThere = true;
  t.match(await until(({ position }) => position === 10), { deliveredRows: 10, deadLetters: 0 });
  t.equal(documents.size, 10);
});

void test('VictoriaLogs takes rows as bulk and as JSON lines, under the fields that its parameters name', async (t) => {
  const upstream = await ScriptedUpstream.listen(t);
  upstream.always((received, response, request) => {
    const bulk = JSON.stringify({
      took: 0,
      errors: false,
      items: [{ create: { status: 201 } }, { create: { status: 201 } }],
    });
    answer(200, received.path.includes('_bulk') ? bulk : '')(received, response, request);
  });
  const bulk = `${upstream.url}/insert/elasticsearch?_time_field=@timestamp&_msg_field=message&_stream_fields=service.name,log.level`;
  const lines = `${upstream.url}/insert/jsonline?_time_field=timestamp&_msg_field=message&_stream_fields=application,severity`;
  for (const [type, url] of [
    ['elasticsearch', bulk],
    ['http', lines],
  ] as const) {
    upstream.received.length = 0;
    const { until } = await forwarding(t, [configured(type, { url, compression: 'none' })], {
      records: someRecords(2),
    });
    t.match(await until(({ position }) => position === 2), { deliveredRows: 2, deadLetters: 0 });
    const [request] = upstream.received;
    const { searchParams, pathname } = new URL(request?.path ?? '', upstream.url);
    t.equal(pathname, type === 'http' ? '/insert/jsonline' : '/insert/elasticsearch/_bulk');
    const documents = (request?.text ?? '').split('\n').filter((line) => line.includes('"message"'));
    t.equal(documents.length, 2);
    for (const line of documents) {
      const document = JSON.parse(line) as Record<string, unknown>;
      t.type(document[searchParams.get('_time_field') ?? ''], 'string');
      t.type(document[searchParams.get('_msg_field') ?? ''], 'string');
      for (const path of searchParams.get('_stream_fields')?.split(',') ?? []) {
        const value = path.split('.').reduce<unknown>((of, key) => (of as Record<string, unknown>)[key], document);
        t.type(value, 'string', path);
      }
    }
  }
});
