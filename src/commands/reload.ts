/** `regression reload`: the running daemon reads its configuration anew. What systemd's ExecReload calls. */
import type { Command } from './command.ts';

export const reload: Command<object> = {
  usage: 'reload',
  summary: 'Have the running daemon take over a changed configuration',
  examples: [
    ['regression reload', 'what changed is in force, and what needs a restart is said; a wrong file is refused'],
  ],
  async run(flags, surroundings) {
    const { openDaemon } = await import('./endpoint.ts');
    const endpoint = await openDaemon(flags, surroundings);
    try {
      const answer = await endpoint.client.reload(surroundings.signal);
      surroundings.stdout.write(flags.json ? `${JSON.stringify(answer)}\n` : textOf(answer));
    } finally {
      await endpoint.close();
    }
  },
};

function textOf({
  applied,
  needs_restart: waiting,
}: {
  applied: readonly string[];
  needs_restart: readonly string[];
}): string {
  const inForce = applied.length === 0 ? 'nothing new is in force' : `in force now: ${applied.join(', ')}`;
  return `${inForce}\n${waiting.length === 0 ? '' : `in force after a restart: ${waiting.join(', ')}\n`}`;
}
