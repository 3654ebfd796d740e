/**
 * Passwords as PHC strings (github.com/P-H-C/phc-string-format) of scrypt, N=2^15, r=8, p=3. One is worked on at a time: each
 * takes 32 MiB and tens of milliseconds of a core, which a flood of logins must not multiply.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { RegressionError } from '../runtime/errors.ts';

const parameters = { logN: 15, r: 8, p: 3 } as const;
const saltBytes = 16;
const hashBytes = 32;
const maxWaiting = 20;

export const minPasswordLength = 8;
export const maxPasswordLength = 1024;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const { logN, r, p } = parameters;
  const hash = await inTurn(() => derive(password, salt, parameters));
  return `$scrypt$ln=${logN},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;
}

/**
 * @param phc null when there is no such user: the answer takes as long, so that it does not tell who exists.
 * @throws RegressionError `OVERLOADED` when too many wait.
 */
export async function isPassword(password: string, phc: string | null): Promise<boolean> {
  const stored = phc === null ? null : readPhc(phc);
  const { salt, hash, cost } = stored ?? {
    salt: Buffer.alloc(saltBytes),
    hash: Buffer.alloc(hashBytes),
    cost: parameters,
  };
  const derived = await inTurn(() => derive(password, salt, cost));
  return timingSafeEqual(derived, hash) && stored !== null;
}

function readPhc(phc: string) {
  const [, logN, r, p, salt, hash] = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(phc) ?? [];
  if (salt === undefined || hash === undefined) return null;
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  return { salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64'), cost };
}

function derive(
  password: string,
  salt: Buffer,
  { logN, r, p }: { logN: number; r: number; p: number },
): Promise<Buffer> {
  const options = { N: 2 ** logN, r, p, maxmem: 64 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, hashBytes, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

let turn: Promise<unknown> = Promise.resolve();
let waiting = 0;

async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  if (waiting >= maxWaiting) throw new RegressionError('OVERLOADED', 'too many logins at once', { retryable: true });
  waiting++;
  const mine = turn.then(work);
  turn = mine.catch(() => undefined);
  try {
    return await mine;
  } finally {
    waiting--;
  }
}

/** Without padding, as PHC strings have it. */
function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
