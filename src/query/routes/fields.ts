/** Which fields there are and which values they have: `GET /api/v1/facets`, `/field_names`, `/field_values`, in VictoriaLogs' shapes. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { FieldCounts, FieldCountsRequest } from '../../search/request.ts';
import type { RouteContext } from '../context.ts';
import { type FilterParameters, checkNames, metadataOf } from '../filter-parameters.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { filterFrom } from '../pattern-filter.ts';
import { facetsSchema, fieldCountsParameters, problems, valuesSchema } from '../schemas.ts';

/** Columns with few values; every other name is a metadata key. */
const countedColumns = new Set(['severity', 'application', 'version', 'environment', 'source']);

const valuesParameters = {
  ...fieldCountsParameters,
  field: z.string().min(1).max(512).describe('A column (`severity`, `application`, ...) or a metadata key'),
};
const namesParameters = {
  ...fieldCountsParameters,
  limit: fieldCountsParameters.limit.unwrap().default(1000).describe('Names, the most frequent first'),
};

interface CountParameters extends FilterParameters {
  readonly limit: number;
  readonly max_rows: number;
}

export function fieldRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const count = async (
    request: FastifyRequest,
    reply: FastifyReply,
    fields: FieldCountsRequest['fields'],
  ): Promise<FieldCounts> => {
    const query = request.query as CountParameters;
    const limits = { deadlineMs: context.queryTimeoutMs, signal: abortOnHangUp(reply) };
    const filter = await filterFrom(context, query, metadataOf(query as never), limits);
    return context.queries.fieldCounts({ filter, fields, limit: query.limit, maxRows: query.max_rows }, limits);
  };

  return async (server) => {
    server.get(
      '/api/v1/facets',
      {
        preValidation: checkNames(Object.keys(fieldCountsParameters)),
        config: { scope: 'read' },
        schema: {
          operationId: 'facets',
          summary: 'The most frequent values of every field',
          description: 'Fields whose values all occur once (ids) are left out. Filters as for /api/v1/logs.',
          tags: ['fields'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(fieldCountsParameters),
          response: { 200: facetsSchema.describe('Values by field'), ...problems },
        },
      },
      async (request, reply) => {
        const { fields, rows, truncated } = await count(request, reply, 'all');
        const telling = fields.filter(({ values }) => values.length > 0 && ((values[0]?.hits ?? 0) > 1 || rows === 1));
        const facets = telling.map(({ field, values }) => ({
          field_name: field,
          values: values.map(({ value, hits }) => ({ field_value: value, hits })),
        }));
        return { facets, rows, truncated };
      },
    );
    server.get(
      '/api/v1/field_names',
      {
        preValidation: checkNames(Object.keys(namesParameters)),
        config: { scope: 'read' },
        schema: {
          operationId: 'fieldNames',
          summary: 'Metadata keys and how many rows have them',
          tags: ['fields'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(namesParameters),
          response: { 200: valuesSchema.describe('Names'), ...problems },
        },
      },
      async (request, reply) => valuesOf(await count(request, reply, 'names')),
    );
    server.get(
      '/api/v1/field_values',
      {
        preValidation: checkNames(Object.keys(valuesParameters)),
        config: { scope: 'read' },
        schema: {
          operationId: 'fieldValues',
          summary: 'The most frequent values of one field',
          tags: ['fields'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(valuesParameters),
          response: { 200: valuesSchema.describe('Values'), ...problems },
        },
      },
      async (request, reply) => {
        const { field } = request.query;
        const isKnown = countedColumns.has(field) || field.startsWith('meta.');
        return valuesOf(await count(request, reply, [isKnown ? field : `meta.${field}`]));
      },
    );
  };
}

function valuesOf({ fields, rows, truncated }: FieldCounts) {
  return { values: [...(fields[0]?.values ?? [])], rows, truncated };
}
