/** The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, word for word. */
import { createHash } from 'node:crypto';
import { test } from 'tap';
import { signedHeaders } from '../../src/archive/sigv4.ts';

const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const common = { region: 'us-east-1', nowMs: Date.parse('2013-05-24T00:00:00Z'), credentials };
const emptySha256 = createHash('sha256').digest('hex');
const signatureOf = (headers: Readonly<Record<string, string>>): string =>
  /Signature=(\w+)$/.exec(headers['authorization'] ?? '')?.[1] ?? '';

void test('PUT object is signed as in the published example', async (t) => {
  const headers = signedHeaders({
    ...common,
    method: 'PUT',
    url: new URL('https://examplebucket.s3.amazonaws.com/test$file.text'),
    headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    bodySha256: createHash('sha256').update('Welcome to Amazon S3.').digest('hex'),
  });

  t.equal(signatureOf(headers), '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd');
  t.match(headers['authorization'], 'SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class');
});

void test('GET object, bucket lifecycle and list objects are signed as in the published examples', async (t) => {
  const get = (url: string, headers: Record<string, string> = {}): string =>
    signatureOf(signedHeaders({ ...common, method: 'GET', url: new URL(url), headers, bodySha256: emptySha256 }));

  t.equal(
    get('https://examplebucket.s3.amazonaws.com/test.txt', { range: 'bytes=0-9' }),
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  );
  t.equal(
    get('https://examplebucket.s3.amazonaws.com/?lifecycle'),
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  );
  t.equal(
    get('https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J'),
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  );
});

void test('a session token is sent and signed', async (t) => {
  const headers = signedHeaders({
    ...common,
    credentials: { ...credentials, sessionToken: 'token' },
    method: 'PUT',
    url: new URL('http://127.0.0.1:9000/bucket/a b'),
    headers: {},
    bodySha256: emptySha256,
  });

  t.equal(headers['x-amz-security-token'], 'token');
  t.match(headers['authorization'], 'x-amz-security-token,');
  t.equal(headers['host'], '127.0.0.1:9000');
});
