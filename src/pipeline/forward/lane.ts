/**
 * Brings rows to an upstream, in their order, until each is delivered or known to be refused. What is rejected as a whole is halved
 * until the row that is to blame stands alone.
 */
import type { Rows } from '../../sinks/rows.ts';
import type { Delivery } from '../../sinks/sink.ts';
import type { NewDeadLetter } from '../../store/sink-state.ts';

export interface LaneOptions {
  /** Sends once it may be sent. @throws when nothing may be sent any more. */
  readonly send: (rows: Rows) => Promise<Delivery>;
  /** A row alone was rejected, by a status and not by name. False: so many in a row were that it can hardly be the rows. */
  readonly mayBeRefused: (reason: string) => boolean;
  /** Rows were refused for good, and nobody knows which. */
  readonly onUnnamed: (rows: number, reason: string) => void;
}

export interface LaneOutcome {
  readonly deliveredRows: number;
  readonly deadLetters: readonly NewDeadLetter[];
}

/** Null when nothing is taken as it seems: the rows are to be sent anew, all of them. */
export async function deliverAll(rows: Rows, options: LaneOptions): Promise<LaneOutcome | null> {
  const deadLetters: NewDeadLetter[] = [];
  let deliveredRows = 0;
  const parts: Rows[] = rows.length === 0 ? [] : [rows];
  for (;;) {
    const part = parts[0];
    if (part === undefined) return { deliveredRows, deadLetters };
    const delivery = await options.send(part);
    switch (delivery.kind) {
      case 'delivered':
        deliveredRows += part.length - (delivery.unnamed?.rows ?? 0);
        if (delivery.unnamed !== undefined) options.onUnnamed(delivery.unnamed.rows, delivery.unnamed.reason);
        parts.shift();
        break;
      case 'partly': {
        const { refused, again } = delivery;
        for (const { index, reason } of refused) deadLetters.push(letterOf(part, index, reason));
        deliveredRows += part.length - refused.length - again.length;
        if (again.length === 0) parts.shift();
        else parts[0] = part.pick(again);
        break;
      }
      case 'rejected': {
        if (part.length > 1) {
          const half = Math.ceil(part.length / 2);
          parts.splice(0, 1, part.slice(0, half), part.slice(half));
          break;
        }
        if (delivery.isTooLarge !== true && !options.mayBeRefused(delivery.reason)) return null;
        deadLetters.push(letterOf(part, 0, delivery.reason));
        parts.shift();
        break;
      }
      case 'unavailable':
      case 'refused':
        break; // the same once more; when, is for `send` to say
      default:
        return delivery satisfies never;
    }
  }
}

/** Rows of one source stay together, and in order. */
export function lanesOf(rows: Rows, lanes: number): readonly Rows[] {
  if (lanes === 1) return [rows];
  const divided: number[][] = Array.from({ length: lanes }, () => []);
  let index = 0;
  for (const { application, source } of rows) divided[hashOf(`${application}\n${source}`) % lanes]?.push(index++);
  return divided.filter((lane) => lane.length > 0).map((lane) => rows.pick(lane));
}

/** FNV-1a, 32 bits: the same in every run, which makes a batch that comes again the same parts. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

function letterOf(rows: Rows, index: number, reason: string): NewDeadLetter {
  const row = rows.at(index);
  return { logId: row.id, row: JSON.stringify(row), reason };
}
