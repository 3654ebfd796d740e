import { Validator } from '@seriousme/openapi-schema-validator';
import { test } from 'tap';
import { openApiDocument } from '../../src/query/openapi.ts';

void test('the OpenAPI document is valid, by a public validator', async (t) => {
  const document = await openApiDocument('1.2.3');
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never);

  t.ok(valid, JSON.stringify(errors));
  t.equal(document.openapi, '3.1.0');
});

void test('every route is described: an id of its own, a summary, a tag, its answers, and who may ask', async (t) => {
  const { paths } = await openApiDocument('1.2.3');
  const ids = new Set<string>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const { operationId, summary, tags, responses, security } = operation as Record<string, any>;
      const where = `${method} ${path}`;
      t.match(operationId, /^[a-z]\w+$/i, where);
      t.notOk(ids.has(operationId), `${where}: ${operationId} is taken`);
      ids.add(operationId);
      t.ok(summary && tags?.length === 1, where);
      t.ok(
        Object.keys(responses).some((status) => status.startsWith('2')),
        where,
      );
      if (!path.startsWith('/api/') || path === '/api/v1/login') continue;
      t.strictSame(security, [{ bearer: [] }], where);
      t.ok(responses['401'] && responses['403'] && responses['429'], where);
    }
  }
});
