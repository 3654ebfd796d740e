/** The results cache: answers of AI jobs, with a time to live, bounded in bytes. */
import { RegressionError } from '../../../runtime/errors.ts';
import type { CachedResult, ResultCalls } from '../../state.ts';
import type { Sqlite } from '../sqlite.ts';

export function resultCalls(database: Sqlite): ResultCalls {
  const find = (key: string, now: string): CachedResult | null =>
    database.get<CachedResult>(
      `SELECT key, owner, etag, content_type AS contentType, body, created_at AS createdAt, expires_at AS expiresAt
       FROM results WHERE key = ?1 AND expires_at > ?2`,
      [key, now],
    ) ?? null;

  return {
    result: find,
    putResult({ key, owner, etag, contentType, body, createdAt, expiresAt }, { ifMatch, ifNoneMatch }, maxTotalBytes) {
      const known = find(key, createdAt);
      const holds = (ifMatch === undefined || known?.etag === ifMatch) && !(ifNoneMatch === true && known !== null);
      if (!holds) {
        throw new RegressionError('CONFLICT', `the result ${key} is not what the condition says`, {
          hint: 'Get it again: somebody else has written it meanwhile.',
        });
      }
      database.run(
        `INSERT INTO results (key, owner, etag, content_type, body, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, etag = excluded.etag, content_type = excluded.content_type,
           body = excluded.body, created_at = excluded.created_at, expires_at = excluded.expires_at`,
        [key, owner, etag, contentType, body, createdAt, expiresAt],
      );
      database.run('DELETE FROM results WHERE expires_at <= ?1', [createdAt]);
      // Over the bound the oldest go, the one just written last of all.
      database.run(
        `DELETE FROM results WHERE key IN (
           SELECT key FROM (
             SELECT key, sum(length(body)) OVER (ORDER BY key = ?1 DESC, created_at DESC, key) AS bytes FROM results)
           WHERE bytes > ?2)`,
        [key, maxTotalBytes],
      );
    },
    removeResult(key) {
      const isThere = database.get('SELECT 1 FROM results WHERE key = ?1', [key]) !== undefined;
      database.run('DELETE FROM results WHERE key = ?1', [key]);
      return isThere;
    },
  };
}
