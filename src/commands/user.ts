/** `regression user`: who may ask. */
import { text } from 'node:stream/consumers';
import { RegressionError } from '../runtime/errors.ts';
import { type Role, roles } from '../store/state.ts';
import type { Command, Surroundings } from './command.ts';
import { openEndpoint } from './endpoint.ts';
import { tableText } from './table.ts';

const actions = ['list', 'add', 'remove', 'password', 'role'] as const;

interface Flags {
  readonly action: (typeof actions)[number];
  readonly username?: string;
  readonly role?: Role;
}

export const user: Command<Flags> = {
  usage: 'user <action> [username]',
  summary: 'Users: list, add, remove, set password or role',
  positionals: {
    action: { choices: actions, demandOption: true, describe: 'What to do' },
    username: { type: 'string', describe: 'The user' },
  },
  flags: {
    role: {
      choices: roles,
      describe: 'admin: everything; viewer: reads, has consumers; datasource: sends for its applications',
      requiresArg: true,
    },
  },
  examples: [
    [
      'regression user add alice --role viewer < password.txt',
      'the password comes from standard input, never from a flag',
    ],
    ['regression user role alice --role admin', 'another role'],
    ['regression user list', 'all of them'],
  ],
  async run({ action, username, role, ...flags }, surroundings) {
    const { stdout } = surroundings;
    const named = (): string => username ?? missing('the name of the user', `regression user ${action} alice`);
    const chosen = (): Role => role ?? missing('--role', `One of ${roles.join(', ')}.`);
    // What is missing is said before anything is opened or read.
    if (action !== 'list') named();
    if (action === 'role') chosen();
    const password = action === 'add' || action === 'password' ? await readPassword(surroundings) : '';
    if (action === 'add') {
      const { newUserSchema } = await import('../query/account-schemas.ts');
      const { checkRequest } = await import('../query/refusal.ts');
      checkRequest(newUserSchema, { username, password, role: role ?? 'viewer' }); // it may make the data directory
    }
    const endpoint = await openEndpoint({ command: 'user', mayCreate: action === 'add' }, flags, surroundings);
    const { client } = endpoint;
    try {
      if (action === 'list') {
        const users = await client.users();
        if (flags.json) for (const each of users) stdout.write(`${JSON.stringify(each)}\n`);
        else
          stdout.write(
            tableText(
              ['user', 'role', 'created'],
              users.map((each) => [each.username, each.role, each.created_at]),
            ),
          );
        return;
      }
      const changed = await {
        add: () => client.addUser({ username: named(), password, role: role ?? 'viewer' }),
        remove: () => client.removeUser(named()),
        password: () => client.changeUser(named(), { password }),
        role: () => client.changeUser(named(), { role: chosen() }),
      }[action]();
      stdout.write(
        flags.json ? `${JSON.stringify(changed)}\n` : `${done[action]} ${changed.username} (${changed.role})\n`,
      );
    } finally {
      await endpoint.close();
    }
  },
};

const done = { add: 'added', remove: 'removed', password: 'new password for', role: 'changed' } as const;

/** Never a flag: flags are seen in the list of processes and kept in the shell's history. */
async function readPassword({ stdin, stderr }: Surroundings): Promise<string> {
  if ('isTTY' in stdin && stdin.isTTY === true) stderr.write('Password, then Enter and Ctrl-D: ');
  return (await text(stdin)).replace(/\r?\n$/, '');
}

function missing(what: string, hint: string): never {
  throw new RegressionError('USAGE', `${what} is missing`, { hint });
}
