/**
 * Which commands exist. A new one is a file, a line here and a test. Each is loaded when its name is on the command line, or all for
 * `--help`: what one command needs costs no other its start.
 */
import type { Command } from './command.ts';

export const commands = {
  run: async () => (await import('./run.ts')).run,
  check: async () => (await import('./check.ts')).check,
  parse: async () => (await import('./parse.ts')).parse,
  import: async () => (await import('./import.ts')).importFiles,
  test: async () => (await import('./test.ts')).test,
  export: async () => (await import('./export.ts')).exportRows,
  logs: async () => (await import('./logs.ts')).logs,
  sql: async () => (await import('./sql.ts')).sql,
  patterns: async () => (await import('./patterns.ts')).patterns,
  compare: async () => (await import('./compare.ts')).compare,
  digest: async () => (await import('./digest.ts')).digest,
  mcp: async () => (await import('./mcp.ts')).mcp,
  consumers: async () => (await import('./consumers.ts')).consumers,
  deadletters: async () => (await import('./deadletters.ts')).deadletters,
  user: async () => (await import('./user.ts')).user,
  token: async () => (await import('./token.ts')).token,
  status: async () => (await import('./status.ts')).status,
  doctor: async () => (await import('./doctor.ts')).doctor,
  reload: async () => (await import('./reload.ts')).reload,
  rotate: async () => (await import('./rotate.ts')).rotate,
  archive: async () => (await import('./archive.ts')).archive,
  backup: async () => (await import('./backup.ts')).backup,
  prune: async () => (await import('./prune.ts')).prune,
  verify: async () => (await import('./verify.ts')).verify,
  restore: async () => (await import('./restore.ts')).restore,
} satisfies Record<string, () => Promise<Command<never>>>;

export type CommandName = keyof typeof commands;
