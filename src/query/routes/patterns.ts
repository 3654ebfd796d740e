/** `GET /api/v1/patterns` and `/patterns/diff`: what the messages say, and what changed between two sides. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { PatternSummary } from '../../pattern/summary.ts';
import type { Severity } from '../../record/severity.ts';
import { changeAnswer } from '../change-answer.ts';
import type { RouteContext } from '../context.ts';
import { checkNames } from '../filter-parameters.ts';
import { abortOnHangUp } from '../hang-up.ts';
import { PatternQuestions, type SpanOfPatterns, ordered, timestampOfMinute } from '../pattern-questions.ts';
import {
  type PatternAnswer,
  diffParameters,
  diffSchema,
  patternsParameters,
  patternsSchema,
} from '../pattern-schemas.ts';
import { problems } from '../schemas.ts';

const wantedBuckets = 24;

export function patternRoutes(context: RouteContext): FastifyPluginAsyncZod {
  const questions = new PatternQuestions(context.store, () => context.clock.nowMs());
  return async (server) => {
    server.get(
      '/api/v1/patterns',
      {
        preValidation: checkNames(Object.keys(patternsParameters)),
        config: { scope: 'read' },
        schema: {
          operationId: 'listPatterns',
          summary: 'What the messages say: their templates, with counts over time',
          description:
            'From roll-ups that outlive the rows; times are rounded to minutes. Without `start` everything that is known. Up to 24 buckets.',
          tags: ['patterns'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(patternsParameters),
          response: { 200: patternsSchema.describe('Patterns'), ...problems },
        },
      },
      async (request, reply) => {
        const { sort, limit, severity, ...asked } = request.query;
        const limits = { deadlineMs: context.queryTimeoutMs, signal: abortOnHangUp(reply) };
        const span = await questions.span(asked, wantedBuckets, limits);
        const patterns = ordered(span, sort, severity?.toUpperCase() as Severity | undefined);
        return {
          patterns: patterns.slice(0, limit).map((pattern) => answerOf(pattern, span)),
          total: patterns.length,
          records: span.patterns.reduce((sum, { count }) => sum + count, 0),
          truncated: patterns.length > limit,
          buckets: {
            start: timestampOfMinute(span.fromMinute),
            step_minutes: span.stepMinutes,
            count: span.buckets,
          },
        };
      },
    );
    server.get(
      '/api/v1/patterns/diff',
      {
        preValidation: checkNames(Object.keys(diffParameters)),
        config: { scope: 'read' },
        schema: {
          operationId: 'comparePatterns',
          summary: 'What changed between two releases, or two spans of time',
          description:
            'New, gone, more, less, another severity, a new value; each with its numbers. Traffic that grows or falls as a whole is no change.',
          tags: ['patterns'],
          security: [{ bearer: [] }],
          querystring: z.looseObject(diffParameters),
          response: { 200: diffSchema.describe('Changes'), ...problems },
        },
      },
      async (request, reply) => {
        const { baseline, target, application, environment, limit, min_support, min_ratio, ...times } = request.query;
        const { baseline_start, baseline_end, target_start, target_end } = times;
        const sides = {
          baseline: { version: baseline, start: baseline_start, end: baseline_end, application, environment },
          target: { version: target, start: target_start, end: target_end, application, environment },
        };
        const comparison = await questions.compare(
          sides,
          { minSupport: min_support, minRatio: min_ratio },
          { deadlineMs: context.queryTimeoutMs, signal: abortOnHangUp(reply) },
        );
        return {
          changes: comparison.changes
            .slice(0, limit)
            .map((change) => changeAnswer(change, sides, context.clock.nowMs())),
          total: comparison.changes.length,
          truncated: comparison.changes.length > limit,
          patterns: comparison.patterns,
          baseline_records: comparison.baselineCount,
          target_records: comparison.targetCount,
          scales: Object.fromEntries(comparison.scales.map(({ application: name, scale }) => [name, scale])),
        };
      },
    );
  };
}

function answerOf(pattern: PatternSummary, span: SpanOfPatterns): PatternAnswer {
  const { id, application, template, severity, count, exemplar, exemplarId } = pattern;
  const burst = span.bursts.get(pattern);
  return {
    id,
    application,
    template,
    severity,
    count,
    by_severity: Object.fromEntries(pattern.bySeverity),
    versions: [...pattern.releases].map(([release, own]) => {
      const { version = null, environment = null } = span.releases.find((one) => one.id === release) ?? {};
      return { version, environment, count: own };
    }),
    first_seen: pattern.firstSeen,
    last_seen: timestampOfMinute(pattern.lastMinute),
    histogram: Array.from({ length: span.buckets }, (_, bucket) => pattern.buckets.get(bucket) ?? 0),
    burst:
      burst === undefined
        ? null
        : { hour: timestampOfMinute(burst.bucket), count: burst.count, expected: burst.expected, days: burst.days },
    variables: pattern.variables.map(({ place, word, values, isMany, minimum, maximum }) => ({
      place,
      word,
      values: values.slice(0, 16).map((one) => ({ value: one.value, count: one.count, first_seen: one.firstSeen })),
      is_many: isMany,
      minimum,
      maximum,
    })),
    exemplar_id: exemplarId,
    exemplar,
  };
}
