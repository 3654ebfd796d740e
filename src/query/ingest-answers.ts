/** What the ingest routes answer with, whichever protocol they speak. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Rejected } from '../inputs/http/posted.ts';
import type { IngestRefusal, StoredPost } from './ingest-gate.ts';
import { type Problem, problem } from './problem.ts';

/** Rejected entries that an answer names; it says how many there were in all. */
const maxNamed = 1000;

/** A repetition is answered like the first, and says that it is one. */
export function markRepetition(reply: FastifyReply, { isRepetition }: StoredPost): void {
  if (isRepetition) void reply.header('idempotency-replayed', 'true');
}

export function named(rejected: readonly Rejected[]): Rejected[] {
  return rejected.slice(0, maxNamed);
}

/** `3: not a time; 7: not JSON; and 4 more`: for protocols that have one text for all of it. */
export function rejectionText(rejected: readonly Rejected[]): string {
  const first = rejected.slice(0, 20).map(({ index, reason }) => `${index}: ${reason}`);
  const more = rejected.length > first.length ? `; and ${rejected.length - first.length} more` : '';
  return `not stored: ${first.join('; ')}${more}`;
}

export function sendRejected(reply: FastifyReply, { accepted, rejected }: StoredPost): FastifyReply {
  const answer = problem(400, 'ENTRIES_REJECTED', rejectionText(rejected), {
    hint: 'The numbers are places among the entries of the request, from 0. All others are stored: send only what is mended.',
  });
  const more = { accepted, rejected_count: rejected.length, rejected: named(rejected) };
  return sendProblem(reply, { ...answer, ...more });
}

export function sendRefusal(reply: FastifyReply, refusal: IngestRefusal): FastifyReply {
  if (refusal.retryAfterSeconds !== undefined) void reply.header('retry-after', String(refusal.retryAfterSeconds));
  return sendProblem(reply, problem(refusal.status, refusal.code, refusal.message, { hint: refusal.hint }));
}

function sendProblem(reply: FastifyReply, answer: Problem): FastifyReply {
  return reply.code(answer.status).type('application/problem+json').serializer(JSON.stringify).send(answer);
}

/** `application/json` of `application/json; charset=utf-8`. */
export function mediaTypeOf(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
