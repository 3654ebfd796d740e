/**
 * Who asks, and what they may do: the admin token of the data directory, and the tokens of users in the store.
 *
 * A role is a set of scopes; a token has some of them. Tokens are 32 random bytes, so their plain SHA-256 can be kept and looked
 * up; passwords are only for `login`, which answers with a token for a while.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import { RegressionError } from '../runtime/errors.ts';
import type { Remote, AccountCalls, Role, Token } from '../store/state.ts';
import { isSameToken } from './admin-token.ts';
import { hashPassword, isPassword } from './password.ts';
import { Throttle } from './throttle.ts';

export const scopes = ['read', 'consume', 'ingest', 'sql', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** admin: everything; viewer: reads and has consumers; datasource: sends for the applications it owns, reads nothing. */
export const scopesOfRole: Readonly<Record<Role, readonly Scope[]>> = {
  admin: scopes,
  viewer: ['read', 'consume'],
  datasource: ['ingest'],
};

export interface Principal {
  /** The user's name; `admin.token` for the holder of the data directory's token. */
  readonly name: string;
  readonly role: Role;
  readonly scopes: ReadonlySet<Scope>;
  /** Tells tokens apart, for limits: never the token itself. */
  readonly tokenName: string;
}

export interface NewToken {
  readonly token: Token;
  /** Shown once, kept by nobody. */
  readonly secret: string;
}

interface Known {
  readonly principal: Principal;
  readonly expiresAtMs: number;
}

const maxRemembered = 1000;
const sessionMs = 12 * 3_600_000;

export class Accounts {
  readonly #state: Remote<AccountCalls>;
  readonly #clock: Clock;
  readonly #adminToken: string;
  readonly #throttle: Throttle;
  /** By digest. All changes go through this object, which forgets what it knows then. */
  #known = new Map<string, Known>();

  constructor(state: Remote<AccountCalls>, adminToken: string, clock: Clock) {
    this.#state = state;
    this.#adminToken = adminToken;
    this.#clock = clock;
    this.#throttle = new Throttle(clock);
  }

  /** Null for a token that is not known, not valid any more, or whose user is gone. */
  async principalOf(token: string): Promise<Principal | null> {
    if (isSameToken(token, this.#adminToken)) {
      return { name: 'admin.token', role: 'admin', scopes: new Set(scopes), tokenName: 'admin.token' };
    }
    const digest = digestOf(token);
    const known = this.#known.get(digest) ?? (await this.#find(digest));
    return known === null || known.expiresAtMs <= this.#clock.nowMs() ? null : known.principal;
  }

  /** How long an asker who keeps giving wrong tokens is not looked at; see `Throttle`. */
  get throttle(): Throttle {
    return this.#throttle;
  }

  /** How long the next login of this user, or from this address, is not looked at. */
  loginDelayMs(username: string, remote: string): number {
    return Math.max(...loginAskers(username, remote).map((asker) => this.#throttle.delayMs(asker)));
  }

  /**
   * A token of the user's own for some hours.
   * @param remote who asks, for the throttle.
   * @throws RegressionError `UNAUTHORIZED`; `OVERLOADED` when too many logins wait.
   */
  async login(username: string, password: string, remote: string): Promise<NewToken> {
    const askers = loginAskers(username, remote);
    const found = await this.#state.credentials(username);
    // Counted before it is known: many at once are no way around the throttle.
    for (const asker of askers) this.#throttle.failed(asker);
    if (!(await isPassword(password, found?.password ?? null)) || found === null) {
      throw new RegressionError('UNAUTHORIZED', 'the user name or the password is wrong');
    }
    for (const asker of askers) this.#throttle.succeeded(asker);
    const expiresAt = new Date(this.#clock.nowMs() + sessionMs).toISOString();
    return this.createToken({ username, name: 'login', scopes: scopesOfRole[found.user.role], expiresAt });
  }

  async createToken(token: {
    readonly username: string;
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly expiresAt: string | null;
  }): Promise<NewToken> {
    const secret = `rgr_${randomBytes(32).toString('base64url')}`;
    return { token: await this.#state.addToken({ ...token, digest: digestOf(secret) }), secret };
  }

  async removeToken(id: number): Promise<Token> {
    this.#known = new Map();
    return this.#state.removeToken(id);
  }

  async addUser(username: string, password: string, role: Role) {
    return this.#state.addUser({ username, password: await hashPassword(password), role });
  }

  async changeUser(
    username: string,
    change: { readonly password?: string | undefined; readonly role?: Role | undefined },
  ) {
    const password = change.password === undefined ? {} : { password: await hashPassword(change.password) };
    const changed = await this.#state.changeUser(username, {
      ...password,
      ...(change.role === undefined ? {} : { role: change.role }),
    });
    this.#known = new Map();
    return changed;
  }

  async removeUser(username: string) {
    const removed = await this.#state.removeUser(username);
    this.#known = new Map();
    return removed;
  }

  /** An admin sends for any application, a datasource for those it owns. */
  async maySendFor(principal: Principal, application: string): Promise<boolean> {
    if (principal.role === 'admin') return true;
    return (await this.#state.ownedApplications(principal.name)).includes(application);
  }

  async #find(digest: string): Promise<Known | null> {
    const before = this.#known;
    const found = await this.#state.findToken(digest);
    if (found === null) return null;
    const { token, user } = found;
    const allowed = scopesOfRole[user.role].filter((scope) => token.scopes.includes(scope));
    const known: Known = {
      principal: { name: user.username, role: user.role, scopes: new Set(allowed), tokenName: `token ${token.id}` },
      expiresAtMs: token.expiresAt === null ? Infinity : Date.parse(token.expiresAt),
    };
    // What was revoked while the store was asked is not remembered.
    if (before === this.#known && before.size < maxRemembered) before.set(digest, known);
    return known;
  }
}

function loginAskers(username: string, remote: string): string[] {
  return [`user ${username}`, `login ${remote}`];
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
