/** Name and version of this release, from package.json. */
import { readFileSync } from 'node:fs';

const path = new URL('../package.json', import.meta.url);

export const version = readVersion();

function readVersion(): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }).version;
}

/**
 * Null while the files that this program was started from are still those of its release. Modules and threads that it loads later come from them: an
 * upgrade in place mixes two releases.
 */
export function replacedFiles(): string | null {
  try {
    const now = readVersion();
    return now === version ? null : `version ${version} runs, and its files were replaced by those of ${now}`;
  } catch {
    return `version ${version} runs, and its files are gone`;
  }
}
