import { test } from 'tap';
import { nearestName } from '../../src/runtime/nearest.ts';

void test('a slip of the fingers finds the name that was meant', async (t) => {
  const known = ['include', 'exclude', 'format', 'timezone', 'run', 'logs', 'parse'];
  const slips = {
    inclde: 'include',
    fromat: 'format',
    timezon: 'timezone',
    lgos: 'logs',
    prase: 'parse',
    Include: 'include',
  };
  for (const [slip, meant] of Object.entries(slips)) t.equal(nearestName(slip, known), meant, slip);
});

void test('a word that resembles nothing is given no name', async (t) => {
  t.equal(nearestName('elephant', ['run', 'logs']), undefined);
  t.equal(nearestName('x', []), undefined);
});
