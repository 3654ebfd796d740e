/** Users, tokens and the owners of applications. Passwords and tokens come in as hashes and go out only to be compared. */
import { RegressionError } from '../../../runtime/errors.ts';
import type { AccountCalls, RegisteredApplication, Token, User } from '../../state.ts';
import type { Sqlite } from '../sqlite.ts';

const userColumns = 'id, username, role, created_at AS createdAt';
const tokenQuery = `
  SELECT tokens.id AS id, username, name, scopes, tokens.created_at AS createdAt, expires_at AS expiresAt
  FROM tokens JOIN users ON users.id = tokens.user_id`;
const applicationQuery = `
  SELECT applications.id AS id, name, version, environment, username AS owner, applications.created_at AS createdAt
  FROM applications LEFT JOIN users ON users.id = applications.owner_user_id`;

type TokenRow = Omit<Token, 'scopes'> & { readonly scopes: string };

export function accountCalls(database: Sqlite): AccountCalls {
  const findUser = (username: string): User | undefined =>
    database.get<User>(`SELECT ${userColumns} FROM users WHERE username = ?1`, [username]);
  const userOf = (username: string): User => findUser(username) ?? notFound(`there is no user ${username}`);
  const tokenWhere = (condition: string, value: string | number): Token | null => {
    const row = database.get<TokenRow>(`${tokenQuery} WHERE ${condition} = ?1`, [value]);
    return row === undefined ? null : tokenOf(row);
  };

  return {
    users: () => database.all<User>(`SELECT ${userColumns} FROM users ORDER BY username`),
    addUser({ username, password, role }) {
      if (findUser(username) !== undefined) conflict(`there is a user ${username} already`);
      database.run('INSERT INTO users (username, password, role, created_at) VALUES (?1, ?2, ?3, ?4)', [
        username,
        password,
        role,
        new Date().toISOString(),
      ]);
      return userOf(username);
    },
    changeUser(username, { password, role }) {
      const { id } = userOf(username);
      if (password !== undefined) database.run('UPDATE users SET password = ?1 WHERE id = ?2', [password, id]);
      if (role !== undefined) database.run('UPDATE users SET role = ?1 WHERE id = ?2', [role, id]);
      return userOf(username);
    },
    removeUser(username) {
      const user = userOf(username);
      database.run('DELETE FROM tokens WHERE user_id = ?1', [user.id]);
      database.run('UPDATE applications SET owner_user_id = NULL WHERE owner_user_id = ?1', [user.id]);
      database.run('DELETE FROM users WHERE id = ?1', [user.id]);
      return user;
    },
    credentials(username) {
      const user = findUser(username);
      const row = database.get<{ password: string }>('SELECT password FROM users WHERE username = ?1', [username]);
      return user === undefined || row === undefined ? null : { user, password: row.password };
    },
    tokens: () => database.all<TokenRow>(`${tokenQuery} ORDER BY tokens.id`).map(tokenOf),
    addToken({ username, name, digest, scopes, expiresAt }) {
      database.run(
        'INSERT INTO tokens (user_id, name, digest, scopes, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)',
        [userOf(username).id, name, digest, JSON.stringify(scopes), new Date().toISOString(), expiresAt],
      );
      return tokenWhere('digest', digest) ?? notFound('the token was not stored');
    },
    removeToken(id) {
      const token = tokenWhere('tokens.id', id) ?? notFound(`there is no token ${id}`);
      database.run('DELETE FROM tokens WHERE id = ?1', [id]);
      return token;
    },
    findToken(digest) {
      const token = tokenWhere('digest', digest);
      return token === null ? null : { token, user: userOf(token.username) };
    },
    applications: () => database.all<RegisteredApplication>(`${applicationQuery} ORDER BY name, applications.id`),
    registerApplication({ name, version, environment, owner }) {
      const ownerId = owner === null ? null : userOf(owner).id;
      database.run(
        `INSERT INTO applications (name, version, environment, owner_user_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (name, ifnull(version, ''), ifnull(environment, '')) DO UPDATE SET owner_user_id = excluded.owner_user_id`,
        [name, version, environment, ownerId, new Date().toISOString()],
      );
      const registered = database.get<RegisteredApplication>(
        `${applicationQuery} WHERE name = ?1 AND ifnull(version, '') = ifnull(?2, '') AND ifnull(environment, '') = ifnull(?3, '')`,
        [name, version, environment],
      );
      return registered ?? notFound('the application was not stored');
    },
    ownedApplications: (username) =>
      database
        .all<{ name: string }>(
          `SELECT DISTINCT name FROM applications JOIN users ON users.id = owner_user_id WHERE username = ?1 ORDER BY 1`,
          [username],
        )
        .map(({ name }) => name),
  };
}

function tokenOf(row: TokenRow): Token {
  return { ...row, scopes: JSON.parse(row.scopes) as string[] };
}

function notFound(message: string): never {
  throw new RegressionError('NOT_FOUND', message);
}

function conflict(message: string): never {
  throw new RegressionError('CONFLICT', message);
}
