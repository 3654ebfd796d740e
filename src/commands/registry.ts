/** Which commands exist. A new one is a file, a line here and a test. */
import { archive } from './archive.ts';
import { backup } from './backup.ts';
import { check } from './check.ts';
import { compare } from './compare.ts';
import { consumers } from './consumers.ts';
import { deadletters } from './deadletters.ts';
import { digest } from './digest.ts';
import { doctor } from './doctor.ts';
import { exportRows } from './export.ts';
import { importFiles } from './import.ts';
import { logs } from './logs.ts';
import { mcp } from './mcp.ts';
import { parse } from './parse.ts';
import { prune } from './prune.ts';
import { reload } from './reload.ts';
import { restore } from './restore.ts';
import { patterns } from './patterns.ts';
import { rotate } from './rotate.ts';
import { run } from './run.ts';
import { sql } from './sql.ts';
import { status } from './status.ts';
import { test } from './test.ts';
import { token } from './token.ts';
import { user } from './user.ts';
import { verify } from './verify.ts';

export const commands = {
  run,
  check,
  parse,
  import: importFiles,
  test,
  export: exportRows,
  logs,
  sql,
  patterns,
  compare,
  digest,
  mcp,
  consumers,
  deadletters,
  user,
  token,
  status,
  doctor,
  reload,
  rotate,
  archive,
  backup,
  prune,
  verify,
  restore,
};
