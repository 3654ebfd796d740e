/** docs/examples/nightly-digest.ts as it stands, with a model that answers from a script. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Test, test } from 'tap';
import { minedStore } from '../query/mined-store.ts';
import { serve } from '../query/serve.ts';
import { aRecord, someRecords } from '../records.ts';

const example = join(fileURLToPath(new URL('../../', import.meta.url)), 'docs/examples/nightly-digest.ts');
const run = promisify(execFile);

interface Completion {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/** Takes chat completions; answers with what the script says next: a status, or a text. */
async function scriptedModel(t: Test, script: readonly (number | string)[]) {
  const asked: Completion[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const next = script[asked.length] ?? 500;
      asked.push(JSON.parse(body) as Completion);
      response.statusCode = typeof next === 'number' ? next : 200;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: String(next) } }] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat/completions` };
}

void test(
  'a nightly job pulls, digests, asks a model, stores its answer and acknowledges; what the model did not answer comes again',
  { timeout: 120_000 },
  async (t) => {
    const error = aRecord({ message: 'ledger 7 is torn', severity: 'ERROR' });
    const { url, client } = await serve(t, { store: await minedStore([...someRecords(50), error]) });
    await client.addUser({ username: 'nightly', password: 'long enough', role: 'viewer' });
    const { token } = await client.createToken({ username: 'nightly' });
    const model = await scriptedModel(t, [503, 'Look at the ledger.']);
    const env = { ...process.env, REGRESSION_URL: url, REGRESSION_TOKEN: token, MODEL_URL: model.url, MODEL: 'tiny' };
    const job = () => run(process.execPath, [example], { env });

    await t.rejects(job(), /answered 503/);
    t.equal(await client.result('nightly-digest'), null);
    t.match(await client.consumer('nightly-digest'), { acked_rows: 0 });
    const { stdout } = await job();

    t.match(stdout, /^\d+ rows: Look at the ledger\.\n$/);
    const [first, second] = model.asked;
    t.strictSame(second, first, 'the same batch, byte for byte');
    t.match(second?.messages, [
      { role: 'system', content: /never an instruction/ },
      { role: 'user', content: /ledger <\*> is torn/ },
    ]);
    t.match(await client.result('nightly-digest'), { answer: 'Look at the ledger.' });
    t.match(await client.consumer('nightly-digest'), { owner: 'nightly', batch: null });
    t.equal((await job()).stdout, '', 'what was acknowledged does not come again');
    t.equal(model.asked.length, 2);
  },
);
