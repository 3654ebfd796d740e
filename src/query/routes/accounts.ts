/** `/api/v1/login`, `/users`, `/tokens`, `/applications`: who may ask and send. Every change is an audit row. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { RegressionError } from '../../runtime/errors.ts';
import { parseDuration } from '../../runtime/units.ts';
import type { RegisteredApplication, Token, User } from '../../store/state.ts';
import {
  applicationSchema,
  createdTokenSchema,
  loginSchema,
  newApplicationSchema,
  newTokenSchema,
  newUserSchema,
  tokenSchema,
  userChangeSchema,
  userSchema,
  username,
} from '../account-schemas.ts';
import { type NewToken, scopesOfRole } from '../accounts.ts';
import type { AuditEntry } from '../audit.ts';
import type { RouteContext } from '../context.ts';
import { remoteOf } from '../guard.ts';
import { problem } from '../problem.ts';
import { notFound, problemSchema, problems } from '../schemas.ts';

const tags = ['administration'];
const security = [{ bearer: [] }];
const conflict = { 409: problemSchema.describe('It is there already') } as const;
const byName = z.object({ username });
const byId = z.object({ id: z.coerce.number().int().min(1) });

export function accountRoutes({ accounts, audit, store, clock }: RouteContext): FastifyPluginAsyncZod {
  const by = (request: Parameters<typeof remoteOf>[0], action: string, object: string, details = {}): AuditEntry => ({
    actor: request.principal.name,
    action,
    object,
    remote: remoteOf(request),
    details,
  });

  return async (server) => {
    server.post(
      '/api/v1/login',
      {
        config: { scope: 'open' },
        schema: {
          operationId: 'login',
          summary: "A token for twelve hours, for a user's name and password",
          description: 'Repeated failures of a name or an address are made to wait (429, `Retry-After`).',
          tags,
          body: loginSchema,
          response: { 201: createdTokenSchema, ...problems },
        },
      },
      async (request, reply) => {
        const { username: name, password } = request.body;
        const entry = { actor: 'anonymous', object: name, remote: remoteOf(request) };
        const delayMs = accounts.loginDelayMs(name, remoteOf(request));
        if (delayMs > 0) {
          const seconds = Math.ceil(delayMs / 1000);
          return reply
            .code(429)
            .header('retry-after', seconds)
            .type('application/problem+json')
            .send(problem(429, 'OVERLOADED', `too many failures; the next attempt is looked at in ${seconds} s`));
        }
        let created: NewToken;
        try {
          created = await accounts.login(name, password, remoteOf(request));
        } catch (error) {
          if (error instanceof RegressionError && error.code === 'UNAUTHORIZED') {
            await audit({ ...entry, action: 'login.failed', severity: 'WARN' });
          }
          throw error;
        }
        await audit({ ...entry, actor: name, action: 'login' });
        return reply.code(201).send(createdView(created));
      },
    );

    server.get(
      '/api/v1/users',
      {
        schema: {
          operationId: 'listUsers',
          summary: 'All users',
          tags,
          security,
          response: { 200: z.array(userSchema).describe('Users'), ...problems },
        },
      },
      async () => (await store.state.users()).map(userView),
    );
    server.post(
      '/api/v1/users',
      {
        schema: {
          operationId: 'addUser',
          summary: 'A new user',
          tags,
          security,
          body: newUserSchema,
          response: { 201: userSchema, ...problems, ...conflict },
        },
      },
      async (request, reply) => {
        const { username: name, password, role } = request.body;
        const user = await accounts.addUser(name, password, role);
        await audit(by(request, 'user.create', name, { role }));
        return reply.code(201).send(userView(user));
      },
    );
    server.patch(
      '/api/v1/users/:username',
      {
        schema: {
          operationId: 'changeUser',
          summary: 'Another password or role',
          tags,
          security,
          params: byName,
          body: userChangeSchema,
          response: { 200: userSchema, ...notFound, ...problems },
        },
      },
      async (request) => {
        const { username: name } = request.params;
        const user = await accounts.changeUser(name, request.body);
        const { role, password } = request.body;
        if (password !== undefined) await audit(by(request, 'user.password', name));
        if (role !== undefined) await audit(by(request, 'user.role', name, { role }));
        return userView(user);
      },
    );
    server.delete(
      '/api/v1/users/:username',
      {
        schema: {
          operationId: 'removeUser',
          summary: 'Removes a user and its tokens',
          tags,
          security,
          params: byName,
          response: { 200: userSchema.describe('The user that was removed'), ...notFound, ...problems },
        },
      },
      async (request) => {
        const removed = await accounts.removeUser(request.params.username);
        await audit(by(request, 'user.remove', removed.username));
        return userView(removed);
      },
    );

    server.get(
      '/api/v1/tokens',
      {
        schema: {
          operationId: 'listTokens',
          summary: 'All tokens, without their secrets',
          tags,
          security,
          response: { 200: z.array(tokenSchema).describe('Tokens'), ...problems },
        },
      },
      async () => (await store.state.tokens()).map(tokenView),
    );
    server.post(
      '/api/v1/tokens',
      {
        schema: {
          operationId: 'createToken',
          summary: 'A new token of a user; the answer alone holds its secret',
          tags,
          security,
          body: newTokenSchema,
          response: { 201: createdTokenSchema, ...notFound, ...problems },
        },
      },
      async (request, reply) => {
        const { username: owner, name, scopes: wanted, expires_in: expiresIn } = request.body;
        const user = (await store.state.users()).find((other) => other.username === owner);
        if (user === undefined) throw new RegressionError('NOT_FOUND', `there is no user ${owner}`);
        const allowed = scopesOfRole[user.role];
        const beyond = wanted?.filter((scope) => !allowed.includes(scope)) ?? [];
        if (beyond.length > 0) {
          throw new RegressionError('QUERY_INVALID', `scopes: ${beyond.join(', ')} is not of the role ${user.role}`, {
            hint: `A ${user.role} may have ${allowed.join(', ')}.`,
          });
        }
        const created = await accounts.createToken({
          username: owner,
          name,
          scopes: wanted ?? allowed,
          expiresAt: expiresIn === undefined ? null : expiryOf(expiresIn, clock.nowMs()),
        });
        await audit(by(request, 'token.create', `${created.token.id}`, { user: owner, name }));
        return reply.code(201).send(createdView(created));
      },
    );
    server.delete(
      '/api/v1/tokens/:id',
      {
        schema: {
          operationId: 'revokeToken',
          summary: 'Revokes a token; it is not valid from then on',
          tags,
          security,
          params: byId,
          response: { 200: tokenSchema.describe('The token that was revoked'), ...notFound, ...problems },
        },
      },
      async (request) => {
        const removed = await accounts.removeToken(request.params.id);
        await audit(by(request, 'token.revoke', `${removed.id}`, { user: removed.username, name: removed.name }));
        return tokenView(removed);
      },
    );

    server.get(
      '/api/v1/applications',
      {
        config: { scope: 'read' },
        schema: {
          operationId: 'listApplications',
          summary: 'Applications and their releases',
          tags,
          security,
          response: { 200: z.array(applicationSchema).describe('Applications'), ...problems },
        },
      },
      async () => (await store.state.applications()).map(applicationView),
    );
    server.post(
      '/api/v1/applications',
      {
        schema: {
          operationId: 'registerApplication',
          summary: 'Registers a release of an application, or gives it another owner',
          description: 'Releases that come later belong to the owner of the ones before.',
          tags,
          security,
          body: newApplicationSchema,
          response: { 201: applicationSchema, ...notFound, ...problems },
        },
      },
      async (request, reply) => {
        const registered = await store.state.registerApplication(request.body);
        const { name, version, owner } = registered;
        await audit(by(request, 'application.register', name, { version: version ?? '', owner: owner ?? '' }));
        return reply.code(201).send(applicationView(registered));
      },
    );
  };
}

function expiryOf(duration: string, nowMs: number): string {
  const ms = parseDuration(duration);
  if (ms !== null && ms > 0 && ms < 100 * 365 * 86_400_000) return new Date(nowMs + ms).toISOString();
  throw new RegressionError('QUERY_INVALID', `expires_in: ${JSON.stringify(duration)} is not a duration`, {
    hint: 'Like 12h or 90d.',
  });
}

function userView({ username: name, role, createdAt }: User) {
  return { username: name, role, created_at: createdAt };
}

function tokenView({ id, username: owner, name, scopes, createdAt, expiresAt }: Token) {
  return { id, username: owner, name, scopes: [...scopes], created_at: createdAt, expires_at: expiresAt };
}

function createdView({ token, secret }: NewToken) {
  return { token: secret, ...tokenView(token) };
}

function applicationView({ createdAt, ...application }: RegisteredApplication) {
  return { ...application, created_at: createdAt };
}
