/** `regression token`: secrets that programs ask and send with. */
import { RegressionError } from '../runtime/errors.ts';
import type { Command } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { tableText } from './table.ts';

const actions = ['list', 'create', 'revoke'] as const;

interface Flags {
  readonly action: (typeof actions)[number];
  readonly subject?: string;
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly expiresIn?: string;
}

export const token: Command<Flags> = {
  usage: 'token <action> [subject]',
  summary: 'Tokens: list, create for a user, revoke by number',
  positionals: {
    action: { choices: actions, demandOption: true, describe: 'What to do' },
    subject: { type: 'string', describe: 'create: the user; revoke: the number of the token' },
  },
  flags: {
    name: { type: 'string', describe: 'What it is for', requiresArg: true },
    scope: {
      type: 'string',
      array: true,
      describe: "read, consume, ingest, sql, admin; without it all of the user's role",
      requiresArg: true,
    },
    expiresIn: { type: 'string', describe: 'A duration: 90d; without it never', requiresArg: true },
  },
  examples: [
    ['regression token create alice --name nightly --expires-in 90d', 'the secret is printed once'],
    ['regression token revoke 3', 'not valid from then on'],
  ],
  async run({ action, subject, name, scope, expiresIn, ...flags }, surroundings) {
    const { stdout, stderr } = surroundings;
    if (action !== 'list' && subject === undefined) {
      throw new RegressionError(
        'USAGE',
        `${action === 'create' ? 'the name of the user' : 'the number of the token'} is missing`,
        {
          hint: `regression token ${action} ${action === 'create' ? 'alice' : '3'}`,
        },
      );
    }
    if (action === 'revoke' && !/^[1-9]\d{0,14}$/.test(subject ?? '')) {
      throw new RegressionError('USAGE', `the number of the token: ${JSON.stringify(subject)} is none`, {
        hint: '`regression token list` shows them.',
      });
    }
    const endpoint = await openEndpoint({ command: 'token' }, flags, surroundings);
    const { client } = endpoint;
    try {
      if (action === 'list') {
        const tokens = await client.tokens();
        if (flags.json) for (const each of tokens) stdout.write(`${JSON.stringify(each)}\n`);
        else {
          const rows = tokens.map((each) => [
            each.id,
            each.username,
            each.name,
            each.scopes.join(' '),
            each.expires_at ?? 'never',
          ]);
          stdout.write(tableText(['id', 'user', 'name', 'scopes', 'expires'], rows));
        }
      } else if (action === 'create') {
        const created = await client.createToken({
          username: subject ?? '',
          ...(name === undefined ? {} : { name }),
          ...(scope === undefined ? {} : { scopes: scope }),
          ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
        });
        if (!flags.json) stderr.write(`token ${created.id} of ${created.username}; it is shown this once:\n`);
        stdout.write(flags.json ? `${JSON.stringify(created)}\n` : `${created.token}\n`);
      } else {
        const revoked = await client.revokeToken(Number(subject));
        stdout.write(
          flags.json ? `${JSON.stringify(revoked)}\n` : `revoked token ${revoked.id} of ${revoked.username}\n`,
        );
      }
    } finally {
      await endpoint.close();
    }
  },
};
