/** Users, tokens, logins and applications over real sockets. */
import { test, type Test } from 'tap';
import { hashPassword, isPassword } from '../../src/query/password.ts';
import type { LogRow } from '../../src/search/request.ts';
import { SqliteStore } from '../../src/store/thread/sqlite-store.ts';
import { ManualClock } from '../manual-clock.ts';
import { aRecord } from '../records.ts';
import { type Asked, authorization, serve } from './serve.ts';

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Stored as they are: hashing takes long on purpose. */
async function withUsers(t: Test, passwordHash = 'none') {
  const clock = new ManualClock('2026-11-24T04:00:00Z');
  const store = new SqliteStore(':memory:');
  const asked = await serve(t, { clock, store });
  for (const [username, role] of [
    ['vera', 'viewer'],
    ['dan', 'datasource'],
    ['ada', 'admin'],
  ] as const) {
    await store.state.addUser({ username, password: passwordHash, role });
  }
  return { ...asked, clock, store };
}

async function tokenOf({ send }: Asked, username: string, more: object = {}): Promise<string> {
  const { json } = await send('POST', '/api/v1/tokens', { username, ...more });
  return json.token;
}

async function auditOf({ get }: Asked): Promise<string[]> {
  const { json } = await get('/api/v1/logs?application=regression&order=arrival&limit=1000');
  return (json.rows as LogRow[]).map(({ message }) => message);
}

void test('passwords are kept as PHC strings of scrypt with their own salt', async (t) => {
  const [one, two] = [await hashPassword('päss word'), await hashPassword('päss word')];

  t.match(one, /^\$scrypt\$ln=15,r=8,p=3\$[\w+/]{22}\$[\w+/]{43}$/);
  t.not(one, two);
  t.ok(await isPassword('pa\u0308ss word', one), 'however it was composed');
  t.notOk(await isPassword('other', one));
  t.notOk(await isPassword('päss word', null));
  t.notOk(await isPassword('päss word', 'plain text'));
});

void test('each role may do what it is for, and no more', async (t) => {
  const asked = await withUsers(t);
  const ways: readonly (readonly [method: string, path: string, body: object | undefined, allowed: string])[] = [
    ['GET', '/api/v1/logs', undefined, 'vera ada'],
    ['GET', '/api/v1/hits', undefined, 'vera ada'],
    ['GET', '/api/v1/facets', undefined, 'vera ada'],
    ['GET', '/api/v1/applications', undefined, 'vera ada'],
    ['PUT', '/api/v1/consumers/x', {}, 'vera'],
    ['GET', '/api/v1/users', undefined, 'ada'],
    ['POST', '/api/v1/tokens', { username: 'vera' }, 'ada'],
    ['GET', '/api/v1/tokens', undefined, 'ada'],
    ['DELETE', '/api/v1/users/nobody', undefined, ''],
    ['POST', '/api/v1/applications', { name: 'shop', owner: 'dan' }, 'ada'],
  ];
  for (const username of ['vera', 'dan', 'ada']) {
    const token = await tokenOf(asked, username);
    for (const [method, path, body, allowed] of ways) {
      const { status, json } = await asked.send(method, path, body, bearer(token));
      if (allowed.includes(username)) t.ok(status < 300, `${username} ${method} ${path}: ${status}`);
      else t.match({ status, code: json.code }, { status: /403|404|409/ }, `${username} ${method} ${path}`);
      if (!allowed.includes(username) && username !== 'ada') t.equal(json.code, 'FORBIDDEN');
    }
  }
});

void test('a token has the scopes it was given, until it expires, is revoked, or its user goes', async (t) => {
  const asked = await withUsers(t);
  const { send, get, clock } = asked;
  const readOnly = await tokenOf(asked, 'vera', { scopes: ['read'], expires_in: '1h', name: 'dashboard' });
  const other = await tokenOf(asked, 'vera');

  t.equal((await get('/api/v1/logs', bearer(readOnly))).status, 200);
  t.equal((await send('PUT', '/api/v1/consumers/x', {}, bearer(readOnly))).status, 403);
  t.match((await send('POST', '/api/v1/tokens', { username: 'vera', scopes: ['sql'] })).json, {
    code: 'QUERY_INVALID',
    parameter: 'scopes',
    hint: /read, consume/,
  });
  clock.advance(3_600_000);
  t.equal((await get('/api/v1/logs', bearer(readOnly))).status, 401, 'expired');

  const { json: listed } = await get('/api/v1/tokens');
  t.notMatch(JSON.stringify(listed), other.slice(4), 'the secret is shown once');
  t.match(listed, [
    { username: 'vera', name: 'dashboard', scopes: ['read'], expires_at: '2026-11-24T05:00:00.000Z' },
    { name: 'api', expires_at: null },
  ]);
  t.equal((await get('/api/v1/logs', bearer(other))).status, 200);
  t.equal((await send('DELETE', `/api/v1/tokens/${listed[1].id}`)).status, 200);
  t.equal((await get('/api/v1/logs', bearer(other))).status, 401, 'revoked');
  t.equal((await send('DELETE', `/api/v1/tokens/${listed[1].id}`)).status, 404);

  const third = await tokenOf(asked, 'vera');
  t.equal((await get('/api/v1/logs', bearer(third))).status, 200);
  await send('PATCH', '/api/v1/users/vera', { role: 'datasource' });
  t.equal((await get('/api/v1/logs', bearer(third))).status, 403, 'the role changed');
  await send('DELETE', '/api/v1/users/vera');
  t.equal((await get('/api/v1/logs', bearer(third))).status, 401, 'the user is gone');
});

void test('a login answers with a token for a while; failures are made to wait, longer each time', async (t) => {
  const asked = await withUsers(t, await hashPassword('the password'));
  const { send, get, clock } = asked;
  const login = (username: string, password: string) => send('POST', '/api/v1/login', { username, password }, {});
  const { status, json } = await login('vera', 'the password');
  t.equal(status, 201);
  t.match(json, {
    username: 'vera',
    name: 'login',
    scopes: ['read', 'consume'],
    expires_at: '2026-11-24T16:00:00.000Z',
  });
  t.equal((await get('/api/v1/logs', bearer(json.token))).status, 200);

  for (let attempt = 0; attempt < 5; attempt++) {
    t.match((await login(attempt % 2 === 0 ? 'vera' : 'nobody', 'wrong')).json, {
      status: 401,
      code: 'UNAUTHORIZED',
      detail: 'the user name or the password is wrong',
    });
  }
  const refused = await login('vera', 'the password');
  t.equal(refused.status, 429, 'even the right password');
  t.equal(refused.headers.get('retry-after'), '1');
  clock.advance(1000);
  t.equal((await login('ada', 'wrong')).status, 401, 'by the address');
  t.equal((await login('ada', 'wrong')).headers.get('retry-after'), '2');
  clock.advance(2000);
  t.equal((await login('ada', 'the password')).status, 201);
  t.equal((await auditOf(asked)).filter((message) => message.includes('login.failed')).length, 6);
});

void test('an address that guesses tokens is told to wait; a right token from there is served', async (t) => {
  const { get } = await serve(t);
  for (let guess = 0; guess < 5; guess++) t.equal((await get('/api/v1/logs', bearer(`rgr_${guess}`))).status, 401);
  const refused = await get('/api/v1/logs', bearer('rgr_again'));

  t.equal(refused.status, 429);
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  t.equal((await get('/api/v1/logs', authorization)).status, 200);
});

void test('who did what is in the rows, secrets are not', async (t) => {
  const asked = await withUsers(t);
  await asked.send('POST', '/api/v1/users', { username: 'eve', password: 'her password', role: 'viewer' });
  await tokenOf(asked, 'vera', { name: 'nightly' });
  await asked.send('PATCH', '/api/v1/users/dan', { password: 'another one' });
  await asked.send('POST', '/api/v1/applications', { name: 'shop', version: '1', owner: 'dan' });
  await asked.send('DELETE', '/api/v1/users/vera');

  t.strictSame(await auditOf(asked), [
    'admin.token: user.create eve',
    'admin.token: token.create 1',
    'admin.token: user.password dan',
    'admin.token: application.register shop',
    'admin.token: user.remove vera',
  ]);
  const { text } = await asked.get('/api/v1/logs?limit=1000');
  t.notMatch(text, /her password|another one|rgr_|scrypt/);
});

void test('applications have an owner, whose they stay with new releases', async (t) => {
  const { send, get, store } = await withUsers(t);
  await send('POST', '/api/v1/applications', { name: 'shop', version: '1', environment: 'production', owner: 'dan' });
  await store.append({
    records: [
      aRecord({ application: { name: 'shop', version: '2', environment: 'production' } }),
      aRecord({ application: { name: 'unknown', version: null, environment: null } }),
    ],
    positions: [],
    gaps: [],
  });
  const { json } = await get('/api/v1/applications');

  t.match(
    json.filter(({ name }: { name: string }) => name !== 'regression'),
    [
      { name: 'shop', version: '1', environment: 'production', owner: 'dan' },
      { name: 'shop', version: '2', environment: 'production', owner: 'dan' },
      { name: 'unknown', version: null, environment: null, owner: null },
    ],
  );
  t.strictSame(await store.state.ownedApplications('dan'), ['shop']);
  t.match((await send('POST', '/api/v1/applications', { name: 'x', owner: 'nobody' })).json, { status: 404 });
});

const wrong: readonly (readonly [path: string, body: unknown])[] = [
  ['users', { username: 'a b', password: 'long enough', role: 'viewer' }],
  ['users', { username: 'a', password: 'short', role: 'viewer' }],
  ['users', { username: 'a', password: 'long enough', role: 'king' }],
  ['users', { username: 'a', password: 'long enough', role: 'viewer', more: 1 }],
  ['users', 'no json'],
  ['tokens', { username: 'vera', expires_in: 'soon' }],
  ['tokens', { username: 'vera', scopes: [] }],
];
for (const [path, body] of wrong) {
  void test(`POST /${path} of ${JSON.stringify(body)} is refused`, async (t) => {
    const { send } = await withUsers(t);
    const { status, json } = await send('POST', `/api/v1/${path}`, body);
    t.equal(status, 400);
    t.match(json, { title: 'Bad request', status: 400 });
  });
}

void test('a user name is taken once', async (t) => {
  const { send } = await withUsers(t);
  t.match((await send('POST', '/api/v1/users', { username: 'vera', password: 'long enough', role: 'viewer' })).json, {
    status: 409,
    code: 'CONFLICT',
  });
});
