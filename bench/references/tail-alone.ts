/** The file input alone: read, split, positions, identity; no parse and no store. `node tail-alone.ts FILE LINES`. */
import { pino } from 'pino';
import { FileInput } from '../../src/inputs/file/file-input.ts';
import { fileOptions } from '../../src/inputs/file/options.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createMetrics } from '../../src/runtime/metrics.ts';

const [path = '', wanted = '0'] = process.argv.slice(2);
const done = Promise.withResolvers<void>();
let lines = 0;
const input = new FileInput(fileOptions.parse({ include: [path] }), {
  name: 'file',
  open: () => ({
    async write(chunk) {
      lines += chunk.lines.length;
      if (lines >= Number(wanted)) done.resolve();
    },
    end: async () => undefined,
  }),
  knownPositions: async () => [],
  forgetGenerations: async () => undefined,
  clock: systemClock,
  logger: pino({ level: 'silent' }),
  metrics: createMetrics(),
  ownPaths: [],
});
await input.start();
await done.promise;
await input.stop();
console.log(lines);
