/** Writes the files that are derived from the schemas: `npm run generate`. A test fails when one of them is stale. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { exampleText, referenceText } from '../src/config/describe.ts';
import { apiText } from '../src/query/describe-api.ts';

/** Path from the project's root, and what makes its text. */
export const generatedFiles: Readonly<Record<string, () => string | Promise<string>>> = {
  'config/regression.yaml': exampleText,
  'docs/configuration.md': referenceText,
  'docs/api.md': apiText,
};

if (import.meta.main) {
  for (const [path, make] of Object.entries(generatedFiles)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, await make());
  }
}
