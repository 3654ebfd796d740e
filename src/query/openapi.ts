/**
 * The OpenAPI document, made of the routes' schemas by a server of its own: the one that answers questions needs nothing of what describing takes.
 */
import swagger from '@fastify/swagger';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { pino } from 'pino';
import { systemClock } from '../runtime/clock.ts';
import { createMetrics } from '../runtime/metrics.ts';
import type { Store } from '../store/store.ts';
import { LiveFeed } from './live-feed.ts';
import { bodyProblems, misdirected, namedProblems } from './schemas.ts';
import { type QueryServerOptions, buildServer } from './server.ts';

export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
}

export interface Content {
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

export interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema: Schema;
  }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}

export interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/**
 * Built like the daemon's, on parts that no question ever reaches.
 * @param ingest absent where the server only answers questions.
 */
export async function openApiDocument(version: string, ingest?: QueryServerOptions['ingest']): Promise<Document> {
  const server = await buildServer(
    {
      store: { state: {} } as Store,
      feed: new LiveFeed(),
      append: async () => undefined,
      clock: systemClock,
      metrics: createMetrics(),
      logger: pino({ level: 'silent' }),
      queryTimeoutMs: 1000,
      health: () => [],
      listen: '127.0.0.1:0',
      allowRemote: false,
      allowedHosts: [],
      token: '',
      version,
      ...(ingest === undefined ? {} : { ingest }),
    },
    { host: '127.0.0.1', port: 0 },
    async (watched) => {
      await watched.register(swagger, {
        openapi: headOf(version),
        transform: (described) =>
          jsonSchemaTransform({ ...described, schema: withUsualAnswers(described.schema, described.url) }),
      });
    },
  );
  try {
    return server.swagger() as unknown as Document;
  } finally {
    await server.close();
  }
}

/** Those of any request of its form, which no route has to think of. */
function withUsualAnswers<Described extends object>(schema: Described, url: string): Described {
  const {
    response = {},
    body,
    consumes,
  } = schema as { readonly response?: object; body?: unknown; consumes?: unknown };
  const answers = {
    ...misdirected,
    ...(url.includes('/:') ? namedProblems : {}),
    ...(body === undefined && consumes === undefined ? {} : bodyProblems),
    ...response,
  };
  return { ...schema, response: answers };
}

function headOf(version: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Regression',
      version,
      description:
        'Questions about the logs of this host. Errors are application/problem+json (RFC 9457) with a stable `code`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    components: { securitySchemes: { bearer: { type: 'http' as const, scheme: 'bearer' } } },
  };
}
