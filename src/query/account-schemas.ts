/** Schemas of users, tokens and applications. */
import { z } from 'zod';
import { roles } from '../store/state.ts';
import { scopes } from './accounts.ts';
import { maxPasswordLength, minPasswordLength } from './password.ts';

export const username = z.string().regex(/^[A-Za-z0-9][\w.@-]{0,63}$/, {
  error: 'letters, digits, . _ @ -, at most 64, beginning with a letter or digit',
});
const password = z.string().min(minPasswordLength).max(maxPasswordLength);
const name = z.string().trim().min(1).max(255);
const role = z
  .enum(roles)
  .describe('admin: everything; viewer: reads, has consumers; datasource: sends for its applications');

export const userSchema = z.object({ username: z.string(), role, created_at: z.string() }).describe('A user');
export const newUserSchema = z.strictObject({ username, password, role });
export const userChangeSchema = z
  .strictObject({ password: password.optional(), role: role.optional() })
  .refine((change) => change.password !== undefined || change.role !== undefined, {
    error: 'a password or a role is needed',
  });

export const tokenSchema = z
  .object({
    id: z.int(),
    username: z.string(),
    name: z.string(),
    scopes: z.array(z.string()),
    created_at: z.string(),
    expires_at: z.string().nullable(),
  })
  .describe('A token, without its secret');
export const newTokenSchema = z.strictObject({
  username,
  name: name.default('api').describe('What it is for'),
  scopes: z.array(z.enum(scopes)).min(1).optional().describe("Without it all of the user's role"),
  expires_in: z.string().optional().describe('A duration: `90d`; without it the token never expires'),
});
export const createdTokenSchema = z
  .object({ token: z.string().describe('The secret: shown once, kept by nobody'), ...tokenSchema.shape })
  .describe('The token with its secret');
export const loginSchema = z.strictObject({
  username: z.string().max(64),
  password: z.string().max(maxPasswordLength),
});

export const applicationSchema = z
  .object({
    id: z.int(),
    name: z.string(),
    version: z.string().nullable(),
    environment: z.string().nullable(),
    owner: z.string().nullable().describe('The user who may send for it'),
    created_at: z.string(),
  })
  .describe('A release of an application');
export const newApplicationSchema = z.strictObject({
  name,
  version: name.nullable().default(null),
  environment: name.nullable().default(null),
  owner: username.nullable().default(null),
});
