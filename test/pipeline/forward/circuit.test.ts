import { test } from 'tap';
import { Circuit } from '../../../src/pipeline/forward/circuit.ts';
import { type Delivery, delivered } from '../../../src/sinks/sink.ts';
import { ManualClock } from '../../manual-clock.ts';

function circuitOf(random = () => 1) {
  const clock = new ManualClock();
  const waits: number[] = [];
  const circuit = new Circuit({
    clock,
    random,
    onFailure: (_failure, waitMs) => waits.push(waitMs),
    onSuccess: () => waits.push(0),
  });
  const never = new AbortController().signal;
  return { clock, circuit, waits, attempt: (delivery: Delivery) => circuit.attempt(async () => delivery, never) };
}

const down: Delivery = { kind: 'unavailable', reason: 'down' };

/** Lets what was woken go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

void test('failures are waited for longer and longer, up to a minute, with full jitter', async (t) => {
  const { clock, waits, attempt } = circuitOf();
  for (let count = 0; count < 12; count++) {
    await attempt(down);
    clock.advance(60_000);
  }
  t.same(waits.slice(0, 5), [200, 400, 800, 1600, 3200]);
  t.same(waits.slice(-2), [60_000, 60_000]);

  const jittered = circuitOf(() => 0.5);
  await jittered.attempt(down);
  t.same(jittered.waits, [100]);
});

void test('F53: Retry-After is waited for, and no longer than a quarter of an hour', async (t) => {
  const { clock, waits, attempt, circuit } = circuitOf();
  await attempt({ kind: 'unavailable', reason: '429', retryAfterMs: 7000 });
  let isSent = false;
  const second = circuit.attempt(async () => {
    isSent = true;
    return { kind: 'unavailable', reason: '503', retryAfterMs: 1e12 };
  }, new AbortController().signal);
  clock.advance(6999);
  await settled();
  t.equal(isSent, false);
  clock.advance(201);
  await second;
  t.equal(isSent, true);
  t.same(waits, [7200, 15 * 60_000 + 200]);
});

void test('after a failure one request finds out for all who wait', async (t) => {
  const { clock, circuit, attempt } = circuitOf();
  for (let count = 0; count < 5; count++) {
    await attempt(down);
    clock.advance(60_000);
  }
  t.equal(circuit.state, 'open');

  const gate = Promise.withResolvers<Delivery>();
  let sent = 0;
  const send = async (): Promise<Delivery> => {
    sent++;
    return gate.promise;
  };
  const signal = new AbortController().signal;
  const all = Promise.all([
    circuit.attempt(send, signal),
    circuit.attempt(send, signal),
    circuit.attempt(send, signal),
  ]);
  await settled();
  t.equal(sent, 1);
  t.equal(circuit.state, 'half_open');
  gate.resolve(delivered);
  await all;
  t.equal(sent, 3);
  t.equal(circuit.state, 'closed');
});

void test('an upstream that takes part of a batch time and again is not asked in a hot loop', async (t) => {
  const { waits, attempt } = circuitOf();
  await attempt({ kind: 'partly', refused: [], again: [1] });
  t.same(waits, [200]);
});

void test('who waits is told when the daemon stops', async (t) => {
  const { circuit, attempt } = circuitOf();
  await attempt(down);
  const stopped = new AbortController();
  const waiting = circuit.attempt(async () => delivered, stopped.signal);
  stopped.abort(new Error('stop'));
  await t.rejects(waiting, { message: 'stop' });
});
