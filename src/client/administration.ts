/** The part of the client that looks after a daemon: who may ask, what it follows and forwards, its tasks. */
import { type ClientOptions, Connection } from './connection.ts';
import type { Application, CreatedToken, InputsQuery, Role, Token, User } from './types.ts';
import type { InputsAnswer } from '../query/routes/inputs.ts';
import type { ReloadAnswer } from '../query/routes/reload.ts';
import type { DeadLetterAnswer, SinksAnswer } from '../query/routes/sinks.ts';
import type { StoreAnswer } from '../query/routes/store.ts';
import type { TaskAnswer } from '../query/routes/tasks.ts';

export interface TaskOutcome {
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

export class AdministrationClient {
  protected readonly connection: Connection;

  constructor(options: ClientOptions) {
    this.connection = new Connection(options);
  }

  users(): Promise<readonly User[]> {
    return this.connection.get('users');
  }

  addUser(user: { readonly username: string; readonly password: string; readonly role: Role }): Promise<User> {
    return this.connection.send('POST', 'users', user);
  }

  changeUser(username: string, change: { readonly password?: string; readonly role?: Role }): Promise<User> {
    return this.connection.send('PATCH', `users/${username}`, change);
  }

  removeUser(username: string): Promise<User> {
    return this.connection.send('DELETE', `users/${username}`);
  }

  tokens(): Promise<readonly Token[]> {
    return this.connection.get('tokens');
  }

  createToken(token: {
    readonly username: string;
    readonly name?: string;
    readonly scopes?: readonly string[];
    readonly expires_in?: string;
  }): Promise<CreatedToken> {
    return this.connection.send('POST', 'tokens', token);
  }

  revokeToken(id: number): Promise<Token> {
    return this.connection.send('DELETE', `tokens/${id}`);
  }

  applications(): Promise<readonly Application[]> {
    return this.connection.get('applications');
  }

  registerApplication(application: {
    readonly name: string;
    readonly version?: string | null;
    readonly environment?: string | null;
    readonly owner?: string | null;
  }): Promise<Application> {
    return this.connection.send('POST', 'applications', application);
  }

  /** What is followed, how far, and what is lost; of one file when `path` is given. */
  inputs(query: InputsQuery = {}, signal?: AbortSignal): Promise<InputsAnswer> {
    return this.connection.get('inputs', { ...query }, signal);
  }

  /** What the store holds, and how the daemon's parts are. */
  store(signal?: AbortSignal): Promise<StoreAnswer> {
    return this.connection.get('store', {}, signal);
  }

  /** Where each sink stands. */
  sinks(signal?: AbortSignal): Promise<SinksAnswer> {
    return this.connection.get('sinks', {}, signal);
  }

  deadLetters(
    query: { readonly sink?: string | undefined; readonly limit?: number | undefined } = {},
    signal?: AbortSignal,
  ): Promise<readonly DeadLetterAnswer[]> {
    return this.connection.get('dead_letters', { ...query }, signal);
  }

  /** Has dead letters of a sink sent once more, or drops them; all of them without `ids`. */
  changeDeadLetters(
    action: 'retry' | 'drop',
    sink: string,
    ids?: readonly number[],
  ): Promise<{ readonly letters: number }> {
    return this.connection.send(
      'POST',
      `sinks/${encodeURIComponent(sink)}/dead_letters/${action}`,
      ids === undefined ? {} : { ids },
    );
  }

  /** How the tasks are doing. */
  async tasks(signal?: AbortSignal): Promise<readonly TaskAnswer[]> {
    return (await this.connection.get<{ tasks: readonly TaskAnswer[] }>('tasks', {}, signal)).tasks;
  }

  /** Runs a task of the daemon; resolves when it is done, however long that takes. */
  async runTask(name: string, signal?: AbortSignal): Promise<TaskOutcome> {
    const body = await this.connection.ask('POST', `tasks/${name}/run?wait=true`, undefined, signal, {
      headersTimeout: 0,
    });
    return JSON.parse(await body.text()) as TaskOutcome;
  }

  /** Has the daemon take over what changed in its configuration. */
  reload(signal?: AbortSignal): Promise<ReloadAnswer> {
    return this.connection.send('POST', 'reload', undefined, signal);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
