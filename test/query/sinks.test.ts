/** Dead letters over the API. */
import { test } from 'tap';
import { serve, storeOf } from './serve.ts';
import { aRecord } from '../records.ts';

void test('letters of a sink that is not configured are not marked, and can be dropped', async (t) => {
  const store = await storeOf([aRecord()]);
  await store.state.openSink('gone', 0);
  const deadLetters = [{ logId: 1, row: '{"id":1,"message":"m"}', reason: '422' }];
  await store.state.finishBatch('gone', { position: 1, deliveredRows: 0, droppedRows: 0, deadLetters });
  const woken: string[] = [];
  const forwarder = {
    names: ['here'],
    wake: (name: string) => void woken.push(name),
    status: async () => [],
    measure: async () => undefined,
  };
  const { send, get } = await serve(t, { store, forwarder });
  const change = (action: string, sink: string) => send('POST', `/api/v1/sinks/${sink}/dead_letters/${action}`, {});

  t.match(await change('retry', 'gone'), { status: 404, json: { code: 'NOT_FOUND', hint: 'Its sinks: here.' } });
  t.match((await get('/api/v1/dead_letters')).json, [{ sink: 'gone', is_due: false }]);
  t.match(await change('retry', 'here'), { status: 200, json: { letters: 0 } });
  t.same(woken, ['here']);
  t.match(await change('drop', 'nobody'), { status: 404 });
  t.match(await change('drop', 'gone'), { status: 200, json: { letters: 1 } });
});
