import { test } from 'tap';
import { type SecretKind, finders, isSecretKey, secretKinds } from '../../src/transforms/secrets.ts';

const redacted: Readonly<Record<SecretKind, readonly (readonly [text: string, expected: string])[]>> = {
  credentials: [
    ['password=hunter2 user=bob', 'password=* user=bob'],
    ['db_password: "a \\"quoted\\" one", next', 'db_password: "*", next'],
    ['{"token":"abc","n":1}', '{"token":"*","n":1}'],
    ['body={\\"api_key\\":\\"abc\\"}', 'body={\\"api_key\\":\\"*\\"}'],
    ["secret => 'x'", "secret => '*'"],
    ['GET /?access_token=abc&page=2', 'GET /?access_token=*&page=2'],
    ['Authorization: Bearer abc.def, X: y', 'Authorization: *, X: y'],
    ['"authorization":"Basic dXNlcjpwYXNz"', '"authorization":"*"'],
    ['Set-Cookie: id=1; HttpOnly', 'Set-Cookie: *'],
    ['X-Api-Key: 12345', 'X-Api-Key: *'],
    ['the password is not here', 'the password is not here'],
    ['password=', 'password='],
  ],
  bearer_tokens: [
    ['sent Bearer abcdef123456==', 'sent Bearer *'],
    ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end', 'jwt * end'],
    ['ghp_0123456789abcdefghijklmnopqrstuvwxyz', '*'],
    ['AKIAIOSFODNN7EXAMPLE', '*'],
    ['basic things are plain', 'basic things are plain'],
  ],
  emails: [
    ['mail to jane.doe+x@mail.example.co.uk, now', 'mail to *, now'],
    ['user@host and @mention', 'user@host and @mention'],
  ],
  card_numbers: [
    ['paid with 4111 1111 1111 1111.', 'paid with *.'],
    ['5500-0000-0000-0004', '*'],
    ['id 4111111111111112 is no card', 'id 4111111111111112 is no card'],
    ['0000000000000000', '0000000000000000'],
    ['at 1795489200123456789', 'at 1795489200123456789'],
  ],
  ip_addresses: [
    ['from 10.0.0.9:8080 to ::1', 'from *:8080 to *'],
    ['2001:db8::ff00:42:8329 at 03:00:00', '* at 03:00:00'],
    ['version 1.2.3.4.5 and 999.1.1.1', 'version 1.2.3.4.5 and 999.1.1.1'],
  ],
};

for (const kind of secretKinds) {
  void test(`${kind} are found where they are written, and nothing else is`, async (t) => {
    for (const [text, expected] of redacted[kind]) t.equal(finders[kind](text, '*'), expected, text);
  });

  void test(`${kind}: time grows with the length of hostile text, not with its square (F32)`, async (t) => {
    const pieces = [
      'a ',
      'a',
      '1',
      '1 ',
      'password=',
      'password="',
      "token='",
      'a@',
      '@a.',
      ':',
      'f:',
      '1.',
      'eyJ',
      'Bearer ',
      '\\"',
      'cookie:',
      '-',
    ];
    for (const piece of pieces) {
      // Quadratic work on 400 kB would be 160 billion steps: the test would not end.
      t.type(finders[kind](piece.repeat(400_000 / piece.length), '*'), 'string', JSON.stringify(piece));
    }
  });
}

void test('metadata keys that name a secret are known by their last part', async (t) => {
  for (const key of ['password', 'user.password', 'clientSecret', 'http.headers.Authorization', 'X-Api-Key', 'tokens'])
    t.ok(isSecretKey(key), key);
  for (const key of ['passwordless', 'tokenizer', 'author', 'keyboard']) t.notOk(isSecretKey(key), key);
});
