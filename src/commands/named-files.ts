/**
 * What a configuration names beside itself: files with certificates, keys and secrets, variables with secrets. Whether each is there and may be read.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/schema.ts';
import { messageOf, systemCodeOf } from '../runtime/errors.ts';
import type { Finding, Host } from './finding.ts';

interface Named {
  /** `sinks[0].auth.token` */
  readonly option: string;
  readonly file?: string;
  readonly env?: string;
}

const check = 'named files';
const dayMs = 86_400_000;
/** Whoever renews certificates by hand wants to know this long before. */
const expirySoonMs = 14 * dayMs;

export async function namedFiles(config: Config, { nowMs, env }: Host): Promise<Finding[]> {
  const named = [
    ...namedIn(config.server, 'server'),
    ...config.inputs.flatMap((input, index) => namedIn(input, `inputs[${index}]`)),
    ...config.sinks.flatMap((sink, index) => namedIn(sink, `sinks[${index}]`)),
  ];
  const findings = await Promise.all(
    named.map(({ option, file, env: variable }) =>
      file === undefined
        ? Promise.resolve(variableFinding(option, variable ?? '', env))
        : fileFinding(option, file, nowMs),
    ),
  );
  const wrong = findings.filter((finding) => finding !== null);
  if (wrong.length > 0 || named.length === 0) return wrong;
  return [{ check, outcome: 'ok', says: `${named.length} certificates, keys and secrets can be read` }];
}

/** `tls` of whatever has one, and secrets wherever they stand: `{ file: PATH }`, `{ env: NAME }`. */
function namedIn(value: unknown, option: string): Named[] {
  if (typeof value !== 'object' || value === null) return [];
  const { file, env } = value as Record<string, unknown>;
  const names = Object.keys(value);
  if (names.length === 1 && typeof file === 'string') return [{ option, file }];
  if (names.length === 1 && typeof env === 'string') return [{ option, env }];
  return Object.entries(value).flatMap(([key, child]): Named[] => {
    const isTlsFile = /(?:^|\.)tls$/.test(option) && ['cert', 'key', 'ca'].includes(key) && typeof child === 'string';
    return isTlsFile ? [{ option: `${option}.${key}`, file: child }] : namedIn(child, `${option}.${key}`);
  });
}

async function fileFinding(option: string, path: string, nowMs: number): Promise<Finding | null> {
  try {
    const text = await readFile(path, 'utf8');
    return option.endsWith('.cert') ? expiryOf(option, path, text, nowMs) : null;
  } catch (error) {
    const code = systemCodeOf(error);
    const mend =
      code === 'ENOENT'
        ? `Put it there, or change ${option}.`
        : `Let the daemon's user read it: setfacl -m u:USER:r ${path}; or change ${option}.`;
    return { check, outcome: 'failed', says: `${option}: ${path} cannot be read (${code ?? messageOf(error)})`, mend };
  }
}

function expiryOf(option: string, path: string, text: string, nowMs: number): Finding | null {
  try {
    const { validTo } = new X509Certificate(text);
    const endsMs = Date.parse(validTo);
    if (endsMs - nowMs > expirySoonMs) return null;
    const isOver = endsMs <= nowMs;
    const says = `${option}: ${path} ${isOver ? 'is valid no more since' : 'is valid only until'} ${new Date(endsMs).toISOString()}`;
    return { check, outcome: isOver ? 'failed' : 'warning', says, mend: 'Renew it, then: regression reload.' };
  } catch (error) {
    const says = `${option}: ${path} holds no certificate (${messageOf(error)})`;
    return { check, outcome: 'failed', says, mend: `Put a certificate in PEM there, or change ${option}.` };
  }
}

function variableFinding(option: string, name: string, env: Host['env']): Finding | null {
  if ((env[name] ?? '') !== '') return null;
  const mend = `Set it for the daemon: a line ${name}=... in /etc/regression/environment; or name a file instead.`;
  return { check, outcome: 'warning', says: `${option}: the variable ${name} is not set here`, mend };
}
