import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'tap';
import { openApiDocument } from '../../src/query/openapi.ts';
import { authorization, serve } from './serve.ts';

const problemType = /^application\/problem\+json/;

void test('an address that is none, or a name that is too long, is a problem like any other', async (t) => {
  const { send } = await serve(t);

  for (const [path, status, code] of [
    ['/api/v1/logs/%FF', 400, 'BAD_URL'],
    [`/api/v1/results/${'k'.repeat(501)}`, 414, 'BAD_URL'],
  ] as const) {
    const answer = await send('GET', path);

    t.equal(answer.status, status, path);
    t.match(answer.headers.get('content-type'), problemType);
    t.match(answer.json, { status, code, detail: String, title: String });
  }
});

/** What a server answers to bytes, whatever they are. */
async function answerTo(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.end(bytes);
  return text(socket);
}

void test('nothing is called . or .., which no client can ask for', async (t) => {
  const { url } = await serve(t);

  for (const path of ['/api/v1/consumers/..', '/api/v1/consumers/.', '/api/v1/results/..']) {
    const head = `PUT ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization.authorization}`;
    const answer = await answerTo(url, `${head}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`);
    t.match(answer, /^HTTP\/1\.1 400 .*not \. or \.\./s, path);
  }
});

void test('bytes that are no HTTP are a problem too, and end their connection', async (t) => {
  const { url } = await serve(t);
  t.match(
    await answerTo(url, '\u0016\u0003\u0001 no HTTP\r\n\r\n'),
    /^HTTP\/1\.1 400 .*problem\+json.*"code":"HTTP_INVALID"/s,
  );
  const long = `GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`;
  t.match(await answerTo(url, long), /^HTTP\/1\.1 431 .*problem\+json.*"code":"HEADERS_TOO_LARGE"/s);
});

void test('whoever fails to log in too often is told so in a problem', async (t) => {
  const { send } = await serve(t);
  const login = () => send('POST', '/api/v1/login', { username: 'ada', password: 'a guess of many' }, {});

  let answer = await login();
  for (let attempt = 0; attempt < 5; attempt++) answer = await login();

  t.equal(answer.status, 429);
  t.match(answer.headers.get('content-type'), problemType);
  t.ok(Number(answer.headers.get('retry-after')) >= 1);
});

void test('the description of the API has each answer that the form of a request brings', async (t) => {
  const { paths } = await openApiDocument('1.2.3', { ingest: {} as never, maxBodyBytes: 1 });
  const { send } = await serve(t);

  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { requestBody, responses }] of Object.entries(methods)) {
      const known = (status: number): void => t.ok(responses[status], `${method} ${path}: ${status}`) as never;
      known(421);
      if (path.includes('{')) known(414);
      if (requestBody === undefined) continue;
      [413, 415].forEach(known);
      if (path === '/mcp' || path.startsWith('/api/v1/results')) continue;
      const address = path.replaceAll(/\{\w+\}/g, '1');
      const odd = { ...authorization, 'content-type': 'image/png' };
      known((await send(method.toUpperCase(), address, {}, odd)).status);
    }
  }
  for (const path of ['/v1/logs', '/loki/api/v1/push', '/_bulk']) {
    t.strictSame(
      ['400', '401', '403', '413', '415', '422', '429', '503'].filter(
        (status) => paths[path]?.['post']?.responses[status] === undefined,
      ),
      [],
      path,
    );
  }
});

void test('what a sink, a task or a body that is not there is answered with is in the description', async (t) => {
  const { paths } = await openApiDocument('1.2.3');

  t.ok(paths['/api/v1/sinks/{name}/dead_letters/drop']?.['post']?.responses['404']);
  t.ok(paths['/api/v1/tasks/{name}/run']?.['post']?.responses['409']);
});
