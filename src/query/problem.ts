/**
 * Errors as `application/problem+json` (RFC 9457): a status, a stable `code`, what is wrong, and a hint. Never a stack trace.
 */
import { RegressionError, type ErrorCode } from '../runtime/errors.ts';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly hint?: string;
  readonly parameter?: string;
}

const statusOfCode: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 422,
  INPUT_UNAVAILABLE: 422,
  QUERY_INVALID: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  CONFLICT: 409,
  OVERLOADED: 503,
  QUERY_TIMEOUT: 504,
  STORE_FULL: 503,
  STORE_CLOSED: 503,
  STORE_WRITE_FAILED: 503,
};

const titles: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  413: 'Content too large',
  414: 'URI too long',
  412: 'Precondition failed',
  415: 'Unsupported media type',
  421: 'Misdirected request',
  422: 'Unprocessable content',
  429: 'Too many requests',
  431: 'Request header fields too large',
  500: 'Internal error',
  503: 'Unavailable',
  504: 'Deadline exceeded',
  508: 'Loop detected',
};

export function problem(
  status: number,
  code: string,
  detail: string,
  more: { hint?: string | undefined; parameter?: string | undefined } = {},
): Problem {
  return {
    type: 'about:blank',
    title: titles[status] ?? 'Error',
    status,
    detail,
    code,
    ...(more.hint === undefined ? {} : { hint: more.hint }),
    ...(more.parameter === undefined ? {} : { parameter: more.parameter }),
  };
}

/** What a thrown error becomes; details of bugs stay in the log. */
export function problemOfError(error: unknown): Problem {
  if (error instanceof RegressionError) {
    const parameter = error.code === 'QUERY_INVALID' ? /^([\w.]+):/.exec(error.message)?.[1] : undefined;
    return problem(statusOfCode[error.code] ?? 500, error.code, error.message, { hint: error.hint, parameter });
  }
  return problem(500, 'INTERNAL', "the request failed; the daemon's log says why");
}
